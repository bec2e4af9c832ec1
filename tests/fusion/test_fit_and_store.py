"""From how many rows on a fusion is fitted, what its folder holds, and what is wrong with one."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affekt.errors import DataError
from affekt.extensions.fusion import FusionSpec, LabelledScores
from affekt.fusion import Fusion
from affekt.fusion.estimator import FusionClassifier
from affekt.fusion.methods.pooled import PooledLogs
from affekt.fusion.methods.random_forest import ForestFusionSettings
from affekt.fusion.methods.selected import Selected
from affekt.fusion.methods.stacking import Stack
from affekt.score_table import ScoreTable

LABELS = ("angry", "happy", "sad")
FOREST = {"random_forest": ForestFusionSettings(trees=2, min_samples_split=2)}


def table(truth: list[int], models: tuple[str, ...] = ("one",), seed: int = 0) -> ScoreTable:
    """Rows of which the first model says the truth and the others the label after it, all of them surely."""
    count = len(truth)
    said = np.array([[(label + number) % 3 for number in range(len(models))] for label in truth]).reshape(count, -1)
    noise = np.random.default_rng(seed).random((count, len(models), 3)) * 0.1
    scores = np.eye(3)[said.astype(int)] + noise
    return ScoreTable(
        tuple(f"c{n}" for n in range(count)), LABELS, models, scores / scores.sum(axis=2, keepdims=True),
        np.array(truth, dtype=int), tuple(f"s{n}" for n in range(count)), ("",) * count,
    )  # fmt: skip


def names_in(note: str) -> tuple[str, int, str]:
    """The models, the number of rows and the method that a note is about."""
    found = re.fullmatch(r"(\S+): .*\((\d+)\) for (\w+): weighted average", note)
    assert found is not None, note
    return found[1], int(found[2]), found[3]


def fitted(rows: ScoreTable, **how: Any) -> Fusion:
    return Fusion.fit(rows, "random_forest", settings=FOREST, **how)


@pytest.mark.parametrize(
    ("truth", "enough"),
    [([0, 1] * 6, True), ([0, 1] * 5 + [0], False), ([0, 1, 2] * 6, True), ([0, 1, 2] * 5 + [0, 1], False)],
)
def test_a_classifier_is_fitted_from_six_rows_a_label_on(truth: list[int], enough: bool) -> None:
    found = fitted(table(truth))
    assert list(found.classifiers) == ([(0,)] if enough else [])
    assert [names_in(note) for note in found.notes] == ([] if enough else [("one", len(truth), "random_forest")])


def test_rows_of_one_label_teach_nothing() -> None:
    found = fitted(table([1] * 30))
    assert not found.classifiers and names_in(found.notes[0]) == ("one", 30, "random_forest")


def test_a_set_of_models_is_fitted_on_the_labelled_rows_that_all_of_it_answered() -> None:
    rows = table([0, 1] * 10, ("one", "two"))
    scores = rows.scores.copy()
    scores[12:, 1] = np.nan  # twelve of both, twenty of the first
    found = fitted(replace(rows, scores=scores))
    assert list(found.classifiers) == [(0, 1), (0,)]
    scores[11:, 1] = np.nan
    found = fitted(replace(rows, scores=scores))
    assert list(found.classifiers) == [(0,)]
    assert [names_in(note) for note in found.notes] == [("one+two", 11, "random_forest")]
    truth = np.where(np.arange(20) < 9, -1, rows.truth)
    assert list(fitted(replace(rows, truth=truth)).classifiers) == []  # eleven of the rows have a label


def test_a_label_that_no_answered_row_has_asks_for_no_further_rows() -> None:
    rows = table([0, 1] * 6 + [2])
    scores = rows.scores.copy()
    scores[-1] = np.nan
    assert list(fitted(replace(rows, scores=scores)).classifiers) == [(0,)]
    assert not fitted(rows).classifiers


@pytest.mark.parametrize(("count", "searched"), [(6, True), (5, False)])
def test_weights_are_searched_from_three_rows_a_label_on(count: int, searched: bool) -> None:
    rows = table(([0, 1] * 3)[:count], ("right", "wrong"))
    found = Fusion.fit(rows, "weighted_average")
    if searched:
        assert found.weights[0] > 0.5 and found.notes == ()
    else:
        assert found.weights.tolist() == [0.5, 0.5]
        assert len(found.notes) == 1 and "(5)" in found.notes[0] and "equal weights" in found.notes[0]


def test_rows_without_a_label_or_an_answer_are_none_to_search_on() -> None:
    rows = table([0, 1] * 4, ("right", "wrong"))
    scores = rows.scores.copy()
    scores[:2] = np.nan
    truth = np.where(np.arange(8) == 7, -1, rows.truth)
    assert Fusion.fit(replace(rows, scores=scores, truth=truth), "weighted_average").notes
    assert Fusion.fit(replace(rows, scores=scores), "weighted_average").weights[0] > 0.5
    assert Fusion.fit(rows.rows([]), "weighted_average").notes
    some = table([0, 1] * 6, ("right", "wrong"))
    assert Fusion.fit(replace(some, truth=np.where(np.arange(12) < 5, some.truth, -1)), "weighted_average").notes


@pytest.mark.usefixtures("looked_up_anew")
def test_weights_are_searched_with_the_rule_that_will_use_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mirrored_rule.py").write_text(
        "from affekt.extensions.fusion import FusionSpec\n"
        "from affekt.fusion.methods.weighted_average import weighted_average\n"
        "def mirrored(probabilities, weights):\n"
        "    return weighted_average(probabilities, weights[::-1])\n"
        "SPEC = FusionSpec('mirrored', 'Mirrored', rule=mirrored, weighted=True, order=900)\n"
    )
    metadata = tmp_path / "mirrored_rule-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mirrored_rule\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[affekt.fusions]\nmirrored = mirrored_rule:SPEC\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    rows = table([0, 1] * 6, ("right", "wrong"))
    found = Fusion.fit(rows, "mirrored")
    assert found.weights[1] > 0.5  # the weight that the rule gives to the model that is right
    np.testing.assert_allclose(found.predict(rows.scores), Fusion.fit(rows, "weighted_average").predict(rows.scores))


def test_a_method_without_weights_weighs_all_alike_and_given_weights_are_kept() -> None:
    rows = table([0, 1] * 6, ("right", "wrong"))
    assert Fusion.fit(rows, "average").weights.tolist() == [0.5, 0.5]
    assert fitted(rows).weights[0] > 0.5  # for sets of models without a classifier
    assert fitted(rows, weights={"wrong": 2}).weights.tolist() == [0, 1]


def selected(number: int, *weights: float) -> Selected:
    """That one of the candidates, over as many models as there are weights; a stacking weighs all of them."""
    pooled = PooledLogs(np.array(weights), np.zeros(3))
    return Selected(Stack(pooled, (), np.ones(1)) if number == 3 else pooled, number, np.full(5, np.nan))


def selecting(*parts: tuple[tuple[int, ...], Selected], method: str = "selected") -> Fusion:
    return Fusion(method, ("a", "b", "c"), LABELS, np.ones(3) / 3, dict(parts))


def test_what_was_selected_is_told_of_the_widest_set_of_models() -> None:
    narrow, wide = ((1,), selected(1, 1.0)), ((0, 2), selected(4, 1.0, 1.0))
    assert selecting(narrow, wide).selected.startswith("log average with shrunk weights (a, c)")
    assert selecting(wide, narrow).selected == selecting(narrow, wide).selected
    assert selecting().selected == selecting(wide, method="svm").selected == ""


def test_a_persons_further_clips_are_as_many_as_the_most_careful_part_asks_for() -> None:
    none, few, many = ((0,), selected(0, 1.0)), ((1,), selected(4, 1.0)), ((2,), selected(3, 1.0))
    assert [selecting(*parts).person_clips for parts in ((none,), (few, none), (none, many, few))] == [0, 4, 10]
    plain = PooledLogs(np.ones(1), np.zeros(3))  # says nothing of people
    assert replace(selecting(), classifiers={(0,): plain}).person_clips == 10
    assert [selecting(method=method).person_clips for method in ("selected", "svm", "average")] == [10, 10, 0]
    assert selecting(none, method="svm").person_clips == 10


def test_models_without_a_weight_in_any_answer_are_not_worth_asking() -> None:
    whole = ((0, 1, 2), selected(4, 1.0, 0.0, 0.0))
    assert selecting(whole).weighing() == ("a",)
    assert selecting(whole, ((1, 2), selected(4, 0.0, 0.5))).weighing() == ("a", "c")
    assert selecting(((1, 2), selected(3, 1.0, 1.0)), whole).weighing() == ("a", "b", "c")
    assert selecting(((0, 1), selected(4, 1.0, 0.0))).weighing() == ("a", "b", "c")  # of all three nothing is known
    assert selecting(whole, method="svm").weighing() == ("a", "b", "c")


def test_boosting_that_finds_nothing_is_said_and_answered_by_the_average() -> None:
    rows = table([0, 1] * 20, ("one", "two"))
    alike = replace(rows, scores=np.tile([[0.5, 0.3, 0.2], [0.1, 0.7, 0.2]], (40, 1, 1)))
    found = Fusion.fit(alike, "adaboost")
    assert not found.classifiers
    assert all("one" in note and "adaboost could not be fitted" in note for note in found.notes)
    np.testing.assert_allclose(found.predict(alike.scores[:1]), found.weights @ alike.scores[0][None])


def test_a_method_is_given_the_rows_of_its_models_and_what_was_asked_for(
    make_table, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, given = make_table(30, subjects=30), []

    def fit(learned: LabelledScores, settings: object) -> None:
        given.append((learned, settings))

    own = FusionSpec("own", "Own", fit=fit)
    monkeypatch.setattr("affekt.fusion.fusion.fusion_spec", lambda name: own)
    monkeypatch.setattr("affekt.fusion.fusion.papers_settings", lambda: {"own": "the paper's"})
    found = Fusion.fit(rows, "own", settings={"own": "asked for"}, folds=7, seed=9)
    ((learned, settings),) = given
    assert settings == "asked for"
    assert (learned.models, learned.labels, learned.folds, learned.seed) == (2, 4, 7, 9)
    assert learned.subjects == rows.subjects and learned.y.tolist() == rows.truth.tolist()
    np.testing.assert_allclose(learned.x, rows.scores.reshape(30, 8))
    assert found.weights[0] > 0.5  # of the weighted average
    Fusion.fit(rows, "own")
    assert given[1][1] == "the paper's"


def test_sets_of_models_are_stored_each_with_its_own_kind_of_classifier(tmp_path: Path) -> None:
    fusion = selecting(((0, 2), selected(4, 1.0, 1.0)), ((0, 1, 2), selected(4, 1.0, 0.0, 0.0)))
    fusion.save(tmp_path)
    loaded = Fusion.load(tmp_path)
    assert list(loaded.classifiers) == [(0, 2), (0, 1, 2)]
    assert [loaded.classifiers[each].weighing() for each in loaded.classifiers] == [(0, 1), (0,)]  # type: ignore[attr-defined]


def test_seed_and_folds_reach_the_classifier(make_table) -> None:
    rows, new = make_table(90, subjects=30), make_table(20, seed=1).scores
    first, again, other = (fitted(rows, seed=seed).predict(new) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0
    own = FusionClassifier("random_forest", settings=FOREST["random_forest"], seed=1).fit(rows.scores, rows.truth)
    assert np.abs(own.predict_proba(new) - other).max() == 0
    three, five, usual = (Fusion.fit(rows, "svm", **how).predict(new) for how in ({"folds": 3}, {"folds": 5}, {}))
    assert np.abs(three - five).max() > 0
    np.testing.assert_array_equal(usual, five)


@pytest.mark.parametrize("shape", [(1, 3, 3), (1, 2, 4)])
def test_scores_of_another_shape_are_refused_by_their_code(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"2 models over 3 labels, found") as caught:
        Fusion.fit(table([0, 1], ("one", "two")), "average").predict(np.ones(shape))
    assert caught.value.code == "shape"


def test_a_folder_holds_what_the_fusion_is(tmp_path: Path) -> None:
    rows = table([0, 1] * 10, ("one", "two"))
    scores = rows.scores.copy()
    scores[11:, 1] = np.nan
    fusion = fitted(replace(rows, scores=scores))
    for folder in (tmp_path / "a" / "b", tmp_path / "a" / "b"):  # made, and written over
        fusion.save(folder)
    found = json.loads((tmp_path / "a" / "b" / "fusion.json").read_text())
    assert found.pop("sha256")
    assert found == {
        "format": 1, "method": "random_forest", "models": ["one", "two"], "labels": list(LABELS),
        "weights": fusion.weights.tolist(), "subsets": [[0]], "notes": list(fusion.notes),
    }  # fmt: skip
    loaded = Fusion.load(tmp_path / "a" / "b")
    assert list(loaded.classifiers) == [(0,)]
    assert (loaded.notes, loaded.weights.dtype) == (fusion.notes, np.dtype(float))


def test_a_rule_is_one_file_and_whole_numbers_as_weights_are_numbers(tmp_path: Path) -> None:
    Fusion.fit(table([0, 1], ("one", "two")), "weighted_average", weights={"one": 1}).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["fusion.json"]
    found = json.loads((tmp_path / "fusion.json").read_text())
    assert (found["sha256"], found["subsets"], found["weights"]) == (None, [], [1.0, 0.0])
    (tmp_path / "fusion.json").write_text(json.dumps({**found, "weights": [1, 0]}))
    assert Fusion.load(tmp_path).weights.dtype == np.dtype(float)


GOOD: dict[str, Any] = {
    "format": 1, "method": "average", "models": ["one"], "labels": ["a"], "weights": [1.0], "subsets": [], "notes": [],
    "sha256": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "missing"),
        ("{", "missing"),
        ("[]", "format"),
        (json.dumps({**GOOD, "format": 2}), "format"),
        (json.dumps({**GOOD, "method": "magic"}), "unknown_method"),
        (json.dumps({key: value for key, value in GOOD.items() if key != "notes"}), "damaged"),
        (json.dumps({**GOOD, "weights": ["much"]}), "damaged"),
        (json.dumps({**GOOD, "models": 3}), "damaged"),
        (json.dumps({**GOOD, "subsets": [[0]]}), "damaged"),
    ],
)
def test_what_is_wrong_with_a_folder_has_a_code_and_a_place(tmp_path: Path, content: str | None, code: str) -> None:
    if content is not None:
        (tmp_path / "fusion.json").write_text(content)
    with pytest.raises(DataError) as caught:
        Fusion.load(tmp_path)
    assert (caught.value.code, caught.value.where) == (code, str(tmp_path / "fusion.json"))
    assert caught.value.message


def test_the_good_folder_of_these_is_good(tmp_path: Path) -> None:
    (tmp_path / "fusion.json").write_text(json.dumps(GOOD))
    assert Fusion.load(tmp_path).predict(np.ones((1, 1, 1))).tolist() == [[1.0]]


def test_an_estimator_hands_on_what_it_was_given() -> None:
    rows = table([0, 1, 2] * 8, ("one", "two"))
    own = ForestFusionSettings(trees=2, min_samples_split=2)
    x, y = rows.scores, rows.truth
    people = list(rows.subjects)
    found = FusionClassifier("random_forest", models=("one", "two"), settings=own, seed=3).fit(x, y)
    np.testing.assert_array_equal(found.predict_proba(x), fitted(rows, seed=3).predict(x))
    weighted = FusionClassifier("weighted_average", models=("one", "two"), weights={"two": 1}).fit(x, y, people)
    np.testing.assert_allclose(weighted.predict_proba(x), x[:, 1])
    default = FusionClassifier("weighted_average", weights={"model 1": 1}).fit(x, y)
    np.testing.assert_allclose(default.predict_proba(x), x[:, 1])
    assert default.fusion_.models == ("model 0", "model 1")
    assert default.classes_.tolist() == [0, 1, 2]
    assert default.fusion_.labels == ("0", "1", "2")
    assert FusionClassifier().get_params() == {
        "method": "stacking", "models": None, "labels": None, "weights": None, "settings": None, "folds": 5, "seed": 0,
    }  # fmt: skip


def test_an_estimators_folds_keep_people_together(make_table) -> None:
    rows, new = make_table(90, subjects=6), make_table(20, seed=1).scores
    expected = Fusion.fit(replace(rows, models=("model 0", "model 1")), "svm", folds=3).predict(new)
    found = FusionClassifier("svm", folds=3).fit(rows.scores, rows.truth, rows.subjects).predict_proba(new)
    np.testing.assert_array_equal(found, expected)
    alone = FusionClassifier("svm", folds=3).fit(rows.scores, rows.truth).predict_proba(new)
    assert np.abs(alone - expected).max() > 0
    nobodys = replace(rows, models=("model 0", "model 1"), subjects=("",) * 90)
    np.testing.assert_array_equal(alone, Fusion.fit(nobodys, "svm", folds=3).predict(new))


@pytest.mark.parametrize(
    ("shape", "labels", "how", "code", "says"),
    [
        ((4, 3), [0, 1, 2, 0], {}, "shape", r"\(4, 3\)"),
        ((4, 2, 3), [0, 1, 2], {}, "shape", "3 labels"),
        ((4, 2, 3), [0, 1, 2, 0], {"models": ("one",)}, "shape", "2 models over 3 labels.* 1 model "),
        ((4, 2, 3), [0, 1, 1, 0], {"labels": ("a", "b")}, "shape", "2 models over 3 labels.* 2 labels"),
        ((4, 2, 3), [0, 1, 2, 3], {}, "label", "holds 3; expected one of 0, 1, 2"),
        ((4, 2, 3), ["a", "b", "c", "x"], {"labels": ("a", "b", "c")}, "label", "holds x; expected one of a, b, c"),
    ],
)
def test_rows_that_do_not_fit_the_names_are_refused_by_a_code(
    shape: tuple[int, ...], labels: list[Any], how: dict[str, Any], code: str, says: str
) -> None:
    with pytest.raises(DataError, match=says) as caught:
        FusionClassifier("average", **how).fit(np.ones(shape), np.array(labels))
    assert caught.value.code == code


def test_an_estimator_answers_by_the_most_probable_name_and_names_a_row_without() -> None:
    model = FusionClassifier("average", labels=LABELS).fit(np.ones((1, 1, 3)), np.array(["sad"]))
    assert model.predict(np.array([[[0.2, 0.1, 0.7]], [[0.6, 0.3, 0.1]]])).tolist() == ["sad", "angry"]
    with pytest.raises(DataError, match="row 1") as caught:
        model.predict(np.array([[[0.2, 0.1, 0.7]], [[np.nan] * 3], [[0.0] * 3]]))
    assert caught.value.code == "no_answer"
