"""What a score table is fused by: which rows, which folds, which figures and which method is the best."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from affekt import events
from affekt.dataset import subject_folds
from affekt.errors import DataError
from affekt.fusion import Fusion, PersonFusion, adapted, fuse_table
from affekt.fusion.cross_validation import cross_validated, fold_masks, fused_rows, unseen_answers
from affekt.fusion.figures import (
    accuracy_of,
    below_the_best_model,
    best_method,
    evaluated,
    member_accuracies,
    rightly,
)
from affekt.fusion.rows import choose_rows, fused_together, rows_left_out, without_copies
from affekt.score_table import ScoreTable

HOW = {"adapt": False, "seed": 0, "settings": None, "folds": 3}


def rows_of(
    splits: list[str], *, truth: list[int] | None = None, subjects: list[str] | None = None, models: int = 1
) -> ScoreTable:
    """Two labels; every model says the first, the later models less surely."""
    count = len(splits)
    vectors = [[0.9 - 0.1 * model, 0.1 + 0.1 * model] for model in range(models)]
    return ScoreTable(
        tuple(f"c{n}" for n in range(count)), ("angry", "sad"), tuple(f"m{n}" for n in range(models)),
        np.tile(vectors, (count, 1, 1)), np.array(truth if truth is not None else [0] * count),
        tuple(subjects if subjects is not None else [f"s{n}" for n in range(count)]), tuple(splits),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("splits", "named", "train", "test", "clips"),
    [
        (["train", "val", "test"], (None, None), "train", "test", ["c2"]),
        (["train", "val", "train"], (None, None), "train", "val", ["c1"]),
        (["train", "", "dev"], (None, None), "train", "all rows", ["c1", "c2"]),
        (["", "", ""], (None, None), None, "all rows", ["c0", "c1", "c2"]),
        (["val", "dev", "val"], (None, None), None, "val", ["c0", "c2"]),
        (["train", "val", "dev"], (None, "dev"), "train", "dev", ["c2"]),
        (["train", "val", "train"], (None, "train"), None, "train", ["c0", "c2"]),
        (["train", "val", "train"], ("train", "train"), None, "train", ["c0", "c2"]),
        (["train", "val", "dev"], ("dev", None), "dev", "val", ["c1"]),
        (["train", "val", "dev"], ("val", None), "val", "all rows", ["c0", "c2"]),
        (["train", "val", "test"], ("test", None), "test", "val", ["c1"]),
    ],
)
def test_rows_are_taken_of_the_splits_that_are_named_or_usual(
    splits: list[str], named: tuple[str | None, str | None], train: str | None, test: str, clips: list[str]
) -> None:
    found = choose_rows(rows_of(splits), *named)
    assert (found.train_split, found.test_split, list(found.test.clips)) == (train, test, clips)
    expected = [f"c{number}" for number, split in enumerate(splits) if split == train] if train else []
    assert list(found.train.clips) == expected


def test_nothing_is_fitted_on_rows_without_a_label() -> None:
    found = choose_rows(rows_of(["train", "train", "val", "val"], truth=[-1, 0, -1, 1]), None, None)
    assert (found.train.clips, found.test.clips) == (("c1",), ("c2", "c3"))


@pytest.mark.parametrize(
    ("splits", "truth", "said"),
    [
        (["train", "foo", "val", "test", "foo"], [0, 1, 0, 1, 0], "2 rows of foo, 1 row of val"),
        (["train", "", "test"], [0, 1, 0], "1 row of no split"),
        (["train", "train", "foo", "test"], [-1, 0, 0, 1], "1 row of foo, 1 row of train without a label"),
        (["train", "test", "test"], [0, -1, 1], None),
        (["train", "foo", ""], [0, 1, 0], None),  # all are fused
    ],
)
def test_rows_in_neither_part_are_told(splits: list[str], truth: list[int], said: str | None) -> None:
    table = rows_of(splits, truth=truth)
    expected = [] if said is None else [f"neither fitted on nor fused: {said}"]
    assert rows_left_out(table, choose_rows(table, None, None)) == expected


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        (["train", "kept", "kept", "Test1"], "2 rows of 'kept', 1 row of 'Test1'"),
        (["A", "A", "B"], "2 rows of 'A', 1 row of 'B'"),
        (["train", "", ""], None),
        (["train", "val", "kept"], None),  # which is left out, and told as that
    ],
)
def test_splits_that_nobody_knows_are_told_where_they_are_fused_as_one(splits: list[str], said: str | None) -> None:
    table = rows_of(splits)
    start = "no split is called test or val: fused together are"
    expected = [] if said is None else [f"{start} {said}; name one with test_split="]
    assert fused_together(table, choose_rows(table, None, None)) == expected


def test_a_score_that_is_no_amount_is_named() -> None:
    table = rows_of(["test", "test"])
    scores = np.array(table.scores)
    scores[0, 0, 1], scores[1, 0, 0] = -0.5, np.inf
    where = f"clip 'c0', column {table.models[0]}_{table.labels[1]}: the score -0.5 .*, and 1 further score like it"
    with pytest.raises(DataError, match=where):
        choose_rows(replace(table, scores=scores), None, None)


@pytest.mark.parametrize(
    ("splits", "named", "code", "words"),
    [
        (["a", "b", "a"], (None, "c"), "unknown_split", "'c'; the table has a, b"),
        (["", ""], ("train", None), "unknown_split", "'train'; the table has no splits"),
        (["train", "train"], (None, None), "no_test_rows", "'train'"),
        (["dev", "dev"], ("dev", None), "no_test_rows", "'dev'"),
        (["train", "test"], (None, "test2"), "unknown_split", "'test2'; the table has train, test"),
    ],
)
def test_splits_that_are_not_there_are_named(
    splits: list[str], named: tuple[str | None, str | None], code: str, words: str
) -> None:
    with pytest.raises(DataError, match=words) as caught:
        choose_rows(rows_of(splits), *named)
    assert caught.value.code == code


def test_each_labelled_row_is_held_out_once_with_all_of_its_subject() -> None:
    truth = [0, 1, 0, 1, -1, 0, 1, -1]
    table = rows_of([""] * 8, truth=truth, subjects=["a", "a", "b", "b", "b", "c", "c", "d"])
    masks = fold_masks(table, 3, 0)
    assert [mask.dtype for mask in masks] == [np.dtype(bool)] * 3
    np.testing.assert_array_equal(np.sum(masks, axis=0), np.array(truth) >= 0)
    held = sorted(sorted({table.subjects[row] for row in np.flatnonzero(mask)}) for mask in masks)
    assert held == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize(
    ("truth", "subjects", "folds"),
    [
        ([], [], 0),
        ([0], ["a"], 0),
        ([0, -1], ["a", "b"], 0),
        ([0, 1], ["a", "a"], 0),
        ([0, 1], ["a", "b"], 2),
        ([0, 1], ["", ""], 2),  # nobody's rows are people of their own
    ],
)
def test_folds_need_labelled_rows_of_two_subjects(truth: list[int], subjects: list[str], folds: int) -> None:
    assert len(fold_masks(rows_of([""] * len(truth), truth=truth, subjects=subjects), 2, 0)) == folds


def test_folds_follow_the_labels_and_the_seed(make_table) -> None:
    table = make_table(60, subjects=60)
    kinds = [np.bincount(table.truth[mask], minlength=4).tolist() for mask in fold_masks(table, 2, 0)]
    assert np.abs(np.subtract(*kinds)).max() <= 1
    first, again, other = (np.array(fold_masks(table, 2, seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_answers_of_several_divisions_are_averaged(make_table) -> None:
    table = make_table(80, strengths=(1.0, 0.8))
    divisions = [fold_masks(table, 2, seed) for seed in (0, 1)]
    each = [cross_validated(table, [folds], "weighted_average", HOW) for folds in divisions]
    assert np.abs(each[0] - each[1]).max() > 1e-3
    np.testing.assert_allclose(cross_validated(table, divisions, "weighted_average", HOW), np.mean(each, axis=0))


def test_given_weights_hold_in_every_fold_and_for_rows_without_a_label(make_table) -> None:
    table = make_table(40)
    table = replace(table, truth=np.where(np.arange(40) % 4 == 0, -1, table.truth))
    found = cross_validated(
        table, [fold_masks(table, 2, 0)], "weighted_average", HOW, weights={"face": 0.25, "voice": 0.75}
    )
    np.testing.assert_allclose(found, table.scores[:, 0] * 0.25 + table.scores[:, 1] * 0.75)


def test_some_rows_are_fused_as_among_all(make_table) -> None:
    train, test = make_table(120), make_table(40, seed=1)
    some = np.arange(40) % 3 == 0
    for adapt, fusion in ((False, Fusion), (True, PersonFusion)):
        how: dict[str, Any] = {**HOW, "adapt": adapt}
        whole, _ = fused_rows(train, test, None, "stacking", **how)
        np.testing.assert_allclose(fused_rows(train, test, some, "stacking", **how)[0], whole[some])
        fitted = fusion.fit(train, "stacking", folds=3)
        own = fitted.predict(test.scores, test.subjects) if adapt else fitted.predict(test.scores)
        np.testing.assert_array_equal(whole, own)


def test_what_models_make_of_a_person_themselves_is_fused(make_table) -> None:
    table = make_table(20, subjects=4)
    known = np.full_like(table.scores, np.nan)
    known[:, 1] = make_table(20, seed=1).scores[:, 1]
    found, _ = fused_rows(table, replace(table, person=known), None, "average", **{**HOW, "adapt": True})
    np.testing.assert_allclose(found, adapted(table.scores, table.subjects, known).mean(axis=1))


@pytest.mark.parametrize("adapt", [False, True])
def test_the_notes_of_a_fusion_are_handed_on(adapt: bool, make_table) -> None:
    _, notes = fused_rows(make_table(8), make_table(4), None, "svm", **{**HOW, "adapt": adapt})
    assert any("too few" in note and "svm" in note for note in notes)


def test_figures_are_those_of_the_labelled_rows() -> None:
    table = rows_of([""] * 5, truth=[0, 0, 0, 1, -1])
    fused = np.array([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]])
    found = evaluated(table, fused, {"bootstrap": 50, "confidence": 0.9, "seed": 0})
    assert (found["accuracy"], found["clips"]) == (0.75, 4)
    assert found["unweighted_average_recall"] == pytest.approx((2 / 3 + 1) / 2)
    fused[1] = np.nan  # wrong, too
    assert evaluated(table, fused, {"bootstrap": 50, "confidence": 0.9, "seed": 0})["accuracy"] == 0.75
    low, high = found["accuracy_ci95"]
    assert low < 0.75 < high


def test_clips_of_one_person_widen_the_interval() -> None:
    truth = [0] * 12
    fused = np.repeat([[0.9, 0.1], [0.1, 0.9]], 6, axis=0)
    widths = []
    for subjects in ([f"s{n}" for n in range(12)], ["a"] * 6 + ["b"] * 6):
        table = rows_of([""] * 12, truth=truth, subjects=subjects)
        low, high = evaluated(table, fused, {"bootstrap": 200, "confidence": 0.8, "seed": 0})["accuracy_ci95"]
        widths.append(high - low)
    assert widths[1] > widths[0] + 0.1


def test_without_labels_there_is_no_accuracy_but_a_number_of_clips() -> None:
    found = evaluated(rows_of([""] * 2, truth=[-1, -1]), np.full((2, 2), 0.5), {})
    assert found == {"accuracy": None, "accuracy_ci95": None, "clips": 2}


def test_accuracy_is_of_rows_with_a_label_and_an_answer() -> None:
    table = rows_of([""] * 4, truth=[0, 1, -1, 1])
    fused = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [np.nan, np.nan]])
    assert accuracy_of(table, fused) == 0.5
    assert accuracy_of(table.rows([2, 3]), fused[2:]) is None


def test_each_model_has_its_own_accuracy_on_either_side() -> None:
    train, test = rows_of(["train"] * 2, truth=[0, 1], models=2), rows_of(["val"] * 4, truth=[0, 0, 0, 1], models=2)
    scores = test.scores.copy()
    scores[:2, 1] = 0  # of the second model two answers are left, of which one is right
    found = member_accuracies(train, replace(test, scores=scores))
    assert found == {
        "m0": {"accuracy": 0.75, "train_accuracy": 0.5, "accuracy_on_all": 0.75},
        "m1": {"accuracy": 0.5, "train_accuracy": 0.5, "accuracy_on_all": 0.25},
    }  # fmt: skip


#: Of four rows the first three are of the label that both models say.
FOUR = {"splits": [""] * 4, "truth": [0, 0, 0, 1], "models": 2}


@pytest.mark.parametrize(
    ("changed", "rightly", "said"),
    [
        ({}, {"a": 1, "b": 2}, "m0 alone is right on 75.0% of 4 rows of the fused split that it answered, more often "
         "than every fusion (the best of them there, b: 50.0%)"),
        ({}, {"a": 1, "b": 3}, "than the answer (a: 25.0%)"),
        ({}, {"a": 3, "b": 1}, None),
        ({}, {}, None),
        ({"truth": [-1] * 4}, {"a": 0}, None),
        ({"models": 1}, {"a": 0}, "m0 alone is right on 75.0% of 4 rows"),
        ({"truth": [0, 0, -1, 1]}, {"a": 1}, "m0 alone is right on 66.7% of 3 rows"),
    ],
)  # fmt: skip
def test_a_model_that_is_more_often_right_than_the_answer_is_told(
    changed: dict[str, Any], rightly: dict[str, int], said: str | None
) -> None:
    table = rows_of(**{**FOUR, **changed})
    vectors = {name: np.eye(2)[[0] * count + [1] * (3 - count) + [0]] for name, count in rightly.items()}
    found = below_the_best_model(table, vectors, "a")
    assert found == [] if said is None else (len(found) == 1 and said in found[0])


def test_a_model_that_answered_one_row_rightly_does_not_hide_another_that_is_ahead() -> None:
    table = rows_of(**{**FOUR, "models": 3})
    table.scores[1:, 2] = np.nan  # right on its only row, where the answer is right, too
    found = below_the_best_model(table, {"a": np.eye(2)[[0, 1, 1, 0]]}, "a")
    assert [line.partition(" of 4 rows")[0] for line in found] == ["m0 alone is right on 75.0%"]


def test_a_model_is_held_against_fusions_on_the_rows_that_it_answered() -> None:
    table = rows_of(**FOUR)
    table.scores[:2, 0] = 0  # of the two rows that are left to the first model it is right on one
    table.scores[3, 1] = np.nan  # and the second on all of its three
    wrong = np.eye(2)[[1, 1, 0, 1]]
    assert below_the_best_model(table, {"a": wrong}, "a")[0].startswith("m1 alone is right on 100.0% of 3 rows")
    table.scores[:, 1] = np.nan
    table.truth[:] = [0, 0, 1, 1]
    assert below_the_best_model(table, {"a": np.eye(2)[[1, 1, 0, 0]]}, "a") == []  # as wrong as the model
    table.truth[:] = 0  # a model without an answer is not the best
    assert below_the_best_model(table, {"a": wrong}, "a")[0].startswith("m0 alone is right on 100.0% of 2 rows")
    table.scores[:] = np.nan
    assert below_the_best_model(table, {"a": wrong}, "a") == []


def test_a_method_that_selects_is_cross_validated_in_one_division_and_tells_what_all_rows_select(make_table) -> None:
    table = make_table(60, subjects=6)
    found = fuse_table(table, methods=["selected"], bootstrap=10, folds=2, seed=1)
    how = {**HOW, "folds": 2, "seed": 1}
    expected = cross_validated(table, [fold_masks(table, 2, 1)], "selected", how)
    np.testing.assert_array_equal(found.vectors["selected"], expected)
    values = found.report["methods"]["selected"]
    assert values["fitted_on"] == "all rows, other subjects"
    assert values["notes"] == [Fusion.fit(table, "selected", folds=2, seed=1).selected]


def test_answers_to_unseen_people_are_of_fusions_of_the_others(make_table) -> None:
    table = make_table(40, subjects=8, strengths=(1.0, 0.8))
    labels, given = [table.labels[number] for number in table.truth], {"weights": {"face": 0.25, "voice": 0.75}}
    for seed, how in ((0, {}), (1, {}), (2, {}), (3, {}), (3, given)):
        found = unseen_answers(table, "weighted_average", 4, seed, how)
        assert found is not None and found.dtype == float
        for held in subject_folds(table.subjects, 4, seed, labels=labels):
            fusion = Fusion.fit(table.rows(~held), "weighted_average", **how)
            np.testing.assert_array_equal(found[held], fusion.predict(table.scores[held]))
    assert unseen_answers(replace(table, subjects=("one",) * 40), "average", 4, 3, {}) is None


@pytest.mark.parametrize(
    ("report", "weights", "best", "by"),
    [
        ({"svm": {"accuracy": None}}, None, "svm", "the only method"),
        (
            {"a": {"accuracy": 0.9, "train_accuracy": 0.4}, "b": {"accuracy": 0.5, "train_accuracy": 0.6}},
            None, "b", "cross-validation on the train rows",
        ),
        ({"a": {"train_accuracy": 0.6}, "b": {"train_accuracy": 0.4}}, None, "a", "cross-validation on the train rows"),
        (
            {"a": {"accuracy": 0.4, "train_accuracy": None}, "b": {"accuracy": 0.5, "train_accuracy": 0.6}},
            None, "b", "the test rows themselves",
        ),
        ({"a": {"accuracy": 0.6}, "b": {"accuracy": 0.5}}, None, "a", "the test rows themselves"),
        ({"a": {"accuracy": 0.6}, "selected": {"accuracy": 0.5}}, None, "selected", "it selects by evidence"),
        ({"a": {"accuracy": 0.6}, "average": {"accuracy": None}}, None, "average", "no labels to choose by"),
        (
            {"average": {"accuracy": None}, "weighted_average": {"accuracy": None}},
            {"m0": 1.0}, "weighted_average", "no labels",
        ),
        ({"b": {"accuracy": None}, "a": {"accuracy": None}}, None, "b", "no labels"),  # of those asked for
    ],
)  # fmt: skip
def test_the_best_method_is_chosen_by_train_rows_then_test_rows_then_by_rule(
    report: dict[str, dict[str, Any]], weights: dict[str, float] | None, best: str, by: str
) -> None:
    found = best_method(report, weights)
    assert found[0] == best and found[1].startswith(by)


@pytest.mark.parametrize(
    ("ahead", "subjects", "best"),
    [
        ([3, -1, 0, 0], "abcd", "selected"),  # one of four people alone speaks for it
        ([3, 3, 3, 3], "abcd", "svm"),
        ([2, 3, 2, 3], "abcd", "svm"),
        ([1, 0, 0, 0], ("",) * 4, "selected"),  # no row names a person
        ([3, 0, 0, 1], ("",) * 4, "svm"),
    ],
)
def test_a_method_that_selects_is_the_best_where_none_is_ahead_by_more_than_chance(
    ahead: list[int], subjects: Sequence[str], best: str
) -> None:
    names = [name for name in subjects for _ in range(10)]
    plainer = np.tile([1.0] * 6 + [0.0] * 4, 4)  # right on six of each ten rows
    right = {"selected": plainer, "svm": plainer.copy()}
    for number, more in enumerate(ahead):
        right["svm"][10 * number : 10 * number + 6 + more] = 1
        right["svm"][10 * number + 6 + more : 10 * number + 10] = 0
    report = {name: {"train_accuracy": float(each.mean())} for name, each in right.items()}
    assert best_method(report, None, right, names)[0] == best
    assert best_method(report, None)[0] == "svm"
    right["svm"][:] = np.nan  # no answer in common
    assert best_method(report, None, right, names)[0] == "selected"


def test_the_train_rows_that_are_answered_rightly_are_told_from_those_without_an_answer() -> None:
    table = rows_of(splits=[""] * 4, truth=[0, 1, 1, -1])
    answers = np.array([[0.7, 0.3], [0.6, 0.4], [np.nan, np.nan], [0.9, 0.1]])
    np.testing.assert_array_equal(rightly(table, answers), [1, 0, np.nan, np.nan])


def test_intervals_are_of_the_resamples_the_confidence_and_the_seed_asked_for(make_table) -> None:
    table = make_table(60)

    def interval(**how: Any) -> tuple[float, float]:
        found = fuse_table(table, methods=["average"], **{"bootstrap": 60, "seed": 1, **how})
        low, high = found.report["methods"]["average"]["accuracy_ci95"]
        return low, high

    usual, narrow = interval(), interval(confidence=0.5)
    assert usual == interval()
    assert usual[0] < narrow[0] < narrow[1] < usual[1]
    assert usual != interval(seed=2)
    assert usual != interval(bootstrap=61)


def test_the_report_says_what_was_fused_and_what_was_fitted(make_table) -> None:
    table = make_table(120, splits=("train", "train", "val"), subjects=12)
    weights = {"face": 1.0, "voice": 2.0}
    found = fuse_table(table, methods=["weighted_average", "svm", "svm"], weights=weights, bootstrap=20, folds=3)
    report = found.report
    assert (report["clips"], report["train_split"], report["test_split"], report["adapt"]) == (40, "train", "val", None)
    assert [(name, values["fitted_on"]) for name, values in report["methods"].items()] == [
        ("weighted_average", None), ("svm", "train"),
    ]  # fmt: skip
    val = table.split("val")
    np.testing.assert_allclose(found.vectors["weighted_average"], (val.scores[:, 0] + 2 * val.scores[:, 1]) / 3)
    assert report["methods"]["weighted_average"]["train_accuracy"] == accuracy_of(
        table.split("train"), (table.split("train").scores * [[1], [2]]).sum(axis=1)
    )
    assert set(report["models"]) == {"face", "voice"}
    assert (found.table.clips, found.table.splits) == (val.clips, val.splits)


def test_what_is_known_without_labels_or_rows_enough_is_said(make_table) -> None:
    table = make_table(12, subjects=4)
    unlabelled = replace(table, truth=np.full(12, -1))
    report = fuse_table(unlabelled, methods=["average", "weighted_average"], weights={"voice": 1.0}).report
    assert (report["best"], report["models"]["face"]["accuracy_on_all"]) == ("weighted_average", None)
    few = fuse_table(table, methods=["svm"], folds=2, bootstrap=5).report["methods"]["svm"]
    assert few["fitted_on"] == "all rows, other subjects"
    assert "too few labelled rows (12) for svm" in few["notes"][0]
    better = fuse_table(make_table(100, strengths=(2.5, -1.0)), methods=["average"], bootstrap=5).report
    assert better["warnings"][-1].startswith("face alone is right on ")


def test_what_is_not_asked_for_is_as_documented(make_table) -> None:
    table = make_table(40, subjects=20)
    found = fuse_table(table, methods=["weighted_average"])
    said = fuse_table(
        table, methods=["weighted_average"], folds=5, seed=0, adapt=False, bootstrap=2000, confidence=0.95
    )
    assert found.report == said.report
    np.testing.assert_array_equal(found.vectors["weighted_average"], said.vectors["weighted_average"])


@pytest.mark.parametrize(
    ("splits", "truth", "rows"),
    [
        (["train", "train", "train", "test"], [0, 1, -1, 0], 2),
        (["train", "test", "test", "test"], [-1, 0, 1, -1], 2),
    ],
)
def test_which_methods_are_tried_depends_on_the_rows_that_they_would_be_fitted_on(
    splits: list[str], truth: list[int], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def offered(count: int) -> tuple[tuple[str, ...], str | None]:
        asked.append(count)
        return ("average", "maximum"), "left out one" if len(asked) == 1 else None

    monkeypatch.setattr("affekt.fusion.tables.fusions_for", offered)
    table = rows_of(splits, truth=truth, subjects=["a"] * 4)
    found, again = (fuse_table(table, bootstrap=5).report for _ in range(2))
    assert list(found["methods"]) == ["average", "maximum"]
    assert found["warnings"] == [*again["warnings"], "left out one"]
    same_person = any("subject" in warning for warning in again["warnings"])
    assert same_person == (splits[1] == "train")
    assert asked == [rows, rows]


def test_one_method_alone_is_not_cross_validated_to_be_chosen(make_table) -> None:
    table = make_table(60, splits=("train", "train", "val"), subjects=12)
    report = fuse_table(table, methods=["average"], bootstrap=20, folds=3).report
    assert "train_accuracy" not in report["methods"]["average"]
    assert (report["best"], report["best_by"]) == ("average", "the only method")


def test_the_score_on_train_rows_is_that_of_their_folds(make_table) -> None:
    table = make_table(90, splits=("train", "train", "val"), subjects=12)
    report = fuse_table(table, methods=["average", "stacking"], bootstrap=20, folds=3, seed=4).report
    train = table.split("train")
    how = {**HOW, "seed": 4}
    expected = accuracy_of(train, cross_validated(train, [fold_masks(train, 3, 4)], "stacking", how))
    assert report["methods"]["stacking"]["train_accuracy"] == expected


def test_settings_of_a_method_are_handed_on(make_table) -> None:
    from affekt.fusion.methods.stacking import StackingSettings

    table = make_table(90, splits=("train", "train", "val"), subjects=12)
    own = {"stacking": StackingSettings(linear_c=[], offset_penalty=50.0)}
    found = fuse_table(table, methods=["stacking"], settings=own, bootstrap=20, folds=3)
    expected = Fusion.fit(table.split("train"), "stacking", settings=own, folds=3).predict(table.split("val").scores)
    np.testing.assert_array_equal(found.vectors["stacking"], expected)


def test_notes_of_what_was_not_fitted_stand_beside_the_method(make_table) -> None:
    table = make_table(24, splits=("train", "val"), subjects=8)
    report = fuse_table(table, methods=["svm"], bootstrap=20, folds=2).report
    note = report["methods"]["svm"]["notes"][0]
    assert "too few" in note and "svm" in note


@pytest.mark.parametrize(
    ("arguments", "code"), [({"adapt": True}, "no_subjects"), ({"methods": ["svm"]}, "no_train_rows")]
)
def test_a_table_that_lacks_something_is_refused_by_a_code(arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(DataError) as caught:
        fuse_table(rows_of([""] * 4, truth=[-1] * 4, subjects=[""] * 4), **arguments)
    assert caught.value.code == code


def test_adapted_rows_need_one_subject_with_two_clips(make_table) -> None:
    def warnings(subjects: tuple[str, ...]) -> list[str]:
        table = replace(make_table(4), subjects=subjects)
        return fuse_table(table, methods=["average"], adapt=True, bootstrap=10).report["warnings"]

    assert warnings(("a", "b", "", "")) == ["no subject has two clips to be fused, so nothing is adapted"]
    assert warnings(("a", "a", "", "")) == []


def test_rows_of_nobody_are_in_no_two_splits(make_table) -> None:
    table = replace(make_table(40, splits=("train", "val")), subjects=("",) * 40)
    assert fuse_table(table, methods=["average"], bootstrap=10).report["warnings"] == []


def test_progress_is_told_method_by_method(
    make_table, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(events.LISTENED, "1")
    monkeypatch.setattr("affekt.progress.EVENT_INTERVAL", 0.0)
    stream, log = io.StringIO(), logging.getLogger("affekt.progress")
    handler = events.EventHandler(stream, "fuse")
    log.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO):
            fuse_table(make_table(12), methods=["maximum", "average"], bootstrap=5)
    finally:
        log.removeHandler(handler)
    told = [events.read(line) for line in stream.getvalue().splitlines()]
    assert [(event.label, event.done, event.total, event.unit, event.note) for event in told] == [
        ("fuse", 1, 2, "method", "maximum"), ("fuse", 2, 2, "method", "average"),
    ]  # fmt: skip


def test_a_row_of_the_same_file_below_a_further_folder_counts_once():
    clips = ("A/sub/1.mp4", "A/2.mp4", "sub/1.mp4", "1002/1.mp4", "1001/1.mp4", "1.mp4", "sub/3.mp4", "A/sub/3.mp4")
    table = replace(rows_of(["val"] * 8, truth=[0] * 5 + [1, 0, 0], subjects=["p"] * 8), clips=clips)
    table.scores[6:] = np.nan  # of nothing nobody can say that it is the same
    kept, (said,) = without_copies(table)
    assert kept.clips == tuple(clip for clip in clips if clip != "sub/1.mp4")
    assert said == "copies of other rows count once: left out are 1 row (sub/1.mp4)"
    others = replace(table, clips=tuple(f"{clip[:-4]}-{n}" for n, clip in enumerate(clips)))
    assert without_copies(others) == (others, [])


def test_an_evaluation_of_fusions_counts_copies_once_and_says_so():
    table = rows_of(["val"] * 4, truth=[0, 0, 1, 1], subjects=["p", "q", "q", "q"])
    table = replace(table, clips=("d/a.wav", "d/b.wav", "d/c.wav", "c.wav"))
    found = fuse_table(table, methods=["average"], bootstrap=50)
    assert (found.report["clips"], found.report["methods"]["average"]["accuracy"]) == (3, pytest.approx(2 / 3))
    assert any("count once: left out are 1 row (c.wav)" in warning for warning in found.report["warnings"])


def test_subjects_that_are_written_in_two_ways_are_told_where_scores_are_fused():
    table = rows_of(["train"] * 4 + ["val"] * 2, truth=[0, 1] * 3, subjects=["7", "7", "Anna B", "8", "07", "anna_b"])
    found = fuse_table(table, methods=["average"], bootstrap=50).report["warnings"]
    (said,) = [warning for warning in found if "differ only in how they are written" in warning]
    assert "'7' and '07', 'Anna B' and 'anna_b'" in said


def test_rows_of_a_label_that_one_subject_alone_shows_are_told_where_fusions_are_cross_validated():
    subjects = ["p", "p", "q", "q", "r", "r"]
    shared, alone = (
        rows_of(["val"] * 6, truth=truth, subjects=subjects, models=2) for truth in ([0, 1] * 3, [0, 0, 0, 0, 1, 1])
    )
    how = {"methods": ["average", "stacking"], "bootstrap": 50, "folds": 3}
    said = [fuse_table(table, **how).report["warnings"] for table in (shared, alone)]
    assert not any("of other folds" in warning for warning in said[0])
    assert any(
        warning.startswith("2 rows of sad have no row of that label among the subjects of other folds")
        for warning in said[1]
    )
    fixed = fuse_table(alone, methods=["average"], bootstrap=50, folds=3).report["warnings"]
    assert not any("of other folds" in warning for warning in fixed)


def test_a_model_that_answers_in_one_part_alone_is_told():
    table = rows_of(["train"] * 4 + ["val"] * 4, truth=[0, 1] * 4, models=3)
    table.scores[:4, 1] = np.nan
    table.scores[4:, 2] = np.nan
    said = fuse_table(table, methods=["average"], bootstrap=50).report["warnings"]
    assert "m1 answers no row of train that has a label: fusions that are fitted there know nothing of it" in said
    assert "m2 answers no row of val: what train shows of fusions with it does not hold there" in said
    assert not any(warning.startswith("m0") for warning in said)


def test_one_row_of_a_label_that_one_subject_alone_shows_is_told_in_the_singular():
    table = rows_of(["val"] * 6, truth=[0, 0, 0, 0, 0, 1], subjects=["p", "p", "q", "q", "r", "r"], models=2)
    said = fuse_table(table, methods=["stacking"], bootstrap=50, folds=3).report["warnings"]
    assert any(warning.startswith("1 row of sad has no row of that label") for warning in said)


def test_labels_of_which_there_is_no_row_to_fit_on_are_told():
    truth = [0] * 12 + [0, 1, 1]
    table = rows_of(["train"] * 12 + ["val"] * 3, truth=truth, models=2)
    table.scores[:8] = table.scores[:8, :, ::-1]  # wrong as often as on val
    how = {"bootstrap": 50, "folds": 3}
    said = fuse_table(table, methods=["weighted_average"], **how).report["warnings"]
    told = "train has no row of sad: what is fitted on it cannot answer 2 rows of val, so that its figures are too low"
    assert told in said
    assert told not in fuse_table(table, methods=["average"], **how).report["warnings"]
