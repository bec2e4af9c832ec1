"""Whether a sample without labels has another mix of them, and whether that is all that differs.

The new mix is estimated by the EM algorithm of Saerens et al. (2002) from scores that were calibrated on labelled rows,
as Alexandari et al. (2020) found best, and the labelled sample is weighted to have it. What still tells the samples
apart is no matter of the mix. Scores of labelled rows are those of a model that did not know the row: a ridge
regression has them in closed form (Allen 1974).
"""

from __future__ import annotations

import numpy as np
from scipy import stats

#: Of the variance of a standardised column: what the ridge regressions are held back by.
_PENALTY = 0.1
#: How much a model's answers count for beside columns of its inputs.
_OF_ANSWERS = 3.0
_ROUNDS = 500


def normal_scores(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The columns of two samples as normal scores of their common ranks; what is missing is 0, the middle.

    Args:
        old: numbers ``[N, C]``; NaN are missing.
        new: numbers ``[M, C]``.

    Returns:
        Both, without the columns that are the same in all rows.
    """
    values = np.concatenate([old, new])
    scores = np.zeros_like(values)
    for number, column in enumerate(values.T):
        there = ~np.isnan(column)
        if there.any():
            scores[there, number] = stats.norm.ppf((stats.rankdata(column[there]) - 0.5) / there.sum())
    scores = scores[:, scores.std(axis=0) > 0]
    return scores[: len(old)], scores[len(old) :]


def label_scores(
    old: tuple[np.ndarray, np.ndarray], truth: np.ndarray, new: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """How each row speaks for each label, by what a model answered and by the row itself.

    Args:
        old: probabilities ``[N, L]`` of labelled rows that the model did not learn from, and the rows ``[N, C]`` as
            normal scores.
        truth: their labels, int ``[N]``, each there at least once.
        new: probabilities ``[M, L]`` and rows ``[M, C]``.

    Returns:
        Scores ``[N, L]``, each by a regression without that row, and ``[M, L]``; of a row they add up to 1.
    """
    answers = _logits(np.concatenate([old[0], new[0]]))
    spread = answers.std(axis=0)
    answers = _OF_ANSWERS * (answers - answers.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    known = np.column_stack([old[1], answers[: len(truth)]])
    asked = np.column_stack([new[1], answers[len(truth) :]])
    return _without_each(known, np.eye(truth.max() + 1)[truth], np.ones(len(truth)), asked)


def mix_moved(old: np.ndarray, new: np.ndarray) -> float:
    """The probability by chance of mean scores as different as those of two samples (Hotelling 1931).

    Args:
        old: scores ``[N, L]``.
        new: scores ``[M, L]``.
    """
    first, second = old[:, :-1], new[:, :-1]
    n, m = len(first), len(second)
    moved = second.mean(axis=0) - first.mean(axis=0)
    spread = np.atleast_2d(((n - 1) * np.cov(first.T) + (m - 1) * np.cov(second.T)) / (n + m - 2))
    rank = int(np.linalg.matrix_rank(spread))
    if not rank:
        return 1.0
    squared = n * m / (n + m) * moved @ np.linalg.pinv(spread) @ moved
    left = n + m - rank - 1
    return float(stats.f.sf(squared * left / (rank * (n + m - 2)), rank, left))


def label_weights(old: np.ndarray, truth: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How often each label is shown in the new sample by its scores, and what that weighs a row of the old one.

    Args:
        old: scores ``[N, L]`` of labelled rows, of :func:`label_scores`.
        truth: their labels, int ``[N]``, each there at least once.
        new: scores ``[M, L]`` of rows without labels.

    Returns:
        The shares of the labels ``[L]``, and weights ``[N]``.
    """
    from sklearn.linear_model import LogisticRegression  # heavy, and only this needs it

    prior = np.bincount(truth, minlength=old.shape[1]) / len(truth)
    spread = old.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    model = LogisticRegression(C=1.0, max_iter=1000).fit(old / scale, truth)
    posterior = model.predict_proba(new / scale)
    shares = prior.copy()
    for _ in range(_ROUNDS):
        weighted = posterior * (shares / prior)
        weighted /= weighted.sum(axis=1, keepdims=True)
        after = weighted.mean(axis=0)
        moved, shares = np.abs(after - shares).max(), after
        if moved < 1e-6:
            break
    return shares, (shares / prior)[truth]


def told_apart(old: np.ndarray, new: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """How well a regression on all columns tells which sample a row that it does not know is of.

    Such a classifier is a test of two samples (Lopez-Paz and Oquab 2017).

    Args:
        old: rows ``[N, C]`` as normal scores.
        new: rows ``[M, C]``.
        weights: of the old rows ``[N]``.

    Returns:
        Twice the area under its curve less 1, at least 0, and the probability of one so large by chance; the test rests
        on as many old rows as would be as exact without weights (Kish 1965).
    """
    n, m = len(old), len(new)
    weights = weights * n / weights.sum()
    both = np.concatenate([weights, np.ones(m)])
    which = np.repeat([0.0, 1.0], [n, m])[:, None]
    scores = _without_each(np.concatenate([old, new]), which, both, np.zeros((0, old.shape[1])))[0][:, 0]
    order = np.argsort(scores[:n], kind="stable")
    below = np.concatenate([[0.0], np.cumsum(weights[order])]) / n
    area = below[np.searchsorted(scores[:n][order], scores[n:])].mean()
    effective = weights.sum() ** 2 / np.square(weights).sum()
    deviation = np.sqrt((effective + m + 1) / (12 * effective * m))
    return max(0.0, float(2 * area - 1)), float(stats.norm.sf((area - 0.5) / deviation))


def _without_each(
    rows: np.ndarray, wanted: np.ndarray, weights: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What a weighted ridge regression says of each of its rows when it is fitted without it, and of other rows."""
    total = weights.sum()
    middle, mean = weights @ rows / total, weights @ wanted / total
    root = np.sqrt(weights)[:, None]
    left, spread, right = np.linalg.svd(root * (rows - middle), full_matrices=False)
    kept = spread > 1e-9 * max(spread.max(initial=0.0), 1.0)
    left, spread, right = left[:, kept], spread[kept], right[kept]
    shrunk = np.square(spread) / (np.square(spread) + _PENALTY * total)
    found = left.T @ (root * (wanted - mean))
    own = (weights / total + np.square(left) @ shrunk)[:, None]
    slope = right.T @ ((shrunk / spread)[:, None] * found)
    fitted = mean + (rows - middle) @ slope
    return (fitted - own * wanted) / (1 - own), mean + (others - middle) @ slope


def _logits(probabilities: np.ndarray) -> np.ndarray:
    logs = np.log(np.clip(probabilities, 1e-6, 1.0))
    centred: np.ndarray = logs - logs.mean(axis=1, keepdims=True)
    return centred
