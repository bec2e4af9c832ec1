"""A head that learns from data sets with other labels: none counts against rows that could not have it."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.classifiers import fit_logistic

RNG = np.random.default_rng(3)


def drawn(labels: tuple[int, ...], count: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose first three features tell the label; the fourth tells the data set."""
    y = RNG.choice(labels, count)
    x = np.concatenate([np.eye(3)[y] + 0.7 * RNG.standard_normal((count, 3)), np.full((count, 1), shift)], axis=1)
    return x + 0.1 * RNG.standard_normal(x.shape), y


def test_with_all_labels_possible_it_is_scikit_learns_own():
    x, y = drawn((0, 1, 2), 200, 0.0)
    plain = fit_logistic(x, y, 3, c=0.1)
    assert (fit_logistic(x, y, 3, c=0.1, possible=np.ones((200, 3), bool)).weights == plain.weights).all()


def test_a_mask_of_labels_that_no_row_has_changes_nothing_but_the_last_digits():
    x, y = drawn((0, 1), 200, 0.0)
    masked = fit_logistic(x, np.r_[y[:-1], 2], 3, c=0.1, possible=np.tile([True, True, False], (200, 1)))
    assert np.isfinite(masked.predict(x)).all()


def test_a_label_of_one_data_set_is_found_in_clips_like_the_other():
    first, of_first = drawn((0, 1, 2), 300, -1.0)
    second, of_second = drawn((0, 1), 300, 1.0)
    x, y = np.concatenate([first, second]), np.concatenate([of_first, of_second])
    possible = np.ones((600, 3), bool)
    possible[300:, 2] = False
    asked, truth = drawn((2,), 200, 1.0)
    found = {
        name: float((fit_logistic(x, y, 3, c=1.0, possible=mask).predict(asked).argmax(axis=1) == truth).mean())
        for name, mask in (("masked", possible), ("counted", None))
    }
    assert found["masked"] > found["counted"] + 0.2


def test_one_label_alone_is_refused():
    x, _ = drawn((0, 1), 20, 0.0)
    with pytest.raises(ValueError, match="fewer than two labels"):
        fit_logistic(x, np.zeros(20, int), 2, c=1.0, possible=np.zeros((20, 2), bool))
