"""The plainest of four fusions that unseen subjects do not speak against: the one-standard-error rule.

With the fewest free numbers first: the geometric mean of all models, the best single model, the weighted geometric mean
(:mod:`affekt.fusion.methods.pooled`), and stacking. Each is fitted on folds of subjects and asked about the others; the
plainest that is no more than one standard error, over subjects, behind the one that is right most often answers
(Breiman, Friedman, Olshen and Stone, "Classification and Regression Trees", 1984, section 3.4.3). A mean of all that is
right less often there than the best single model gives way to it. So nothing answers that lost to its best member where
it was tried, and few people do not make a fusion with many weights.

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
from affekt.fusion.methods.pooled import PooledLogs, fit_alone, fit_equal
from affekt.fusion.methods.stacking import Stack, StackingSettings, fit_parts, mixture_shares
from affekt.settings.fields import In

#: What is selected from, the plainest first.
CANDIDATES = ("log average of all", "best single model", "weighted log average", "stacking")
_EQUAL, _ALONE, _POOLED, _STACK = range(len(CANDIDATES))
#: So many times the standard errors are asked for where rows name no subject.
UNNAMED = 2.0


@dataclass(frozen=True)
class SelectedSettings(StackingSettings):
    """The plainest of four fusions that unseen subjects do not speak against; the last of them is a stacking."""

    standard_errors: Annotated[float, In(0, 10), "over subjects, that a plainer fusion may be behind the best one"]


@dataclass(frozen=True)
class Selected:
    """The selected fusion.

    Attributes:
        part: what answers.
        number: of it in :data:`CANDIDATES`.
        accuracies: float64 ``[4]``, the shares of held-out rows that each was right on; NaN where there are no folds.
    """

    part: PooledLogs | Stack
    number: int
    accuracies: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities ``[N, L]`` for score vectors laid end to end, ``[N, M L]``."""
        return self.part.predict(x)

    @property
    def fitted_weights(self) -> bool:
        """Whether it has weights that were fitted, not a choice alone."""
        return self.number in (_POOLED, _STACK)

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
        if np.isnan(self.accuracies).any():
            return f"{what}: too few rows of a label to compare fusions on"
        rivals = ", ".join(f"{name} {share:.1%}" for name, share in zip(CANDIDATES, self.accuracies, strict=True))
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
    splits = calibration_folds(rows.y, rows.subjects, rows.folds, rows.seed)
    if splits is None:
        return Selected(fit_equal(rows.x, rows.y, rows.labels), _EQUAL, np.full(len(CANDIDATES), np.nan))
    answers, likelihoods = _unseen(rows, splits, settings)
    right = answers.argmax(axis=2) == rows.y
    from affekt.statistics.standard_error import plainest  # heavy: SciPy, and every start reads this file's spec

    number = plainest(right, rows.subjects, settings.standard_errors * (1 if all(rows.subjects) else UNNAMED))
    if number == _EQUAL and right[_ALONE].sum() > right[_EQUAL].sum():
        number = _ALONE
    return Selected(_final(number, rows, likelihoods, settings), number, right.mean(axis=1))


def _unseen(
    rows: LabelledScores, splits: Sequence[tuple[np.ndarray, np.ndarray]], settings: SelectedSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Answers ``[4, N, L]`` of the candidates to rows of other subjects, and what the parts of the stacking gave.

    The latter are the likelihoods ``[N, K]`` of its shares, which for each fold come from those of the other folds.
    """
    x, y, labels = rows.x, rows.y, rows.labels
    answers = np.zeros((len(CANDIDATES), len(y), labels))
    parts = np.zeros((1 + len(settings.linear_c), len(y), labels))
    for train, held in splits:
        pooled, linear = fit_parts(x[train], y[train], labels, settings)
        answers[_EQUAL, held] = fit_equal(x[train], y[train], labels).predict(x[held])
        answers[_ALONE, held] = fit_alone(x[train], y[train], labels).predict(x[held])
        parts[:, held] = np.stack([pooled.predict(x[held]), *(part.predict(x[held]) for part in linear)])
    answers[_POOLED] = parts[0]
    likelihoods: np.ndarray = parts[:, np.arange(len(y)), y].T
    for train, held in splits:
        answers[_STACK, held] = np.einsum("p,pnl->nl", mixture_shares(likelihoods[train]), parts[:, held])
    return answers, likelihoods


def _final(
    number: int, rows: LabelledScores, likelihoods: np.ndarray, settings: SelectedSettings
) -> PooledLogs | Stack:
    """The candidate of a number, fitted on all rows."""
    x, y, labels = rows.x, rows.y, rows.labels
    if number == _EQUAL:
        return fit_equal(x, y, labels)
    if number == _ALONE:
        return fit_alone(x, y, labels)
    parts = fit_parts(x, y, labels, settings)
    return parts[0] if number == _POOLED else Stack(*parts, mixture_shares(likelihoods))


SPEC = FusionSpec(
    "selected", "Selected by evidence", fit=fit, kinds={"selected": Selected}, settings=SelectedSettings,
    selects=True, order=90,
)  # fmt: skip
