"""Drawing the subjects of a bootstrap once for all figures."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.statistics import subject_draws
from affekt.statistics.intervals import bootstrap
from affekt.statistics.subject_draws import resample_subjects


@pytest.fixture(autouse=True)
def forget() -> None:
    subject_draws._kept.cache_clear()


def test_a_resample_holds_as_many_subjects_as_there_are() -> None:
    assert (resample_subjects(np.ones((7, 1)), draws=500, seed=0) == 7).all()


def test_each_subject_is_drawn_as_often_as_another() -> None:
    times = resample_subjects(np.eye(20), draws=4000, seed=1)
    assert np.abs(times.mean(axis=0) - 1).max() < 0.06
    assert times.var(axis=0) == pytest.approx(np.full(20, 0.95), abs=0.1)


def test_two_figures_of_the_same_subjects_rest_on_the_same_resamples() -> None:
    counts = np.array([[3, 1], [2, 2], [0, 4], [4, 0], [1, 3], [2, 3]])
    shares = [
        bootstrap(table, lambda c: c[:, 0] / c.sum(axis=1), draws=300, confidence=0.95, seed=4).values
        for table in (counts, counts[:, ::-1])
    ]
    assert shares[0] == pytest.approx(1 - shares[1])


def test_another_seed_draws_others() -> None:
    assert (resample_subjects(np.eye(9), 50, 0) != resample_subjects(np.eye(9), 50, 1)).any()


def test_draws_that_are_too_many_to_keep_are_the_same_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.arange(60.0).reshape(30, 2)
    kept = resample_subjects(table, 100, 5)
    monkeypatch.setattr(subject_draws, "_KEPT", 0)
    assert (resample_subjects(table, 100, 5) == kept).all()


def test_blocks_of_any_size_hold_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject_draws, "_KEPT", 0)
    table = np.arange(60.0).reshape(30, 2)
    whole = resample_subjects(table, 101, 5)
    monkeypatch.setattr(subject_draws, "_BLOCK", 90)
    assert (resample_subjects(table, 101, 5) == whole).all()


def test_a_single_subject_is_always_drawn() -> None:
    assert (resample_subjects(np.array([[2, 3]]), 10, 0) == [2, 3]).all()
