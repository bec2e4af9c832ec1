"""Answers where only some labels can be right: among those, scaled, and said; words that are no label are named."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from affekt.dataset.several import joined
from affekt.ensemble import Ensemble, score_index
from affekt.ensemble.among import labels_among, only_among, only_possible
from affekt.errors import DataError, UsageError
from affekt.media import PreparedIndex
from affekt.report.document import Evaluation
from affekt.steps.evaluate_model import evaluate_model
from affekt.store.entries import Store

LABELS = ("angry", "happy", "sad", "neutral")


def test_the_known_labels_share_all_of_the_probability():
    found = only_among(np.array([[0.4, 0.3, 0.2, 0.1], [0.0, 0.0, 0.0, 1.0], [np.nan] * 4]), LABELS, ("happy", "sad"))
    assert found[0] == pytest.approx([0, 0.6, 0.4, 0])
    assert found[1] == pytest.approx([0, 0.5, 0.5, 0])
    assert np.isnan(found[2]).all()


def test_spellings_are_known_and_the_order_is_the_models():
    assert labels_among(LABELS, ["Sadness", "HAP", "sad"]) == ("happy", "sad")


@pytest.mark.parametrize(
    ("known", "code", "words"),
    [
        (["hapy", "sad"], "unknown_label", "did you mean happy?"),
        (["happy", "disgust"], "unknown_label", "the model did not learn disgust; it tells apart angry, happy"),
        (["happy", "joy"], "too_few_labels", "expected two labels or more of angry, happy, sad, neutral, got happy"),
    ],
)
def test_what_cannot_be_asked_for_is_said(known, code, words):
    with pytest.raises(DataError, match=words.replace("?", r"\?")) as caught:
        labels_among(LABELS, known)
    assert caught.value.code == code


@pytest.mark.parametrize("known", ["happy", [None, "sad"], [3, 4]])
def test_other_things_than_a_list_of_words_are_said(known):
    with pytest.raises(UsageError, match=r"expected (a list of )?labels, such as"):
        labels_among(LABELS, known)


@pytest.fixture(scope="module")
def asked(tiny_ensemble, tiny_run, tiny_settings):
    ensemble = Ensemble.load(tiny_ensemble)
    known = ensemble.labels[:2]
    index = PreparedIndex.read(tiny_run.prepared).select("val")
    return ensemble, ensemble.among(known), known, index, Store(tiny_run.store, tiny_settings.media)


def test_an_answer_is_among_them_and_says_so(asked):
    ensemble, among, known, index, store = asked
    clip = store.get(index.rows[0].key)
    plain, found = ensemble.predict(clip), among.predict(clip)
    total = sum(plain.probabilities[label] for label in known)
    assert found.probabilities == pytest.approx(
        {label: plain.probabilities[label] / total * (label in known) for label in ensemble.labels}
    )
    assert found.label in known
    assert found.models == plain.models
    assert found.to_dict()["known_labels"] == list(known)
    assert "known_labels" not in plain.to_dict()


def test_a_table_of_clips_and_the_clips_of_people_are_answered_among_them(asked):
    ensemble, among, known, index, store = asked
    table, fused = score_index(among, index, store)
    other = [n for n, label in enumerate(ensemble.labels) if label not in known]
    for answers in (fused, among.answers_of_people(table)):
        assert not answers[:, other].any()
        assert answers.sum(axis=1) == pytest.approx(1)


def test_what_is_recorded_of_a_clip_does_not_depend_on_what_a_caller_knows(asked, sample_clips):
    ensemble, _, known, index, _ = asked
    told = []
    ensemble.listener = lambda clip, answer: told.append(answer)
    try:
        file = sample_clips / index.rows[0].clip
        assert ensemble.among(known).predict_file(file).known_labels == known
        (recorded,) = told
        assert recorded == ensemble.predict_file(file)
    finally:
        ensemble.listener = None


def test_each_clip_is_answered_among_the_labels_of_its_data_set():
    answers = np.tile([0.4, 0.3, 0.2, 0.1], (3, 1))
    possible = {"a": ("angry", "happy"), "b": ("happy", "sad", "neutral")}
    found = only_possible(answers, LABELS, ["a", "b", "elsewhere"], possible)
    assert found[0] == pytest.approx([4 / 7, 3 / 7, 0, 0])
    assert found[1] == pytest.approx([0, 1 / 2, 1 / 3, 1 / 6])
    assert (found[2] == answers[2]).all()
    assert (answers[0] == [0.4, 0.3, 0.2, 0.1]).all()


def test_in_one_split_the_labels_of_a_data_sets_other_clips_are_possible_too(
    tiny_ensemble, tiny_run, sample_clips, tmp_path
):
    ensemble = Ensemble.load(tiny_ensemble)

    def asked(*names: str) -> Evaluation:
        data = joined([str(tmp_path / name) for name in names])
        return evaluate_model(ensemble, data, tiny_run.store, model="m", split="val").evaluation

    rows = list(csv.DictReader((sample_clips / "manifest.csv").open(encoding="utf-8")))
    whole = [row | {"path": str(sample_clips / row["path"])} for row in rows]
    written(tmp_path / "whole.csv", whole)
    wrong = asked("whole.csv").worst[0]  # answered with a label that the other set has among its train clips alone
    other = next(label for label in ensemble.labels if label not in (wrong.label, wrong.predicted))
    few = []
    for row in whole:
        if row["split"] == "train" or row["label"] in (wrong.label, other):
            clip = tmp_path / Path(row["path"]).name
            clip.write_bytes(Path(row["path"]).read_bytes() + b"\0\0\0\x08free")  # another file, or it counts once
            few.append(row | {"path": str(clip)})
    written(tmp_path / "few.csv", few)
    alone = [np.array(asked(name).figures.confusion) for name in ("whole.csv", "few.csv")]
    assert (np.array(asked("whole.csv", "few.csv").figures.confusion) == sum(alone)).all()


def test_clips_of_a_label_that_the_model_did_not_learn_are_told_by_it(tiny_ensemble, tiny_run, sample_clips, tmp_path):
    ensemble = Ensemble.load(tiny_ensemble)
    rows = list(csv.DictReader((sample_clips / "manifest.csv").open(encoding="utf-8")))
    written(tmp_path / "clips.csv", [row | {"path": str(sample_clips / row["path"])} for row in rows])
    evaluated = evaluate_model(ensemble, str(tmp_path / "clips.csv"), tiny_run.store, model="m", split="val").evaluation
    assert (evaluated.unlabelled, evaluated.skipped) == (0, ())
    ensemble.labels = tuple("calm" if label == "sad" else label for label in ensemble.labels)  # one without sadness
    found = evaluate_model(ensemble, str(tmp_path / "clips.csv"), tiny_run.store, model="m", split="val").evaluation
    (told,) = found.skipped
    assert (told.code, told.reason) == (
        "label_not_learned", "is sad, which the model did not learn: left out of all figures"
    )  # fmt: skip
    assert "sad" in told.clip
    assert (found.figures.clips, found.unlabelled) == (evaluated.figures.clips - 1, 0)
    written(
        tmp_path / "sad.csv", [row | {"path": str(sample_clips / row["path"])} for row in rows if row["label"] == "sad"]
    )
    with pytest.raises(DataError, match="the model did not learn sad, and other labels are not here") as told:
        evaluate_model(ensemble, str(tmp_path / "sad.csv"), tiny_run.store, model="m", split="val")
    assert told.value.code == "label_not_learned"


@pytest.mark.filterwarnings("error")
def test_where_no_label_can_be_answered_there_is_no_answer():
    assert np.isnan(only_among(np.tile([0.4, 0.3, 0.2, 0.1], (2, 1)), LABELS, ("fear", "surprise"))).all()


def written(file: Path, rows: list[dict[str, str]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
