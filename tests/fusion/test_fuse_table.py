"""Fusing whole score tables: what is fitted on what, which method is chosen, and the known figures of real tables."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from affekt.dataset import subject_folds
from affekt.errors import DataError
from affekt.extensions import fusion_names, fusion_specs, fusions_for
from affekt.fusion import Fusion, PersonFusion, adapted, fuse_table
from affekt.pipelines.cli.fuse import show
from affekt.score_table import ScoreTable

METHODS = fusion_names()
TRAINED = tuple(name for name, spec in fusion_specs().items() if spec.fit)

QUICK = {"bootstrap": 100, "folds": 3}
SPLITS = ("train", "train", "val")


def stacked(*tables: ScoreTable) -> ScoreTable:
    return replace(
        tables[0],
        clips=tuple(clip for table in tables for clip in table.clips),
        scores=np.concatenate([table.scores for table in tables]),
        truth=np.concatenate([table.truth for table in tables]),
        subjects=tuple(subject for table in tables for subject in table.subjects),
        splits=tuple(split for table in tables for split in table.splits),
    )


def test_all_methods_are_fitted_on_train_and_evaluated_on_val(make_table):
    table = make_table(150, splits=SPLITS, subjects=12)
    fused = fuse_table(table, **QUICK)
    assert tuple(fused.report["methods"]) == METHODS
    assert (fused.report["train_split"], fused.report["test_split"]) == ("train", "val")
    assert set(fused.table.splits) == {"val"}
    for name, found in fused.report["methods"].items():
        low, high = found["accuracy_ci95"]
        assert low <= found["accuracy"] <= high
        assert found["clips"] == len(fused.table)
        assert found["fitted_on"] == ("train" if name in (*TRAINED, "weighted_average") else None)
        right = fused.vectors[name].argmax(axis=1) == fused.table.truth
        assert found["accuracy"] == pytest.approx(right.mean())
    assert fused.report["warnings"] == []
    json.dumps(fused.report)


def test_fused_vectors_are_those_of_a_fusion_fitted_on_the_train_rows(make_table):
    table = make_table(200, splits=SPLITS, subjects=12)
    fused = fuse_table(table, methods=["stacking"], **QUICK)
    expected = Fusion.fit(table.split("train"), "stacking", folds=3).predict(table.split("val").scores)
    np.testing.assert_array_equal(fused.vectors["stacking"], expected)


def test_the_best_method_is_chosen_without_the_test_rows(make_table):
    table = make_table(240, splits=SPLITS, subjects=12, strengths=(2.0, 0.2))
    methods = ["average", "weighted_average", "maximum", "stacking"]
    fused = fuse_table(table, methods=methods, **QUICK)
    found = fused.report["methods"]
    assert fused.report["best"] == max(methods, key=lambda name: found[name]["train_accuracy"])
    assert fused.report["best_by"] == "cross-validation on the train rows"
    relabelled = replace(table, truth=np.where(np.array(table.splits) == "val", (table.truth + 1) % 4, table.truth))
    assert fuse_table(relabelled.rows(np.arange(240)), methods=methods[:2], **QUICK).report["best"] is not None


def test_without_a_train_split_methods_are_cross_validated_over_subjects(make_table):
    table = make_table(150, subjects=9)
    fused = fuse_table(table, methods=["weighted_average"], folds=3, bootstrap=100, seed=5)
    expected = np.zeros((150, 4))
    for again in range(3):
        for held in subject_folds(table.subjects, 3, 5 + again, labels=[table.labels[t] for t in table.truth]):
            fusion = Fusion.fit(table.rows(~held), "weighted_average", seed=5, folds=3)
            expected[held] += fusion.predict(table.scores[held]) / 3
    np.testing.assert_allclose(fused.vectors["weighted_average"], expected)
    assert fused.report["methods"]["weighted_average"]["fitted_on"] == "all rows, other subjects"


def test_random_labels_stay_at_chance_in_cross_validation(make_table):
    table = make_table(200, subjects=10, strengths=(0, 0))
    fused = fuse_table(table, methods=["svm", "stacking"], **QUICK)
    for found in fused.report["methods"].values():
        assert found["accuracy"] < 0.25 + 3 * np.sqrt(0.25 * 0.75 / 200)


def test_the_choice_among_cross_validated_methods_says_that_it_flatters(make_table):
    fused = fuse_table(make_table(120), methods=["average", "maximum"], **QUICK)
    assert "flatters" in fused.report["best_by"]


def test_overfitted_train_scores_are_noticed_and_not_used(make_table, capsys):
    good, bad = make_table(150, splits=("train",)), make_table(150, splits=("val",), strengths=(2.0, 0.2), seed=1)
    leaked = good.scores.copy()
    leaked[np.arange(150), 1, good.truth] += 3  # the second model knows its own train clips by heart
    bad = replace(bad, clips=tuple(f"v{clip}" for clip in bad.clips))
    table = stacked(replace(good, scores=leaked), bad)
    fused = fuse_table(table, methods=["weighted_average"], **QUICK)
    assert len([each for each in fused.report["warnings"] if "look over-fitted" in each]) == 1
    assert fused.report["warnings"][0].startswith("voice is right on 100.0% of")
    assert fused.report["methods"]["weighted_average"]["fitted_on"] == "val, other subjects"
    show(fused.report)
    assert "150 clips of val, fitted on val, other subjects" in capsys.readouterr().out
    alone = fuse_table(bad, methods=["weighted_average"], **QUICK)
    np.testing.assert_array_equal(fused.vectors["weighted_average"], alone.vectors["weighted_average"])


def test_a_subject_in_both_splits_is_reported(make_table):
    table = make_table(90, splits=SPLITS, subjects=9)
    table = replace(table, subjects=tuple("same" for _ in table.subjects))
    assert (
        "both splits hold clips of 1 subject alike"
        in fuse_table(table, methods=["average"], **QUICK).report["warnings"][0]
    )


def test_unlabelled_rows_are_fused_by_the_fixed_rules_and_the_rest_is_left_out(make_table):
    table = make_table(30)
    table = replace(table, truth=np.full(30, -1))
    fused = fuse_table(table, **QUICK)
    assert set(fused.vectors) == {"average", "log_average", "maximum", "highest_confidence"}
    assert fused.report["methods"]["average"]["accuracy"] is None
    assert fused.report["best"] == "average"
    assert "svm" in fused.report["warnings"][0]


def test_a_named_method_without_labelled_rows_is_refused(make_table):
    table = replace(make_table(30), truth=np.full(30, -1))
    with pytest.raises(DataError, match="svm: no labelled rows"):
        fuse_table(table, methods=["average", "svm"], **QUICK)


def test_unlabelled_test_rows_are_fused_by_what_the_train_rows_taught(make_table):
    table = make_table(240, splits=SPLITS, subjects=12)
    truth = np.where(np.array(table.splits) == "val", -1, table.truth)
    fused = fuse_table(replace(table, truth=truth), methods=["average", "svm"], **QUICK)
    known = fuse_table(table, methods=["svm"], **QUICK)
    np.testing.assert_array_equal(fused.vectors["svm"], known.vectors["svm"])
    assert fused.report["methods"]["svm"]["accuracy"] is None
    assert fused.report["methods"]["svm"]["train_accuracy"] > 0.6


def test_unlabelled_rows_among_labelled_ones_are_fused_too(make_table):
    table = make_table(120, subjects=8)
    truth = table.truth.copy()
    truth[::3] = -1
    fused = fuse_table(replace(table, truth=truth), methods=["stacking"], **QUICK)
    np.testing.assert_allclose(fused.vectors["stacking"].sum(axis=1), 1)
    assert fused.report["methods"]["stacking"]["clips"] == 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"methods": ["magic"]}, "no fusion method 'magic'"),
        ({"methods": ["averge"]}, "did you mean average"),
        ({"models": ["voces"]}, "did you mean voice"),
        ({"models": ["lstm"]}, "no model named lstm"),
        ({"test_split": "tset"}, "no row has the split 'tset'; the table has train, val"),
        ({"train_split": "odd"}, "no row has the split 'odd'"),
        ({"methods": ["weighted_average"], "weights": {"lstm": 1}}, "a weight is given for lstm"),
    ],
)
def test_mistakes_are_named(arguments, message, make_table):
    with pytest.raises(DataError, match=message):
        fuse_table(make_table(60, splits=SPLITS, subjects=9), **arguments, **QUICK)


def test_only_train_rows_leave_nothing_to_fuse(make_table):
    with pytest.raises(DataError, match="every row is of the split 'train'"):
        fuse_table(make_table(30, splits=("train",)), methods=["average"])


def test_a_part_of_the_models_can_be_fused(make_table):
    table = make_table(100, models=("a", "b", "c"), strengths=(1, 1, 1))
    fused = fuse_table(table, methods=["average"], models=["c", "a"], **QUICK)
    np.testing.assert_allclose(fused.vectors["average"], table.scores[:, [2, 0]].mean(axis=1))


def test_the_emotiw_2016_winners_fusion_is_reproduced_for_every_clip(shared_data):
    path = shared_data / "emotiw2016_test_scores" / "scores.csv"
    table = ScoreTable.read(path)
    weights = {"c3d_qiyi": 0.05, "c3d_afew_2": 0.15, "lstm": 0.25, "c3d_afew_1": 0.03, "audio": 0.52}
    fused = fuse_table(table, methods=["weighted_average"], weights=weights)
    answers = [table.labels[k] for k in fused.vectors["weighted_average"].argmax(axis=1)]
    assert len(answers) == 593
    assert answers == list(pd.read_csv(path)["winner_fused_argmax"])


def votes(shared_data) -> ScoreTable:
    return ScoreTable.read(shared_data / "cremad_votes" / "votes.csv.gz").only(["audio", "face"])


def test_on_votes_of_unseen_speakers_stacking_beats_the_papers_svm_and_both_the_models(shared_data):
    table = votes(shared_data)
    speakers = sorted(set(table.subjects))
    held = np.isin(table.subjects, speakers[::4])
    train, test = table.rows(~held), table.rows(held)
    accuracy = {}
    for method in ("average", "svm", "stacking"):
        answers = Fusion.fit(train, method, folds=3).predict(test.scores)
        accuracy[method] = (answers.argmax(axis=1) == test.truth).mean()
    face = (test.scores[:, 1].argmax(axis=1) == test.truth).mean()
    assert accuracy["stacking"] > accuracy["svm"] > face > accuracy["average"] - 0.02
    assert accuracy["svm"] > 0.72


@pytest.mark.slow
def test_on_four_speaker_splits_stacking_is_the_best_method(shared_data):
    table = votes(shared_data)
    folds = subject_folds(table.subjects, 4, 0)
    accuracy = {}
    for method in METHODS:
        right = []
        for held in folds:
            answers = Fusion.fit(table.rows(~held), method).predict(table.scores[held])
            right.append((answers.argmax(axis=1) == table.truth[held]).mean())
        accuracy[method] = np.mean(right)
    assert accuracy["svm"] >= 0.75
    assert accuracy["stacking"] > 0.765
    assert max(accuracy, key=lambda name: accuracy[name]) == "stacking"


def test_scores_are_adapted_by_the_subjects_of_each_split(make_table):
    table = make_table(200, splits=("train", "test"))
    found = fuse_table(table, methods=["svm"], adapt=True, **QUICK)
    train, test = table.split("train"), table.split("test")
    expected = PersonFusion.fit(train, "svm", folds=3).predict(test.scores, test.subjects)
    np.testing.assert_array_equal(found.vectors["svm"], expected)
    assert found.report["adapt"] == "person"


def test_cross_validated_scores_are_adapted_among_all_clips_of_a_subject(make_table):
    table = make_table(200)
    hidden = replace(table, truth=np.where(np.arange(200) % 5 == 0, -1, table.truth))
    found = fuse_table(hidden, methods=["average", "svm"], adapt=True, **QUICK)
    moved = adapted(table.scores, table.subjects)
    np.testing.assert_allclose(found.vectors["average"], moved.mean(axis=1))
    assert found.report["methods"]["svm"]["accuracy"] > 0.5


def test_a_table_without_subjects_cannot_be_adapted(make_table):
    table = replace(make_table(40), subjects=("",) * 40)
    with pytest.raises(DataError, match="names a subject"):
        fuse_table(table, methods=["average"], adapt=True)


def test_subjects_of_one_clip_each_leave_nothing_to_adapt_among(make_table):
    table = make_table(40, subjects=40)
    found = fuse_table(table, methods=["average"], adapt=True, **QUICK)
    assert "no subject has two clips" in found.report["warnings"][0]
    np.testing.assert_allclose(found.vectors["average"], table.scores.mean(axis=1))


def afew(shared_data) -> ScoreTable:
    folder = shared_data / "afew2013_scores"
    return stacked(ScoreTable.read(folder / "train.csv"), ScoreTable.read(folder / "val.csv"))


def test_the_overfitted_afew_train_scores_are_noticed(shared_data):
    fused = fuse_table(afew(shared_data), methods=["average"], models=["convnet_svm", "audio"], bootstrap=100)
    assert [warning.split()[0] for warning in fused.report["warnings"]] == ["audio"]
    assert fused.report["methods"]["average"]["accuracy"] == pytest.approx(0.399, abs=0.001)


def test_on_afew_fusions_of_other_val_clips_reach_what_the_overfitted_train_rows_gave(shared_data):
    fused = fuse_table(afew(shared_data), methods=["weighted_average", "stacking"], bootstrap=100)
    found = {name: values["accuracy"] for name, values in fused.report["methods"].items()}
    assert fused.report["methods"]["stacking"]["fitted_on"] == "val, other subjects"
    assert max(found.values()) >= 0.41
    assert fused.report["models"]["convnet_svm"]["accuracy"] < min(found.values())


def test_a_gzipped_table_of_votes_is_fused_as_it_is(shared_data, tmp_path):
    with gzip.open(shared_data / "cremad_votes" / "votes.csv.gz", "rt") as file:
        lines = file.readlines()
    path = tmp_path / "some.csv"
    path.write_text("".join([lines[0], *lines[1::10]]))
    fused = fuse_table(ScoreTable.read(path), methods=["stacking"], models=["audio", "face"], **QUICK)
    assert fused.report["methods"]["stacking"]["accuracy"] > 0.65


def test_a_table_without_rows_says_so(make_table):
    with pytest.raises(DataError, match="a header and no row") as caught:
        fuse_table(make_table(30).rows([]), **QUICK)
    assert caught.value.code == "no_rows"


@pytest.mark.parametrize("nothing", [np.nan, 0.0])
def test_test_rows_without_any_answer_say_so_and_have_no_accuracy(make_table, nothing):
    table = make_table(60, splits=("train", "test"), subjects=6)
    inside = np.array(table.splits) == "test"
    table.scores[inside] = nothing
    with pytest.raises(DataError, match=f"no model has an answer for any of {inside.sum()} rows of test") as caught:
        fuse_table(table, **QUICK)
    assert caught.value.code == "no_answers"
    table.scores[np.flatnonzero(inside)[0], 0] = 1 / len(table.labels)
    assert fuse_table(table, methods=["average"], **QUICK).report["clips"] == inside.sum()


def test_where_no_labelled_row_has_an_answer_there_is_no_accuracy(make_table):
    table = make_table(20)
    table.scores[5:] = np.nan
    table.truth[:5] = -1
    found = fuse_table(table, methods=["average"], **QUICK).report["methods"]["average"]
    assert found["accuracy"] is None and found["accuracy_ci95"] is None


def test_splits_may_be_named_as_the_table_was_written(make_table):
    report = fuse_table(
        make_table(60, splits=SPLITS, subjects=6),
        methods=["average"],
        train_split="Training",
        test_split="Dev",
        **QUICK,
    ).report
    assert (report["train_split"], report["test_split"]) == ("train", "val")


def test_a_method_whose_time_grows_faster_than_the_rows_is_left_out_of_many_with_a_word(make_table, monkeypatch):
    monkeypatch.setattr("affekt.fusion.tables.fusions_for", lambda rows: fusions_for(rows * 1000))
    found = fuse_table(make_table(150, splits=SPLITS, subjects=12), **QUICK).report
    assert tuple(found["methods"]) == tuple(name for name in METHODS if name != "svm")
    (warning,) = found["warnings"]
    assert warning.startswith("left out svm (tried with up to 20,000 unless it is named)")
    assert "100,000 have a label" in warning


def test_a_method_that_is_named_is_fitted_on_however_many_rows(make_table, monkeypatch):
    monkeypatch.setattr("affekt.fusion.tables.fusions_for", lambda rows: fusions_for(rows * 1000))
    found = fuse_table(make_table(150, splits=SPLITS, subjects=12), methods=["svm", "average"], **QUICK).report
    assert (list(found["methods"]), found["warnings"]) == (["svm", "average"], [])


def test_the_machine_is_tried_with_up_to_20_000_rows_and_beyond_where_it_is_named():
    assert fusions_for(20_000) == (METHODS, None)
    assert "svm" not in fusions_for(20_001)[0]
    assert fusions_for(20_001, named="svm") == (METHODS, None)


@pytest.mark.parametrize(
    ("amounts", "told"),
    [
        (lambda scores: np.log(scores) - np.log(scores).min(), True),  # logits that happen to be positive
        (lambda scores: np.sqrt(scores), True),
        (lambda scores: 100 * scores, False),
        (lambda scores: np.round(scores, 2), False),
        (lambda scores: np.round(5 * scores), False),  # votes
    ],
)
def test_scores_that_sum_to_anything_are_told(make_table, amounts, told):
    table = make_table(120, splits=SPLITS)
    scores = np.stack([table.scores[:, 0], amounts(table.scores[:, 1])], axis=1)
    scores[3, 1] = np.nan

    warnings = fuse_table(replace(table, scores=scores), methods=["average"], **QUICK).report["warnings"]

    said = [warning for warning in warnings if "are no probabilities" in warning]
    assert len(said) == told
    assert all(warning.startswith("the scores of voice are no probabilities: rows sum to ") for warning in said)
