"""How often a paired comparison of given clips would find a gain: simulated answers, and the rule that decides."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from affekt.statistics.intervals import FEW_SUBJECTS
from affekt.statistics.special import bdtr, ndtri, stdtrit


@dataclass(frozen=True)
class Design:
    """What two models are compared on, and how differently they answer.

    Attributes:
        sizes: clips of each subject; a clip of unknown subject is a subject of its own.
        disagreement: the share of clips that just one of the two gets right.
        scatter: standard deviation of the subjects' own gains, as a share of the clips.
    """

    sizes: tuple[int, ...]
    disagreement: float = 0.3
    scatter: float = 0.1

    @classmethod
    def of(
        cls, subjects: Sequence[str], right_a: np.ndarray | None = None, right_b: np.ndarray | None = None
    ) -> Design:
        """The clips of these subjects (``""`` where not known), and how two models differed on them.

        Args:
            subjects: N names.
            right_a, right_b: bool ``[N]``, which clips each got right; without them the disagreement and the scatter
                are the defaults of this class, which nothing has measured.
        """
        people = [name or f"\0{row}" for row, name in enumerate(subjects)]
        if right_a is None or right_b is None:
            return cls(tuple(Counter(people).values()))
        distinct, group = np.unique(people, return_inverse=True)
        sizes = np.bincount(group, minlength=len(distinct))
        change = right_b.astype(int) - right_a.astype(int)
        net = np.bincount(group, weights=change, minlength=len(distinct))
        clips, apart = len(people), np.abs(change).sum()
        mean = float(change.mean())
        noise = max(float(apart) / clips - mean**2, 0.0)
        # Method of moments: what the subjects scatter by beyond what their number of clips explains.
        between = (((net - mean * sizes) ** 2).sum() - noise * clips) / max(float((sizes**2).sum()), 1)
        return cls(tuple(int(size) for size in sizes), (float(apart) + 1) / (clips + 2), math.sqrt(max(between, 0.0)))

    @property
    def clips(self) -> int:
        """How many clips there are."""
        return sum(self.sizes)


def power(design: Design, gain: float, *, chance: float, margin: float = 0.0, draws: int = 500, seed: int = 0) -> float:
    """The share of comparisons in which a true gain is found beyond noise.

    Answers are drawn subject by subject: a subject's own gain scatters around ``gain``, and of its clips so many are
    right with one model alone. What decides is the rule of :func:`affekt.statistics.compare_paired`, with the normal
    form of the bootstrap's interval.

    Args:
        design: the clips and how differently two models answer.
        gain: the true gain in accuracy, as a share of the clips.
        chance: of a false promotion that the comparison may have (one-sided).
        margin: the gain that must be exceeded.
        draws: simulated comparisons.
        seed: of them.
    """
    rng = np.random.default_rng(seed)
    sizes = np.asarray(design.sizes)
    apart = min(1.0, max(design.disagreement, abs(gain)))
    own = np.clip(gain + design.scatter * rng.standard_normal((draws, len(sizes))), -apart, apart)
    moved = rng.binomial(sizes, apart, size=own.shape)
    better = rng.binomial(moved, (1 + own / apart) / 2)
    net = 2 * better - moved  # [draws, S]
    only_b, only_a = better.sum(axis=1), (moved - better).sum(axis=1)
    clips = design.clips
    found = net.sum(axis=1) / clips
    spread = np.maximum(_related(net, moved, sizes, chance), np.sqrt(_independent(only_a + only_b, found, clips)))
    z = -float(ndtri(chance))
    first, second = only_a + 0.5, only_b + 0.5
    centre = (second - first) / (clips + 2)
    error = np.sqrt(first + second - (second - first) ** 2 / (clips + 2)) / (clips + 2)
    low = np.minimum(found - z * spread, centre - z * error)
    mcnemar = np.minimum(1.0, 2 * bdtr(np.minimum(only_a, only_b), only_a + only_b, 0.5))
    low = np.where(mcnemar > 2 * chance, np.minimum(low, 0.0), low)
    return float((low > margin).mean())


def power_above_chance(
    sizes: Sequence[int],
    labels: int,
    gain: float,
    *,
    chance: float,
    scatter: float = 0.1,
    draws: int = 500,
    seed: int = 0,
) -> float:
    """The share of first models that are found above chance if they are by ``gain`` in the mean of their recalls.

    Labels are taken as equally frequent, so that the mean recall is the accuracy.

    Args:
        sizes: clips of each subject; a clip of unknown subject is a subject of its own.
        labels: how many there are.
        gain: how far the model is above chance, as a share of the clips.
        chance: of a false promotion that the test may have (one-sided).
        scatter: standard deviation of the subjects' own gains.
        draws: simulated models.
        seed: of them.
    """
    rng = np.random.default_rng(seed)
    clips, level = np.asarray(sizes), 1 / labels
    own = np.clip(level + gain + scatter * rng.standard_normal((draws, len(clips))), 0, 1)
    right = rng.binomial(clips, own)
    total = int(clips.sum())
    found = right.sum(axis=1) / total
    # Of a sum of right answers as of a sum of gains: what is moved is each clip that is right.
    spread = np.maximum(_related(right, right, clips, chance), np.sqrt(_independent(right.sum(axis=1), found, total)))
    z = -float(ndtri(chance))
    by_chance = z * math.sqrt(level * (1 - level) / total)
    return float(((found - z * spread > level) & (found - level > by_chance)).mean())


def smallest_found(found: Callable[[float], float], wanted: float = 0.8) -> float | None:
    """The smallest gain, in steps of half a point, that is found in a share ``wanted`` of cases; None if none is.

    Args:
        found: the share of cases in which a gain is found; it grows with the gain.
        wanted: the share.
    """
    low, high = 0, 200
    if found(high / 200) < wanted:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle / 200) >= wanted else (middle, high)
    return high / 200


def _independent(apart: np.ndarray, found: np.ndarray, clips: int) -> np.ndarray:
    variance: np.ndarray = np.maximum(apart / clips - found**2, 0.0) / clips
    return variance


def _related(net: np.ndarray, moved: np.ndarray, sizes: np.ndarray, chance: float) -> np.ndarray:
    """Standard deviation ``[draws]`` of the resampled differences, widened as `affekt.statistics.intervals` does."""
    count, clips = len(sizes), int(sizes.sum())
    if count < 2 or count == clips:
        return np.zeros(len(net))
    found = net.sum(axis=1, keepdims=True) / clips
    variance = ((net - found * sizes) ** 2).sum(axis=1) / clips**2
    widening = math.sqrt(count / (count - 1))
    if count < FEW_SUBJECTS:
        variance += np.maximum(moved - net**2 / sizes, 0.0).sum(axis=1) / clips**2
    else:
        widening *= float(stdtrit(count - 1, 1 - chance) / ndtri(1 - chance))
    spread: np.ndarray = widening * np.sqrt(variance)
    return spread
