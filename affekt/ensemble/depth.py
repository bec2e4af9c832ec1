"""Whether a clip is like those that an ensemble learned from, and how much its answer may be trusted where it is not.

How far the clip lies from what each member learned from (:mod:`affekt.classifiers.familiar`) is held against how far
train clips of people lay whom the member had not seen: what share of them lies at least as far. Of a clip like these
every share is as likely as any other; of one from elsewhere it is small. Its answer is mixed with none at all, in which
every label is as likely, the more the smaller the share, and never wholly: of voices of another language and another
recording, which an encoder of speech takes for nothing that it knows, answers are still right more often than chance
is. So that clips like those of the training keep the confidence that they earn, the answer is made surer before, by one
temperature that is fitted on the same train clips. The answered label stays. No label of the clips that are asked about
is needed. The rule itself was chosen on two sets of voices, whose figures stand in ``docs/decisions.md``: of other
clips it is not known how well it does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from affekt.ensemble.seen import Seen
from affekt.storage import read_optional

#: The file of an ensemble's folder.
DEPTH = "depth.json"
#: The share of unseen train clips that lie at least as far, at which a clip is said to be unlike them.
UNLIKE = 0.05
#: Fewer train clips of unseen people tell nothing of how far a clip may lie; more tell no more.
_FEWEST, _MOST = 40, 2000
#: With which power of the share the answer counts, and for how much however far the clip lies.
_POWER, _LEAST = 0.5, 0.3
#: Temperatures that are tried: below one is surer.
_TEMPERATURES = np.exp(np.linspace(np.log(0.4), np.log(1.5), 45))


@dataclass(frozen=True)
class Depth:
    """What is known of how far clips lie. Build with :meth:`fit`.

    Attributes:
        models: the M members that tell a distance.
        unseen: float64 ``[N, M]``, the distances of train clips from what members learned from that had not seen their
            subjects; NaN where there is none.
        temperature: by which answers are made surer before they are trusted less.
        least: for how much an answer counts however far its clip lies; 0 for ensembles that were stored without.
    """

    models: tuple[str, ...]
    unseen: np.ndarray
    temperature: float
    least: float = _LEAST

    @classmethod
    def fit(
        cls,
        models: Sequence[str],
        distances: np.ndarray | None,
        answers: np.ndarray | None,
        truth: np.ndarray,
        seed: int,
    ) -> Depth | None:
        """Fit on train clips of people whom nothing had seen that answered them.

        Args:
            models: M names.
            distances: float64 ``[N, M]``, NaN where a model tells none; None where none does.
            answers: float64 ``[N, L]``, fused; None where there is a single person.
            truth: int ``[N]``.
            seed: of which clips are kept, where there are many.

        Returns:
            None where fewer than forty clips tell.
        """
        if distances is None or answers is None:
            return None
        told = _told(distances)
        usable = np.flatnonzero(
            (truth >= 0) & ~np.isnan(answers).any(axis=1) & ~np.isnan(distances[:, told]).all(axis=1)
        )
        if not told or len(usable) < _FEWEST:
            return None
        kept = np.sort(np.random.default_rng(seed).permutation(usable)[:_MOST])
        found = cls(tuple(models[number] for number in told), distances[kept][:, told], 1.0)
        shares = found.shares(found.unseen)
        own, labels = answers[kept], truth[kept]

        def loss(temperature: float) -> float:
            trusted = _trusted(own, shares, temperature, _LEAST)
            return float(-np.log(trusted[np.arange(len(labels)), labels] + 1e-12).mean())

        return cls(found.models, found.unseen, float(min(_TEMPERATURES, key=loss)))

    def shares(self, distances: np.ndarray) -> np.ndarray:
        """The share ``[N]`` of unseen train clips that lie at least as far; NaN where no model tells.

        The models' shares are taken together by the mean of their logarithms, and that is held against the same of the
        train clips on which the same models tell.

        Args:
            distances: float64 ``[N, M]``; NaN where a model tells none.
        """
        found = np.full(len(distances), np.nan)
        told = ~np.isnan(distances)
        for subset in np.unique(told, axis=0) if len(told) else ():
            rows = np.flatnonzero((told == subset).all(axis=1))
            reference = self._of_models[:, subset]
            reference = reference[~np.isnan(reference).any(axis=1)].mean(axis=1) if subset.any() else reference[:0]
            if not len(reference):
                continue
            own = np.stack([_share(self._sorted[m], distances[rows, m]) for m in np.flatnonzero(subset)], axis=1)
            # A small share lies far: it is its negative that is large.
            found[rows] = _share(np.sort(-reference), -np.log(own).mean(axis=1))
        return found

    def trusted(self, answers: np.ndarray, distances: np.ndarray) -> np.ndarray:
        """Probabilities ``[N, L]`` as far as they are to be trusted; those of clips without a distance stay.

        Args:
            answers: float64 ``[N, L]``.
            distances: as for :meth:`shares`.
        """
        shares = self.shares(distances)
        moved = _trusted(answers, shares, self.temperature, self.least)
        return np.where(np.isnan(shares)[:, np.newaxis], answers, moved)

    def unlike(self, distances: np.ndarray) -> np.ndarray:
        """Bool ``[N]``: which clips are unlike those that were learned from; ``distances`` as for :meth:`shares`."""
        unlike: np.ndarray = self.shares(distances) <= UNLIKE
        return unlike

    def told(self, clip: Seen) -> str | None:
        """A word on a clip that is unlike those that were learned from; None of another."""
        share = float(self.shares(clip.distances_of(self.models)[np.newaxis])[0])
        if not share <= UNLIKE:
            return None
        nearer = min(99, int(100 * (1 - share)))
        return (
            f"the clip is unlike what the model learned from (farther from it than {nearer} of 100 clips of unseen "
            "people were in its training): its confidence was lowered, and may still be too high"
        )

    def of(self, models: Sequence[str], distances: np.ndarray) -> np.ndarray:
        """The columns of distances ``[N, K]`` of K models that are asked for here; NaN for one that is not there."""
        missing = np.full(len(distances), np.nan)
        columns = [distances[:, list(models).index(name)] if name in models else missing for name in self.models]
        return np.stack(columns, axis=1)

    def write(self, folder: Path) -> None:
        """Write ``depth.json`` into an ensemble's folder."""
        rows = [[None if np.isnan(value) else float(value) for value in row] for row in self.unseen]
        document = {
            "models": list(self.models), "temperature": self.temperature, "least": self.least, "unseen": rows
        }  # fmt: skip
        (folder / DEPTH).write_text(json.dumps(document), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Depth | None:
        """What :meth:`write` wrote; None for an ensemble that was stored without.

        Raises:
            DataError: the file is damaged.
        """
        return read_optional(folder / DEPTH, cls._of)

    @classmethod
    def _of(cls, content: bytes) -> Depth:
        document = json.loads(content)
        unseen = np.array(document["unseen"], dtype=float)  # None becomes NaN
        least = float(document.get("least", 0.0))
        return cls(tuple(document["models"]), unseen, float(document["temperature"]), least)

    @cached_property
    def _sorted(self) -> list[np.ndarray]:
        return [np.sort(column[~np.isnan(column)]) for column in self.unseen.T]

    @cached_property
    def _of_models(self) -> np.ndarray:
        """Float64 ``[N, M]``: the logarithm of each train clip's own share, by model."""
        columns = [_share(known, column) for known, column in zip(self._sorted, self.unseen.T, strict=True)]
        shares: np.ndarray = np.log(np.where(np.isnan(self.unseen), np.nan, np.stack(columns, axis=1)))
        return shares


def _told(distances: np.ndarray) -> list[int]:
    """The columns with distances; of models that look at the same features, the first."""
    told: list[int] = []
    for number, column in enumerate(distances.T):
        known = not np.isnan(column).all()
        if known and not any(np.array_equal(column, distances[:, other], equal_nan=True) for other in told):
            told.append(number)
    return told


def _share(known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The share of known values, sorted, that are at least as large as each of these; never zero."""
    larger = len(known) - np.searchsorted(known, values, side="left")
    share: np.ndarray = np.minimum(1.0, (larger + 1) / (len(known) + 1))
    return share


def _trusted(answers: np.ndarray, shares: np.ndarray, temperature: float, least: float) -> np.ndarray:
    powers = np.log(answers + 1e-12) / temperature
    surer = np.exp(powers - powers.max(axis=1, keepdims=True))
    surer /= surer.sum(axis=1, keepdims=True)
    part = least + (1 - least) * shares[:, np.newaxis] ** _POWER
    mixed: np.ndarray = part * surer + (1 - part) / answers.shape[1]
    return mixed
