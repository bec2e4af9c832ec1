"""How far rows lie from those that were learned from."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.classifiers.familiar import FAMILIAR, Familiar
from affekt.errors import DataError

RNG = np.random.default_rng(4)
MIX = RNG.standard_normal((30, 30))


def rows(count: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(count).standard_normal((count, 30)) @ MIX + shift


@pytest.fixture(scope="module")
def familiar() -> Familiar:
    return Familiar.fit(rows(200))


def test_rows_like_those_learned_from_lie_at_about_one_and_others_farther(familiar):
    alike, elsewhere = familiar.distances(rows(150)), familiar.distances(rows(150, shift=8.0))
    assert np.median(alike) == pytest.approx(1.0, abs=0.2)
    assert np.median(elsewhere) > np.quantile(alike, 0.95)


def test_a_direction_in_which_nothing_varied_counts_most():
    learned = np.concatenate([rows(200), np.full((200, 1), 3.0)], axis=1) + 1e-3 * RNG.standard_normal((200, 31))
    found = Familiar.fit(learned)
    moved = learned[:50].copy()
    moved[:, 30] += 1.0
    assert found.distances(moved).min() > np.quantile(found.distances(learned), 0.9)


def test_more_features_than_rows_are_no_matter():
    learned = np.random.default_rng(1).standard_normal((20, 300))
    found = Familiar.fit(learned)
    assert len(found.axes) <= 20
    assert np.isfinite(found.distances(learned + 5)).all()
    assert (
        found.distances(learned + 5).min() > found.distances(np.random.default_rng(2).standard_normal((9, 300))).max()
    )


def test_a_feature_that_was_measured_wrongly_does_not_count_without_end(familiar):
    wrong = rows(150)[:1].copy()
    wrong[0, 3] = 1e12
    wronger = wrong.copy()
    wronger[0, 3] = 1e15
    assert familiar.distances(wronger) == familiar.distances(wrong)


def test_what_was_written_is_read_to_the_last_bit(familiar, tmp_path):
    familiar.write(tmp_path)
    found = Familiar.read(tmp_path)
    assert found is not None
    assert (found.distances(rows(40)) == familiar.distances(rows(40))).all()


def test_a_model_without_it_has_none_and_a_damaged_one_is_refused(tmp_path):
    assert Familiar.read(tmp_path) is None
    (tmp_path / FAMILIAR).write_bytes(b"no arrays")
    with pytest.raises(DataError, match="fetch the model again"):
        Familiar.read(tmp_path)
