"""What gain in accuracy a comparison on given clips could find at all: the power of an evaluation, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from affekt.counted import counted
from affekt.json_document import JsonDocument
from affekt.statistics.power import Design, power, smallest_found

#: The gain of which it is told how often it is found, as a share of the clips.
GAIN = 0.1
#: Simulated comparisons, and how many subjects all of them hold at most.
_DRAWS, _CELLS = 1000, 300_000


@dataclass(frozen=True)
class DetectableGain(JsonDocument):
    """How often a truly better model is found to be better on the clips of an evaluation.

    Attributes:
        clips, subjects: that are compared on; 0 subjects where none is known.
        gain: a true gain in accuracy, as a share of the clips.
        found: the share of comparisons in which that gain is beyond noise: the interval lies above zero.
        gain_found_80_of_100: the smallest gain that is found 80 times of 100; None if none is.
        disagreement: the share of clips that just one of the two models gets right, on which this rests.
        scatter: standard deviation of the people's own gains, on which it rests as well.
        measured_on: the model whose answers were compared with the evaluated ones to find these two; ``""`` where there
            is none, and both are assumed.
        unnamed: of the clips those that name nobody, each of which counts as a person of its own.
    """

    clips: int
    subjects: int
    gain: float
    found: float
    gain_found_80_of_100: float | None
    disagreement: float
    scatter: float
    measured_on: str = ""
    unnamed: int = 0

    def told(self, unit: str = "clips") -> str:
        """In a sentence.

        Args:
            unit: what is compared on, ``clips`` or ``images``.
        """
        whom = counted(self.subjects, "people") if self.subjects else counted(self.clips, unit)
        if self.subjects and 0 < self.unnamed < self.clips:
            whom += f" and {counted(self.unnamed, unit)} of nobody named"
        text = (
            f"A comparison of two models on {whom} finds a gain of {100 * self.gain:g} points in "
            f"{100 * self.found:.0f} of 100 cases"
        )
        if self.gain_found_80_of_100 is None:
            return f"{text}, and no gain in 80 of 100."
        return f"{text}, and one of {100 * self.gain_found_80_of_100:.3g} points in 80 of 100."


def detectable_gain(
    subjects: Sequence[str],
    right: np.ndarray,
    other: np.ndarray | None,
    *,
    confidence: float,
    seed: int,
    measured_on: str = "",
) -> DetectableGain:
    """How often a comparison on these clips finds a gain (:func:`affekt.statistics.power.power`).

    Args:
        subjects: N names, ``""`` where not known.
        right: bool ``[N]``, which clips the evaluated answers got right.
        other: the same of another model, for how differently two models answer; None where there is none.
        confidence: of the interval that has to lie above zero.
        seed: of the simulation.
        measured_on: the name of the other model.
    """
    design = Design.of(subjects) if other is None else Design.of(subjects, other, right)
    draws = max(50, min(_DRAWS, _CELLS // len(design.sizes)))
    found = partial(power, design, chance=(1 - confidence) / 2, draws=draws, seed=seed)
    return DetectableGain(
        clips=design.clips,
        subjects=len({name for name in subjects if name}),
        gain=GAIN,
        found=found(GAIN),
        gain_found_80_of_100=smallest_found(found),
        disagreement=design.disagreement,
        scatter=design.scatter,
        measured_on=measured_on if other is not None else "",
        unnamed=sum(not name for name in subjects),
    )
