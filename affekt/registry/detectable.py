"""What a decision could have found: how often a gain is beyond noise on the clips and people that it rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from affekt.counted import counted
from affekt.json_document import JsonDocument
from affekt.registry.spending import Level
from affekt.statistics.power import Design, power, power_above_chance, smallest_found

#: Gains in points of which it is told how often they are found.
GAINS = (5, 10, 15, 20)
_TOLD = 10
#: Simulated decisions, and how many subjects all of them hold at most.
_DRAWS, _CELLS = 2000, 600_000


@dataclass(frozen=True)
class Detectable(JsonDocument):
    """How often a true gain is found.

    Attributes:
        clips, subjects: that are decided on; 0 subjects where none is known.
        level: the chance of a false promotion that the decision may spend (one-sided).
        over: what is exceeded: ``champion``, in accuracy, or ``chance``, in the mean of the labels' recalls.
        found: the share of decisions that find a gain, by the gain in points.
        gain_found_80_of_100: the smallest gain that is found 80 times of 100, as a share of the clips; None if none is.
        disagreement: the share of clips that just one of two models gets right, on which this rests.
        scatter: standard deviation of the people's own gains, on which it rests as well.
        unit: what is decided on, ``clips`` or ``images``.
        unnamed: of the clips those that name nobody, each of which counts as a person of its own.
    """

    clips: int
    subjects: int
    level: float
    over: str
    found: Mapping[str, float]
    gain_found_80_of_100: float | None
    disagreement: float
    scatter: float
    unit: str = "clips"
    unnamed: int = 0

    def told(self) -> str:
        """In a sentence."""
        count, kind = (self.subjects, "subjects") if self.subjects else (self.clips, self.unit)
        whom = f"{'this' if count == 1 else 'these'} {counted(count, kind)}"
        if self.subjects and 0 < self.unnamed < self.clips:
            whom, count = f"{whom} and {counted(self.unnamed, self.unit)} of nobody named", count + self.unnamed
        what = "a gain of" if self.over == "champion" else "a mean recall above chance by"
        hits = round(100 * self.found[str(_TOLD)])
        text = f"On {whom} {what} {_TOLD} points is found {counted(hits, 'times')} of 100"
        if self.gain_found_80_of_100 is None:
            return (
                f"{text}; {'it is too little' if count == 1 else 'they are too few'} to find any gain 80 times of 100."
            )
        return f"{text}, one of {100 * self.gain_found_80_of_100:.3g} points 80 times of 100."


def above_champion(
    design: Design, subjects: Sequence[str], level: Level, margin: float, *, seed: int, unit: str = "clips"
) -> Detectable:
    """What is found against a champion.

    Args:
        design: the clips, and how differently the two answer.
        subjects: of the clips, ``""`` where not known.
        level: what the decision may spend.
        margin: the gain that must be exceeded.
        seed: of the simulation.
        unit: what is decided on.
    """
    found = partial(power, design, chance=level.chance, margin=margin, draws=_draws(design), seed=seed)
    return _detectable(found, design, subjects, level, "champion", unit)


def above_chance(
    design: Design, subjects: Sequence[str], labels: int, level: Level, *, seed: int, unit: str = "clips"
) -> Detectable:
    """What is found of a first champion, which must beat chance among ``labels`` labels; else as above."""
    found = partial(
        power_above_chance, design.sizes, labels,
        chance=level.chance, scatter=design.scatter, draws=_draws(design), seed=seed,
    )  # fmt: skip
    return _detectable(found, design, subjects, level, "chance", unit)


def _draws(design: Design) -> int:
    return max(50, min(_DRAWS, _CELLS // len(design.sizes)))


def _detectable(
    found: Callable[[float], float], design: Design, subjects: Sequence[str], level: Level, over: str, unit: str
) -> Detectable:
    return Detectable(
        clips=len(subjects),
        subjects=len({name for name in subjects if name}),
        level=level.chance,
        over=over,
        found={str(gain): found(gain / 100) for gain in GAINS},
        gain_found_80_of_100=smallest_found(found),
        disagreement=design.disagreement,
        scatter=design.scatter,
        unit=unit,
        unnamed=sum(not name for name in subjects),
    )
