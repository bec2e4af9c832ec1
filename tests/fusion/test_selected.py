"""The plainest fusion that unseen subjects do not speak against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affekt.classifiers.svc import calibration_folds
from affekt.extensions.fusion import LabelledScores
from affekt.fusion import Fusion, PersonFusion, fuse_table
from affekt.fusion.fusion import papers_settings
from affekt.fusion.methods.log_average import log_average
from affekt.fusion.methods.pooled import PooledLogs, fit_alone, fit_equal, fit_shrunk
from affekt.fusion.methods.selected import CANDIDATES, Selected, _plainest, fit
from affekt.fusion.methods.stacking import Stack, fit_parts, mixture_shares
from affekt.score_table import ScoreTable, stack_tables
from affekt.statistics.standard_error import plainest, standard_error_over_subjects

Make = Callable[..., ScoreTable]


def what(fusion: Fusion) -> str:
    """What answers where all models do."""
    return CANDIDATES[fusion.classifiers[(0, 1)].number]  # type: ignore[attr-defined]


def swapping(table: ScoreTable) -> ScoreTable:
    """The same with a second model that always says the label after the right one."""
    scores = table.scores.copy()
    scores[:, 1] = np.roll(scores[:, 1], 1, axis=1)
    return replace(table, scores=scores)


def test_models_that_know_alike_have_weights_near_each_other(make_table: Make) -> None:
    table = make_table(200, strengths=(1.5, 1.5))
    fusion = Fusion.fit(table, "selected")
    assert what(fusion) == "log average with shrunk weights"
    assert fusion.weighing() == ("face", "voice")
    free, drawn = (
        fit_shrunk(table.scores.reshape(200, -1), table.truth, len(table.labels), each).weights for each in (0.0, 1e6)
    )
    assert np.ptp(drawn) < 1e-3 < np.ptp(free)


def test_a_model_that_only_disturbs_has_no_weight(make_table: Make) -> None:
    table = make_table(400, strengths=(2.5, 0.0))
    fusion = Fusion.fit(table, "selected")
    assert fusion.selected.startswith(f"{what(fusion)} (face); right on held-out rows: best single model ")
    answers = fusion.predict(table.scores)
    np.testing.assert_array_equal(answers.argmax(axis=1), table.scores[:, 0].argmax(axis=1))


def test_more_weights_are_taken_where_unseen_subjects_speak_for_them(make_table: Make) -> None:
    table = swapping(make_table(600, strengths=(1.0, 2.5)))
    fusion = Fusion.fit(table, "selected")
    assert what(fusion) == "stacking"
    assert (fusion.predict(table.scores).argmax(axis=1) == table.truth).mean() > 0.8


def test_one_subject_does_not_speak_for_more_weights(make_table: Make) -> None:
    assert what(Fusion.fit(swapping(make_table(200, strengths=(1.0, 2.5), subjects=1)), "selected")) != "stacking"


@pytest.mark.parametrize(
    ("alone", "stacking", "errors", "chosen"),
    [
        (20, 20, 1, 4),
        (36, 20, 1, 1),
        (20, 36, 1, 3),
        (34, 36, 1, 3),
        (36, 34, 1, 1),
        (36, 36, 1, 1),
        (10, 36, 1, 3),
        (36, 20, 6, 4),  # 0.4 ahead; six errors are 0.47
    ],
)
def test_of_what_is_better_than_the_mean_the_more_often_right_one_answers(
    alone: int, stacking: int, errors: float, chosen: int
) -> None:
    right = {number: np.arange(40) < count for number, count in ((4, 20), (1, alone), (3, stacking))}
    assert _plainest(right, [f"s{row}" for row in range(40)], errors) == chosen


@pytest.mark.parametrize(("named", "errors"), [(True, 1.5), (False, 3.0)])
def test_what_is_tried_is_fitted_on_the_other_subjects_and_the_chosen_one_on_all(
    named: bool, errors: float, make_table: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make_table(60, subjects=12)
    x, y, subjects = table.scores.reshape(60, -1), table.truth, (table.subjects if named else ("", *table.subjects[1:]))
    settings = replace(papers_settings()["selected"], standard_errors=1.5, linear_c=[0.1])
    asked = []

    def chosen(right: dict[int, np.ndarray], subjects: tuple[str, ...], errors: float) -> int:
        asked.append((right, subjects, errors))
        return (3, 1)[len(asked) - 1]

    monkeypatch.setattr("affekt.fusion.methods.selected._plainest", chosen)
    found = fit(LabelledScores(x, y, subjects, 2, 4, folds=3, seed=5), settings)
    ((right, people, allowed),) = asked
    assert (people, allowed) == (subjects, errors)
    splits = calibration_folds(y, subjects, 3, 5)
    assert splits is not None and len(splits) == 3
    parts = np.zeros((2, 60, 4))
    for train, held in splits:
        pooled, linear = fit_parts(x[train], y[train], 4, settings)
        parts[:, held] = pooled.predict(x[held]), linear[0].predict(x[held])
        for number, each in (
            (1, fit_alone(x[train], y[train], 4)), (4, fit_shrunk(x[train], y[train], 4, settings.weight_penalty)),
        ):  # fmt: skip
            np.testing.assert_array_equal(right[number][held], each.predict(x[held]).argmax(axis=1) == y[held])
    likelihoods = parts[:, np.arange(60), y].T
    for train, held in splits:
        mixed = np.einsum("p,pnl->nl", mixture_shares(likelihoods[train]), parts[:, held])
        np.testing.assert_array_equal(right[3][held], mixed.argmax(axis=1) == y[held])
    assert isinstance(found.part, Stack)
    np.testing.assert_array_equal(found.part.shares, mixture_shares(likelihoods))
    np.testing.assert_array_equal(found.part.pooled.weights, fit_parts(x, y, 4, settings)[0].weights)
    expected = [np.nan, right[1].mean(), np.nan, right[3].mean(), right[4].mean()]
    np.testing.assert_array_equal(found.accuracies, expected)
    alone = fit(LabelledScores(x, y, subjects, 2, 4, folds=3, seed=5), settings).part
    assert isinstance(alone, PooledLogs)
    np.testing.assert_array_equal(alone.weights, fit_alone(x, y, 4).weights)


def test_a_model_weighs_whose_weight_is_above_zero() -> None:
    pooled = PooledLogs(np.array([0.0, 0.3, 2.0]), np.zeros(2))
    assert Selected(pooled, 4, np.zeros(5)).weighing() == (1, 2)


def test_a_selection_among_the_four_of_models_stored_before_is_told(make_table: Make) -> None:
    table = make_table(60)
    part = fit_equal(table.scores.reshape(60, -1), table.truth, len(table.labels))
    stored = Selected.from_arrays(Selected(part, 0, np.array([0.7, 0.6, 0.7, 0.5])).arrays())
    assert stored.told(table.models).endswith("best single model 60.0%, weighted log average 70.0%, stacking 50.0%")


def test_without_rows_to_compare_on_the_mean_of_all_answers_and_says_so(make_table: Make) -> None:
    table = make_table(60)
    rare = np.arange(60) == np.flatnonzero(table.truth == 3)[0]
    table = replace(table, truth=np.where(rare, 3, np.minimum(table.truth, 2)))
    fusion = Fusion.fit(table, "selected")
    assert what(fusion) == "log average of all"
    assert fusion.selected == "log average of all (face, voice): too few rows of a label to compare fusions on"
    assert Fusion.fit(table.only(["voice"]), "selected").selected == "voice alone"


def test_what_was_selected_is_stored_and_answers_as_before(make_table: Make, tmp_path: Path) -> None:
    for table in (make_table(200), swapping(make_table(600, strengths=(1.0, 2.5)))):
        fusion = Fusion.fit(table, "selected")
        fusion.save(tmp_path)
        loaded = Fusion.load(tmp_path)
        np.testing.assert_array_equal(loaded.predict(table.scores), fusion.predict(table.scores))
        assert loaded.selected == fusion.selected and loaded.weighing() == fusion.weighing()


def test_beside_shrunk_weights_a_persons_plain_answer_counts_as_four_further_clips(make_table: Make) -> None:
    table = make_table(240, strengths=(1.5, 1.5))
    fusion = replace(PersonFusion.fit(table, "selected"), evens=False)
    assert fusion.plain.person_clips == fusion.person.person_clips == 4
    lone = fusion.predict(table.scores[:1], ["ann"])
    np.testing.assert_array_equal(lone, fusion.plain.predict(table.scores[:1]))
    known = table.scores[:3, :, ::-1]
    three = fusion.predict(table.scores[:3], ["ann"] * 3, known=known)
    expected = (fusion.person.predict(known) * 2 + fusion.plain.predict(table.scores[:3]) * 4) / 6
    np.testing.assert_allclose(three, expected)


def test_the_logarithms_mean_is_the_geometric_mean_of_those_that_answer() -> None:
    vectors = np.array([[[0.5, 0.4, 0.1], [0.2, 0.7, 0.1], [np.nan] * 3]])
    expected = np.sqrt(np.prod(vectors[0, :2] + 0.05, axis=0))
    np.testing.assert_allclose(log_average(vectors)[0], expected / expected.sum())


def test_the_standard_error_is_of_subjects_and_not_of_their_clips() -> None:
    values = np.repeat([1.0, 0.0, 1.0, 0.0], 25)
    by_subject = standard_error_over_subjects(values, [f"s{n // 25}" for n in range(100)])
    assert by_subject == pytest.approx(np.std([1, 0, 1, 0], ddof=1) / 2)
    assert standard_error_over_subjects(values, [""] * 100) == pytest.approx(np.std(values, ddof=1) / 10)
    assert standard_error_over_subjects(values, ["one"] * 100) == np.inf
    two = standard_error_over_subjects(values, ["a"] * 50 + ["b"] * 50)
    assert two == 0  # both of two subjects have the same mean
    assert standard_error_over_subjects(np.repeat([1.0, 0.0], 50), ["a"] * 50 + ["b"] * 50) == pytest.approx(0.5)


def test_the_plainest_answer_is_that_within_an_error_of_the_best() -> None:
    subjects = [f"s{n // 10}" for n in range(40)]
    best, even, behind = np.ones(40, dtype=bool), np.arange(40) % 10 > 0, np.arange(40) >= 10
    assert plainest(np.stack([even, best]), subjects) == 1  # each subject loses the same: no spread
    assert plainest(np.stack([behind, best]), subjects) == 0  # one subject alone speaks against it
    assert plainest(np.stack([behind, best]), subjects, errors=0.5) == 1
    two = np.stack([np.arange(40) >= 20, best])  # behind by 1.7 errors
    assert [plainest(two, subjects), plainest(two, subjects, errors=2)] == [1, 0]
    assert plainest(np.array([[False, True], [True, True]]), ["a", "b"]) == 0  # behind by exactly an error


def test_a_model_that_is_right_more_often_than_every_fusion_is_named(make_table: Make) -> None:
    table = make_table(200, strengths=(2.5, -1.0))
    report = fuse_table(table, methods=["average", "maximum"], bootstrap=100).report
    assert report["warnings"][-1].startswith("face alone is right on ")
    better = fuse_table(make_table(200, strengths=(1.5, 1.5)), methods=["average"], bootstrap=100).report
    assert better["warnings"] == []


def test_on_over_fitted_scores_of_afew_the_answer_is_not_below_the_best_model(shared_data: Path) -> None:
    folder = shared_data / "afew2013_scores"
    table = stack_tables([ScoreTable.read(folder / f"{split}.csv") for split in ("train", "val")])
    found = fuse_table(table, methods=["log_average", "selected"], bootstrap=100).report
    assert found["best"] == "selected" and "look over-fitted" in found["warnings"][0]
    best = max(model["accuracy_on_all"] for model in found["models"].values())
    assert found["methods"]["selected"]["accuracy"] >= best > found["methods"]["log_average"]["accuracy"]
    assert found["methods"]["selected"]["notes"][0].startswith("log average with shrunk weights (")


def test_a_label_that_one_subject_alone_shows_lets_no_fusion_know_the_subjects_that_it_is_compared_on() -> None:
    rng = np.random.default_rng(3)
    whose = np.repeat(np.arange(6), 40)
    truth = np.where(rng.random(240) < 0.85, whose % 3, rng.integers(3, size=240))
    truth[[3, 4]] = 3  # of the first subject alone
    knows = rng.normal(size=(240, 4))
    knows[np.arange(240), truth] += 1.2
    tells_who = 2 * rng.normal(size=(6, 4))[whose] + 0.05 * rng.normal(size=(240, 4))
    scores = np.exp(np.stack([knows, tells_who], axis=1))
    table = ScoreTable(
        tuple(f"c{n}" for n in range(240)), ("angry", "fear", "happy", "sad"), ("face", "voice"),
        scores / scores.sum(axis=2, keepdims=True), truth, tuple(f"s{n}" for n in whose), ("train",) * 240,
    )  # fmt: skip
    assert what(Fusion.fit(table, "selected")) != "stacking"
