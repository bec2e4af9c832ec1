"""A classifier of rows that are centred and scaled by what a person's own clips show, without their labels.

Who speaks explains more of every feature than the emotion does. What stays when a person's own mean is taken
from it and the rest is divided by the person's own deviation says more (Busso, Mariooryad, Metallinou and Narayanan,
"Iterative feature normalization", 2013). Mean and deviation of few clips are mostly chance: they are shrunk towards the
population's, and the answer is mixed with that of a classifier of plain rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affekt.classifiers.linear import LinearSoftmax
from affekt.classifiers.moments import Moments
from affekt.classifiers.stored import ArrayClassifier
from affekt.classifiers.svc import CalibratedSvc
from affekt.classifiers.trees import TreeEnsemble

#: So many further clips of a person count as much as the population does: for what is taken from the features, and for
#: the part of the answer that comes of them.
_CENTRE, _ANSWER = 1, 4
#: The part that the population's deviation keeps beside one person's, however many clips there are of that person.
_FLOOR = 0.05
_INNER: Mapping[str, type[ArrayClassifier]] = {"trees": TreeEnsemble, "svc": CalibratedSvc, "softmax": LinearSoftmax}

#: Fits a classifier on rows ``[N, F]``, of which those that are True in ``[N]`` are of people with several clips.
Fit = Callable[[np.ndarray, np.ndarray], ArrayClassifier]


@dataclass(frozen=True)
class PersonClassifier:
    """Answers the rows of one person together. Build with :meth:`fit`.

    Attributes:
        mean: float64 ``[F]``, of the people's means.
        variance: float64 ``[F]``, the mean of the people's own variances.
        inner: the classifier of normalised rows.
    """

    mean: np.ndarray
    variance: np.ndarray
    inner: ArrayClassifier

    @classmethod
    def fit(cls, x: np.ndarray, subjects: Sequence[str], fit: Fit) -> PersonClassifier | None:
        """Fit on rows ``[N, F]`` that are normalised by their subjects; None without two subjects of two clips.

        Args:
            x: the rows.
            subjects: N names; a row without one (``""``) or alone of its subject is not learned from.
            fit: fits the classifier on the rows that are kept, and is told which those are, bool ``[N]``.
        """
        own = [rows for rows in rows_of(subjects) if len(rows) > 1]
        if len(own) < 2:
            return None
        mean = np.mean([x[rows].mean(axis=0) for rows in own], axis=0)
        variance = np.mean([x[rows].var(axis=0) for rows in own], axis=0)
        variance[variance < 1e-12] = 1.0
        kept = np.zeros(len(x), dtype=bool)
        normal = np.zeros_like(x)
        for rows in own:
            kept[rows] = True
            normal[rows] = _normalised(x[rows], Moments.of(x[rows]), mean, variance)
        return cls(mean, variance, fit(normal[kept], kept))

    def predict(self, x: np.ndarray, shown: Moments | None = None) -> np.ndarray:
        """Probabilities ``[N, L]`` of rows ``[N, F]``, which are all of one person.

        Args:
            x: the rows.
            shown: what all of the person's rows show; by default these are all.
        """
        return self.inner.predict(_normalised(x, shown or Moments.of(x), self.mean, self.variance))

    def mixed(self, x: np.ndarray, plain: np.ndarray, shown: Moments | None = None) -> np.ndarray:
        """As :meth:`predict`, mixed with the plain answers ``[N, L]`` by the number of clips; a lone row stays."""
        clips = shown.count if shown else len(x)
        if clips < 2:
            return plain
        part = _weight(clips, _ANSWER)
        mixture: np.ndarray = part * self.predict(x, shown) + (1 - part) * plain
        return mixture

    def arrays(self) -> dict[str, np.ndarray]:
        """All it consists of, by name."""
        kind = next(name for name, kind in _INNER.items() if type(self.inner) is kind)
        inner = {f"{kind}.{name}": array for name, array in self.inner.arrays().items()}
        return {"mean": self.mean, "variance": self.variance, **inner}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> PersonClassifier:
        """The classifier whose :meth:`arrays` these are."""
        inner = {name.partition(".")[2]: array for name, array in arrays.items() if "." in name}
        (kind,) = {name.partition(".")[0] for name in arrays if "." in name}
        return cls(arrays["mean"], arrays["variance"], _INNER[kind].from_arrays(inner))


def _weight(clips: int, against: int) -> float:
    """How much so many clips of a person count beside what is known without them, from 0 for one to near 1."""
    return (clips - 1) / (clips - 1 + against)


def rows_of(subjects: Sequence[str]) -> list[np.ndarray]:
    """The row numbers of each subject with a name."""
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(subjects):
        if name:
            rows.setdefault(name, []).append(row)
    return [np.array(own) for own in rows.values()]


def _normalised(x: np.ndarray, shown: Moments, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Rows of one person, centred and scaled by their own mean and deviation as far as their number speaks for them."""
    part = _weight(shown.count, _CENTRE)
    centre = part * shown.mean + (1 - part) * mean
    kept = max(1 - part, _FLOOR)
    normal: np.ndarray = (x - centre) / np.sqrt((1 - kept) * shown.variance + kept * variance)
    return normal
