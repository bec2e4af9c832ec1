"""The plainest fusion that unseen subjects do not speak against: the one-standard-error rule.

A geometric mean whose weights are drawn to each other (:func:`affekt.fusion.methods.pooled.fit_shrunk`) and stacking,
which has a weight for every label of every model, are fitted on folds of subjects and asked about the others. The mean
answers unless stacking is right more often there by more than one standard error over subjects (Breiman, Friedman,
Olshen and Stone, "Classification and Regression Trees", 1984, section 3.4.3); and it gives way to the best single model
if that is right more often by so much. So few people do not make a fusion with many weights, and a model that
disturbs the others gets little weight or none.

Rows that name no subject may be of the same few people; their standard error over clips is too small, and twice of it
is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from affekt.classifiers.svc import calibration_folds
from affekt.extensions.fusion import FusionSpec, LabelledScores
from affekt.fusion.methods.pooled import PooledLogs, fit_alone, fit_equal, fit_shrunk
from affekt.fusion.methods.stacking import Stack, StackingSettings, fit_parts, mixture_shares
from affekt.settings.fields import In

#: All that may answer, by number; what models stored before selected from has its numbers too.
CANDIDATES = (
    "log average of all", "best single model", "weighted log average", "stacking", "log average with shrunk weights"
)  # fmt: skip
_EQUAL, _ALONE, _POOLED, _STACK, _SHRUNK = range(len(CANDIDATES))
#: What is tried.
TRIED = (_SHRUNK, _ALONE, _STACK)
#: So many times the standard errors are asked for where rows name no subject.
UNNAMED = 2.0
#: So many further clips of a person count as much as the plain answer does, for each that may answer: free weights were
#: learned from people of many clips.
_PERSON_CLIPS = (0, 0, 10, 10, 4)


@dataclass(frozen=True)
class SelectedSettings(StackingSettings):
    """The plainest fusion that unseen subjects do not speak against; the least plain is a stacking."""

    standard_errors: Annotated[float, In(0, 10), "over subjects, that a plainer fusion may be behind another one"]
    weight_penalty: Annotated[float, In(0), "of the squared distances of the models' weights from their mean"]


@dataclass(frozen=True)
class Selected:
    """The selected fusion.

    Attributes:
        part: what answers.
        number: of it in :data:`CANDIDATES`.
        accuracies: float64, the shares of held-out rows that each of :data:`CANDIDATES` was right on; NaN where it was
            not tried, all of them where there are no folds.
    """

    part: PooledLogs | Stack
    number: int
    accuracies: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities ``[N, L]`` for score vectors laid end to end, ``[N, M L]``."""
        return self.part.predict(x)

    @property
    def person_clips(self) -> int:
        """How many further clips of a person count as much as the plain answer, beside the adapted one."""
        return _PERSON_CLIPS[self.number]

    def weighing(self) -> tuple[int, ...] | None:
        """The numbers of the models that have a weight; None where each has one for every label."""
        if isinstance(self.part, Stack):
            return None
        return tuple(np.flatnonzero(self.part.weights > 0).tolist())

    def told(self, models: Sequence[str]) -> str:
        """What answers and why, in a sentence; ``models`` are the names of those that it was fitted on."""
        found = self.weighing()
        weighing = models if found is None else [models[number] for number in found]
        if len(models) == 1:
            return f"{models[0]} alone"
        what = f"{CANDIDATES[self.number]} ({', '.join(weighing) or 'no model has a weight'})"
        tried = [number for number, share in enumerate(self.accuracies) if not np.isnan(share)]
        if not tried:
            return f"{what}: too few rows of a label to compare fusions on"
        rivals = ", ".join(f"{CANDIDATES[number]} {self.accuracies[number]:.1%}" for number in tried)
        return f"{what}; right on held-out rows: {rivals}"

    def arrays(self) -> dict[str, np.ndarray]:
        """All that it consists of, by name."""
        facts = {"number": np.array(self.number), "accuracies": self.accuracies}
        return facts | {f"part.{name}": array for name, array in self.part.arrays().items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Selected:
        """The fusion whose :meth:`arrays` these are."""
        part = {name.removeprefix("part."): array for name, array in arrays.items() if name.startswith("part.")}
        kind = Stack.from_arrays(part) if "shares" in part else PooledLogs(**part)
        return cls(kind, int(arrays["number"]), arrays["accuracies"])


def fit(rows: LabelledScores, settings: SelectedSettings) -> Selected:
    """Select on some rows, and fit the selected one on all of them.

    A label that has no rows gets the probability 0. Where no folds of subjects can be made, it is the mean of all.
    """
    accuracies = np.full(len(CANDIDATES), np.nan)
    splits = calibration_folds(rows.y, rows.subjects, rows.folds, rows.seed, lone=True)
    if splits is None:
        return Selected(fit_equal(rows.x, rows.y, rows.labels), _EQUAL, accuracies)
    answers, likelihoods = _unseen(rows, splits, settings)
    right = {number: answer.argmax(axis=1) == rows.y for number, answer in answers.items()}
    for number, hits in right.items():
        accuracies[number] = hits.mean()
    number = _plainest(right, rows.subjects, settings.standard_errors * (1 if all(rows.subjects) else UNNAMED))
    return Selected(_final(number, rows, likelihoods, settings), number, accuracies)


def _plainest(right: Mapping[int, np.ndarray], subjects: Sequence[str], errors: float) -> int:
    """The number of what answers, of which rows each is right on."""
    from affekt.statistics.standard_error import plainest  # heavy: SciPy, and every start reads this file's spec

    def better(number: int) -> bool:
        return plainest(np.stack([right[_SHRUNK], right[number]]), subjects, errors) == 1

    rivals = [number for number in (_ALONE, _STACK) if better(number)]
    return max(rivals, key=lambda number: int(right[number].sum()), default=_SHRUNK)


def _unseen(
    rows: LabelledScores, splits: Sequence[tuple[np.ndarray, np.ndarray]], settings: SelectedSettings
) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Answers ``[N, L]`` of what is tried to rows of other subjects, by number; what the parts of the stacking gave.

    The latter are the likelihoods ``[N, K]`` of its shares, which for each fold come from those of the other folds.
    """
    x, y, labels = rows.x, rows.y, rows.labels
    answers = {number: np.zeros((len(y), labels)) for number in TRIED}
    parts = np.zeros((1 + len(settings.linear_c), len(y), labels))
    for train, held in splits:
        pooled, linear = fit_parts(x[train], y[train], labels, settings)
        answers[_SHRUNK][held] = fit_shrunk(x[train], y[train], labels, settings.weight_penalty).predict(x[held])
        answers[_ALONE][held] = fit_alone(x[train], y[train], labels).predict(x[held])
        parts[:, held] = np.stack([pooled.predict(x[held]), *(part.predict(x[held]) for part in linear)])
    likelihoods: np.ndarray = parts[:, np.arange(len(y)), y].T
    for train, held in splits:
        answers[_STACK][held] = np.einsum("p,pnl->nl", mixture_shares(likelihoods[train]), parts[:, held])
    return answers, likelihoods


def _final(
    number: int, rows: LabelledScores, likelihoods: np.ndarray, settings: SelectedSettings
) -> PooledLogs | Stack:
    """The one of a number, fitted on all rows."""
    x, y, labels = rows.x, rows.y, rows.labels
    if number == _SHRUNK:
        return fit_shrunk(x, y, labels, settings.weight_penalty)
    if number == _ALONE:
        return fit_alone(x, y, labels)
    return Stack(*fit_parts(x, y, labels, settings), mixture_shares(likelihoods))


SPEC = FusionSpec(
    "selected", "Selected by evidence", fit=fit, kinds={"selected": Selected}, settings=SelectedSettings,
    selects=True, order=90,
)  # fmt: skip
