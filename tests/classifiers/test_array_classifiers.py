"""Classifiers as plain arrays answer as the scikit-learn estimators that they were made of."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from affekt.classifiers import (
    choose_c,
    fit_adaboost,
    fit_forest,
    fit_logistic,
    fit_svc,
    load_classifiers,
    save_classifiers,
)
from affekt.classifiers.svc import calibration_folds
from affekt.errors import DataError


def rows(classes: int, count: int = 120, features: int = 12) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    random = np.random.default_rng(classes)
    y = np.arange(count) % classes
    x = random.normal(size=(classes, features))[y] + random.normal(size=(count, features))
    subjects = [f"s{n}" for n in np.arange(count) // classes % 6]
    return x, y, subjects, random.normal(size=(50, features))


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_a_forest_answers_as_scikit_learns(classes):
    x, y, _, new = rows(classes)
    ours = fit_forest(x, y, classes, trees=40, min_samples_split=5, seed=3)
    theirs = RandomForestClassifier(40, min_samples_split=5, random_state=3).fit(x, y)
    np.testing.assert_allclose(ours.predict(new), theirs.predict_proba(new), atol=1e-12)
    np.testing.assert_allclose(ours.predict(new[:1]), theirs.predict_proba(new[:1]), atol=1e-12)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_adaboost_answers_as_scikit_learns(classes):
    x, y, _, new = rows(classes)
    ours = fit_adaboost(x, y, classes, trees=20, depth=2, seed=3)
    theirs = AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=20, random_state=3).fit(x, y)
    np.testing.assert_allclose(ours.predict(new), theirs.predict_proba(new), atol=1e-9)


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("standardise", [True, False])
def test_a_calibrated_svc_answers_as_scikit_learns(classes, kernel, standardise):
    x, y, subjects, new = rows(classes)
    ours = fit_svc(x, y, classes, subjects, c=2.0, kernel=kernel, standardise=standardise, folds=3, seed=1)
    machine = SVC(C=2.0, kernel=kernel)
    model = make_pipeline(StandardScaler(), machine) if standardise else machine
    folds = calibration_folds(y, subjects, 3, 1)
    theirs = CalibratedClassifierCV(model, method="temperature", cv=folds, ensemble=False).fit(x, y)
    np.testing.assert_allclose(ours.predict(new), theirs.predict_proba(new), atol=1e-9)


def test_calibration_keeps_the_machines_own_decisions():
    x, y, subjects, new = rows(5)
    ours = fit_svc(x, y, 5, subjects, c=1.0, kernel="linear")
    own = SVC(C=1.0, kernel="linear").fit(x, y).decision_function(new)
    np.testing.assert_array_equal(ours.predict(new).argmax(axis=1), own.argmax(axis=1))


def test_a_label_that_never_occurs_does_not_change_the_temperature():
    x, y, groups, _ = rows(3)
    gap = np.array([0, 2, 3])  # the labels of the rows; of four labels, the second has none
    plain = fit_svc(x, y, 3, groups, c=0.1, kernel="linear")
    assert fit_svc(x, gap[y], 4, groups, c=0.1, kernel="linear").sharpness == plain.sharpness


@pytest.mark.parametrize("classes", [2, 4])
def test_logistic_regression_answers_as_scikit_learns(classes):
    x, y, _, new = rows(classes)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=1000)).fit(x, y)
    np.testing.assert_allclose(fit_logistic(x, y, classes, c=0.3).predict(new), theirs.predict_proba(new), atol=1e-9)


@pytest.mark.parametrize("kind", ["forest", "adaboost", "svc", "logistic"])
@pytest.mark.parametrize("kept", [(1, 3), (0, 2, 4)])
def test_a_label_that_never_occurs_has_the_probability_zero(kind, kept):
    x, y, subjects, new = rows(5)
    part = np.isin(y, kept)
    x, y, subjects = x[part], y[part], [s for s, keep in zip(subjects, part, strict=True) if keep]
    fitted = {
        "forest": lambda: fit_forest(x, y, 5, trees=10),
        "adaboost": lambda: fit_adaboost(x, y, 5, trees=10, depth=2),
        "svc": lambda: fit_svc(x, y, 5, subjects, c=1.0, kernel="rbf"),
        "logistic": lambda: fit_logistic(x, y, 5, c=1.0),
    }[kind]()
    answers = fitted.predict(new)
    absent = [label for label in range(5) if label not in kept]
    assert (answers[:, absent] == 0).all() and (answers[:, list(kept)] > 0).any(axis=0).all()
    np.testing.assert_allclose(answers.sum(axis=1), 1)
    assert (fitted.predict(x).argmax(axis=1) == y).mean() > 0.7


def test_stored_classifiers_answer_to_the_last_bit(tmp_path):
    x, y, subjects, new = rows(4)
    fitted = {
        "a": fit_forest(x, y, 4, trees=10),
        "b": fit_adaboost(x, y, 4, trees=10, depth=1),
        "c": fit_svc(x, y, 4, subjects, c=1.0, kernel="rbf"),
        "d": fit_svc(x, y, 4, subjects, c=1.0, kernel="linear"),
        "e": fit_logistic(x, y, 4, c=1.0),
    }
    digest = save_classifiers(tmp_path / "all.safetensors", fitted)
    loaded = load_classifiers(tmp_path / "all.safetensors", digest)
    for name, classifier in fitted.items():
        np.testing.assert_array_equal(loaded[name].predict(new), classifier.predict(new))


def test_a_file_with_another_digest_is_refused(tmp_path):
    x, y, _, _ = rows(2)
    save_classifiers(tmp_path / "f", {"a": fit_logistic(x, y, 2, c=1.0)})
    with pytest.raises(DataError, match="expected the SHA-256 000"):
        load_classifiers(tmp_path / "f", "0" * 64)


def test_folds_are_grouped_by_subject_and_keep_every_label_in_training():
    _, y, subjects, _ = rows(4)
    folds = calibration_folds(y, subjects, 3, 0)
    assert sorted(np.concatenate([held for _, held in folds])) == list(range(len(y)))
    for train, held in folds:
        assert not {subjects[i] for i in train} & {subjects[i] for i in held}
        assert set(y[train]) == {0, 1, 2, 3}


def test_where_subjects_hold_labels_of_their_own_rows_are_divided():
    y = np.array([0, 0, 1, 1])
    folds = calibration_folds(y, ["a", "a", "b", "b"], 3, 0)
    assert all(set(y[train]) == {0, 1} for train, _ in folds)


def test_a_single_row_of_a_label_cannot_be_held_out():
    assert calibration_folds(np.array([0, 0, 1]), ["a", "b", "c"], 3, 0) is None


def test_of_equally_good_penalties_the_strongest_is_taken():
    x = np.array([[-5.0], [5.0]] * 6)
    y = np.array([0, 1] * 6)
    c, accuracies = choose_c(x, y, [f"s{n // 2}" for n in range(12)], [10.0, 0.1, 1.0], kernel="linear")
    assert accuracies == {0.1: 1.0, 1.0: 1.0, 10.0: 1.0}
    assert c == 0.1


def test_a_label_that_one_subject_alone_shows_may_be_missing_where_that_is_allowed():
    y = np.array([0, 1, 0, 1, 0, 1, 2, 2])
    subjects = ["a", "a", "b", "b", "c", "c", "c", "c"]
    folds = calibration_folds(y, subjects, 3, 0, lone=True)
    assert folds is not None and len(folds) == 3
    for train, held in folds:
        assert len({subjects[row] for row in held}) == 1 and {subjects[row] for row in held}.isdisjoint(
            subjects[row] for row in train
        )
    without = calibration_folds(y, subjects, 3, 0)
    assert without is not None
    assert any({subjects[row] for row in held} & {subjects[row] for row in train} for train, held in without)


def test_a_penalty_is_chosen_on_other_subjects_also_where_one_alone_shows_a_label():
    rng = np.random.default_rng(5)
    whose = np.repeat(np.arange(6), 20)
    y = np.where(rng.random(120) < 0.9, whose % 2, 1 - whose % 2)
    y[[3, 4]] = 2  # of the first subject alone
    x = 3 * rng.normal(size=(6, 8))[whose] + rng.normal(size=(120, 8))  # tells who it is, and nothing else
    _, accuracies = choose_c(x, y, [f"s{n}" for n in whose], [0.01, 1.0], kernel="linear", folds=3)
    assert max(accuracies.values()) < 0.7
