"""A clip that is there twice is evaluated once, and subjects of whom the same file is there are one person."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affekt.dataset.several import joined
from affekt.ensemble import Ensemble
from affekt.media import PreparedIndex
from affekt.media.prepared import PreparedRow, SkippedClip
from affekt.score_table import ScoreTable
from affekt.steps.counted_once import counted_once, rows_counted
from affekt.steps.evaluate import _evaluation
from affekt.steps.evaluate_model import evaluate_model
from affekt.steps.fit_fusion import fit_fusions
from affekt.steps.pool_folds import FoldScores, pool_folds
from affekt.store import Store

LABELS = ("happy", "sad")


def row(clip: str, content: str, label: str = "sad", subject: str = "", split: str = "test") -> PreparedRow:
    return PreparedRow(clip, label, subject, split, f"{content}-x", 1, 0, True)


def test_the_first_of_copies_counts_with_the_label_and_the_person_that_are_known():
    index = PreparedIndex(
        (row("a", "1", "", "p"), row("b", "1", "calm"), row("c", "1"), row("d", "2", "happy", "q"), row("e", "3")),
        (SkippedClip("b", "no_face", "shows no face"), SkippedClip("d", "no_face", "shows no face")),
    )
    found = counted_once(index, LABELS)
    assert [(each.clip, each.label, each.subject) for each in found] == [
        ("c", "sad", "p"), ("d", "happy", "q"), ("e", "sad", ""),
    ]  # fmt: skip
    assert found.skipped == (
        SkippedClip("d", "no_face", "shows no face"),
        SkippedClip("a", "copy", "holds the same as another clip, and counts once, as that one"),
        SkippedClip("b", "copy", "holds the same as c, and counts once, as that one, with its label sad"),
    )


def test_of_copies_that_of_the_data_set_with_more_labels_counts():
    index = PreparedIndex((row("few/a", "1"), row("all/a", "1"), row("few/b", "2"), row("few/c", "2")))
    possible = {"few/a": LABELS, "all/a": (*LABELS, "fear"), "few/b": LABELS, "few/c": LABELS}
    assert [each.clip for each in counted_once(index, LABELS, possible)] == ["all/a", "few/b"]


def test_all_clips_of_subjects_who_share_a_file_are_one_persons():
    named = (("a/1", "1", "a/x"), ("a/2", "2", "a/x"), ("b/1", "2", "b/y"), ("b/2", "3", "b/y"), ("b/3", "4", "b/z"))
    index = PreparedIndex(tuple(row(clip, content, subject=name) for clip, content, name in named))
    assert [(each.clip, each.subject) for each in counted_once(index)] == [
        ("a/1", "a/x"), ("a/2", "a/x"), ("b/2", "a/x"), ("b/3", "b/z"),
    ]  # fmt: skip


def test_without_a_copy_nothing_changes_and_still_images_stay():
    index = PreparedIndex((row("a", "1", subject="p"), row("b", "2", subject="p")))
    assert counted_once(index) is index
    images = PreparedIndex((row("a", "1"), row("b", "1")), unit="images")
    assert counted_once(images) is images


def test_a_score_table_has_the_rows_and_the_people_that_count():
    scores = np.array([[[0.1, 0.9]], [[0.2, 0.8]], [[0.3, 0.7]]])
    table = ScoreTable(("a", "b", "c"), LABELS, ("svc",), scores, np.array([0, 1, 1]), ("p", "q", "r"), ("test",) * 3)
    found = rows_counted(table, PreparedIndex((row("c", "1", subject="one"), row("a", "2", subject="one"))))
    assert (found.clips, found.subjects, found.scores[:, 0, 0].tolist()) == (("a", "c"), ("one", "one"), [0.1, 0.3])


@pytest.fixture(scope="module")
def whole(sample_clips) -> list[dict[str, str]]:
    """The sample clips, a row each, under whole paths."""
    with (sample_clips / "manifest.csv").open(encoding="utf-8") as file:
        return [each | {"path": str(sample_clips / each["path"])} for each in csv.DictReader(file)]


def test_a_data_set_inside_of_another_one_changes_no_figure_of_an_evaluation(whole, tiny_ensemble, tiny_run, tmp_path):
    renamed = [each | {"subject": f"person {each['subject']}"} for each in whole[::2]]
    written(tmp_path / "whole.csv", whole)
    written(tmp_path / "half.csv", renamed)
    ensemble = Ensemble.load(tiny_ensemble)
    alone, together = (
        evaluate_model(ensemble, joined([str(tmp_path / name) for name in names]), tiny_run.store, model="m").evaluation
        for names in (["whole.csv"], ["whole.csv", "half.csv"])
    )
    for name in ("figures", "models", "fusion", "power", "learned", "unlike"):
        assert getattr(together, name) == getattr(alone, name), name
    assert together.adaptation.points == alone.adaptation.points
    assert together.person.methods == alone.person.methods
    assert [f"whole/{name}" for name in alone.by_subject] == list(together.by_subject)
    assert together.skipped_by_code["copy"] == len(renamed)


def test_a_training_and_folds_report_a_copy_once(tmp_path, tiny_settings, monkeypatch):
    monkeypatch.setattr("affekt.steps.pool_folds.draw_faces", lambda *_: None)
    clips = ("a", "b", "copy of b")
    vectors, truth = np.array([[[0.9, 0.1]], [[0.9, 0.1]], [[0.9, 0.1]]]), np.array([0, 1, 1])
    scores = ScoreTable(clips, LABELS, ("svc",), vectors, truth, ("p", "q", "r"), ("test",) * 3)
    scores.write(tmp_path / "scores.csv")
    replace(scores, models=("average",)).write(tmp_path / "fused.csv")
    (tmp_path / "fusion.json").write_text(json.dumps({"models": ["svc"], "trials": []}))
    rows = (row("a", "1", "happy", "p"), row("b", "2", "sad", "q"), row("copy of b", "2", "sad", "r"))
    index = PreparedIndex((*rows, row("t", "3", split="train"), row("u", "3", split="train")))
    index.write(tmp_path)
    settings = replace(tiny_settings, fusion=replace(tiny_settings.fusion, method="average"))
    only = FoldScores("fixed", clips, "test", clips, tmp_path, tmp_path)
    pooled = pool_folds([only], "fixed", settings, tmp_path / "out", store=str(tmp_path))
    for found in (_evaluation(index, tmp_path, settings), pooled):
        assert (found.figures.clips, found.figures.accuracy, list(found.by_subject)) == (2, 0.5, ["p", "q"])
        assert [item.clip for item in found.skipped] == ["copy of b"]  # and no train clip
    assert pooled.folds[0].clips == 2


def test_a_training_that_was_let_to_know_people_says_of_how_many_clips_it_does(tmp_path, tiny_settings):
    vectors, truth = np.array([[[0.9, 0.1]]] * 3), np.array([0, 1, 1])
    scores = ScoreTable(("a", "b", "c"), LABELS, ("svc",), vectors, truth, ("p", "q", ""), ("test",) * 3)
    scores.write(tmp_path / "scores.csv")
    replace(scores, models=("average",)).write(tmp_path / "fused.csv")
    (tmp_path / "fusion.json").write_text(json.dumps({"models": ["svc"], "trials": []}))
    rows = (row("a", "1", "happy", "p"), row("b", "2", "sad", "q"), row("c", "3"), row("d", "4", split="train"))
    settings = replace(tiny_settings, fusion=replace(tiny_settings.fusion, method="average"))
    assert _evaluation(PreparedIndex(rows), tmp_path, settings).learned is None
    known = PreparedIndex((*rows, row("e", "5", "sad", "q", "train")))
    assert _evaluation(known, tmp_path, settings).learned == 1


def test_what_a_fusion_is_fitted_on_holds_a_copy_once(tiny_run, tiny_settings, tmp_path, monkeypatch):
    index = PreparedIndex.read(tiny_run.prepared)
    first, second = [each for each in index if each.split == "train"][:2]
    alike = tuple(replace(each, key=first.key) if each is second else each for each in index)
    rows: list[tuple[str, ...]] = []
    monkeypatch.setattr(
        "affekt.steps.fit_fusion.ablate", lambda train, *_: rows.append(train.clips) or (train.models, [])
    )
    fit_fusions(
        {"svc": tiny_run.members["svc"]}, ["svc"], replace(tiny_settings, inference="torch"), tmp_path,
        seen=(replace(index, rows=alike), Store(tiny_run.store, tiny_settings.media)),
    )  # fmt: skip
    assert first.clip in rows[0]
    assert second.clip not in rows[0]


def written(file: Path, rows: list[dict[str, str]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
