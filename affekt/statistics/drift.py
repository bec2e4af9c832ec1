"""Whether two samples are of one distribution, column by column.

Numbers are compared by the two-sample Kolmogorov-Smirnov test, words by the chi-squared test, each column of many by
the procedure of Benjamini and Hochberg (1995).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import special, stats

#: Of each side a test needs so many values.
FEWEST = 20
#: A category is compared by itself where so many are expected on each side (Cochran 1954).
_EXPECTED = 5.0


def compare_numbers(old: np.ndarray, new: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, float] | None:
    """The Kolmogorov-Smirnov distance of two samples, and the probability of one so large by chance.

    Args:
        old: numbers; NaN are left out.
        new: likewise.
        weights: of the old ones; the test then rests on as many as would be as exact without (Kish 1965).

    Returns:
        Distance and p; None where one side has fewer than :data:`FEWEST`.
    """
    kept = ~np.isnan(old)
    old, new = old[kept], new[~np.isnan(new)]
    if min(len(old), len(new)) < FEWEST:
        return None
    if weights is None:
        found = stats.ks_2samp(old, new)
        return float(found.statistic), float(found.pvalue)
    weights = weights[kept] / weights[kept].sum()
    values = np.unique(np.concatenate([old, new]))
    order = np.argsort(old, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(weights[order])])
    first = below[np.searchsorted(old[order], values, side="right")]
    second = np.searchsorted(np.sort(new), values, side="right") / len(new)
    distance = float(np.abs(first - second).max())
    effective = 1 / np.square(weights).sum()
    return distance, float(special.kolmogorov(distance * np.sqrt(effective * len(new) / (effective + len(new)))))


def compare_words(old: Sequence[str], new: Sequence[str]) -> tuple[float, float] | None:
    """The largest difference of a word's shares, and the probability of differences so large by chance.

    Rare words are taken together.

    Returns:
        Difference and p; None where one side has fewer than :data:`FEWEST`. Of a word that is there alone ``(0, 1)``.
    """
    if min(len(old), len(new)) < FEWEST:
        return None
    before, after = Counter(old), Counter(new)
    smaller = min(len(old), len(new)) / (len(old) + len(new))
    table: dict[str, list[int]] = {}
    for word in before.keys() | after.keys():
        rare = (before[word] + after[word]) * smaller < _EXPECTED
        row = table.setdefault("" if rare else word, [0, 0])
        row[0] += before[word]
        row[1] += after[word]
    counts = np.array(list(table.values()))
    shares = np.abs(counts[:, 0] / len(old) - counts[:, 1] / len(new))
    if len(counts) < 2:
        return 0.0, 1.0
    if counts.sum(axis=1).min() * smaller < _EXPECTED and len(counts) == 2:
        return float(shares.max()), float(stats.fisher_exact(counts).pvalue)
    return float(shares.max()), float(stats.chi2_contingency(counts, correction=False).pvalue)


def adjusted(p: Sequence[float], weights: Sequence[float] | None = None) -> np.ndarray:
    """The least false discovery rate at which each test of many is still found (Benjamini and Hochberg 1995).

    Args:
        p: of the tests.
        weights: of the tests, 1 in the mean: what counts for more is found with a larger p, and all else with a smaller
            one (Genovese, Roeder and Wasserman 2006).
    """
    if not len(p):
        return np.zeros(0)
    weighted = np.asarray(p) if weights is None else np.minimum(np.asarray(p) / np.asarray(weights), 1.0)
    return np.asarray(stats.false_discovery_control(weighted, method="bh"))
