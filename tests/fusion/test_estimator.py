"""Fusion in scikit-learn's own tools."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict

from affekt.errors import DataError
from affekt.extensions import fusion_names
from affekt.fusion import Fusion
from affekt.fusion.estimator import FusionClassifier
from affekt.score_table import ScoreTable

METHODS = fusion_names()

LABELS = ("angry", "happy", "sad")


def rows(count: int = 150, *, strengths: tuple[float, ...] = (2.0, 0.5)) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Score vectors of models of which the first knows more; ten people."""
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=count)
    logits = rng.normal(size=(count, len(strengths), 3))
    logits[np.arange(count), :, truth] += strengths
    scores = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    scores[::7, 1] = np.nan
    return scores, truth, [f"s{row % 10}" for row in range(count)]


@pytest.mark.parametrize("method", METHODS)
def test_it_answers_as_the_fusion_does(method: str) -> None:
    x, y, people = rows()
    table = ScoreTable(
        tuple(str(row) for row in range(150)), ("0", "1", "2"), ("vgg", "svc"), x, y, tuple(people), ("train",) * 150
    )

    found = FusionClassifier(method, models=("vgg", "svc"), seed=3).fit(x, y, people).predict_proba(x)

    np.testing.assert_array_equal(found, Fusion.fit(table, method, seed=3).predict(x))


def test_it_is_cross_validated_by_scikit_learn() -> None:
    x, y, people = rows()

    found = cross_val_predict(FusionClassifier("weighted_average"), x, y, groups=people, cv=GroupKFold(5))

    assert (found == y).mean() > 0.6


def test_a_grid_search_finds_the_method_that_trusts_the_better_model() -> None:
    x, y, people = rows(300, strengths=(3.0, -1.0))

    search = GridSearchCV(FusionClassifier(), {"method": ["average", "stacking"]}, cv=GroupKFold(5))
    search.fit(x, y, groups=people)

    assert search.best_params_ == {"method": "stacking"}


def test_names_of_labels_go_in_and_come_out() -> None:
    x, y, people = rows()
    names = np.array(LABELS)[y]

    model = clone(FusionClassifier("stacking", labels=LABELS)).fit(x, names, people)

    assert set(model.predict(x)) <= set(LABELS)
    assert model.score(x, names) > 0.6


def test_a_row_that_nobody_answers_is_named() -> None:
    x, y, _ = rows()
    x[4] = np.nan
    model = FusionClassifier("average").fit(x, y)

    assert np.isnan(model.predict_proba(x)[4]).all()
    with pytest.raises(DataError, match="row 4"):
        model.predict(x)


def test_it_must_be_fitted_first() -> None:
    with pytest.raises(NotFittedError):
        FusionClassifier().predict_proba(rows()[0])


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((4, 6)), np.zeros(4), r"\[N, M, L\]"),
        (np.ones((4, 2, 3)), np.zeros(3), "3 labels"),
        (np.ones((4, 2, 3)), np.array([0, 1, 2, 9]), "y holds 9"),
    ],
    ids=["flat", "short", "unknown label"],
)
def test_wrong_rows_are_refused(x: np.ndarray, y: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        FusionClassifier("average").fit(x, y)
