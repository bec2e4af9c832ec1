"""Pooling the folds of a protocol: every held-out clip once, or an error that names it."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import AffektError, DataError
from affekt.media import PreparedIndex
from affekt.media.prepared import PreparedRow, SkippedClip
from affekt.report.figures import read_history
from affekt.score_table import ScoreTable, stack_tables
from affekt.settings import digest_of
from affekt.steps.pool_folds import FoldScores, pool_folds

LABELS = ("happy", "sad")


def table(clips: str, *, models: tuple[str, ...] = ("svc",), split: str = "test") -> ScoreTable:
    """Clips named by a letter each; the vector of a clip does not depend on the table that it is in."""
    scores = np.array([[[ord(clip) / 200, 1 - ord(clip) / 200]] * len(models) for clip in clips])
    truth = np.array([ord(clip) % 2 for clip in clips])
    return ScoreTable(
        tuple(clips), LABELS, models, scores.reshape(len(clips), len(models), 2), truth, tuple(clips),
        (split,) * len(clips),
    )  # fmt: skip


def fold(folder: Path, name: str, held_out: str, *, scored: str | None = None, skipped: str = "") -> FoldScores:
    """A fold that held out some clips, scored some and skipped some."""
    scored = held_out if scored is None else scored
    place = folder / name
    place.mkdir()
    table(scored).write(place / "scores.csv")
    table(scored, models=("average", "svm")).write(place / "fused.csv")
    (place / "fusion.json").write_text(json.dumps({"models": ["svc"], "trials": []}))
    rows = (PreparedRow(clip, LABELS[ord(clip) % 2], clip, "test", clip, 1, 0, True) for clip in scored)
    why = (SkippedClip(clip, "unreadable", "broken") for clip in skipped)
    PreparedIndex(tuple(rows), tuple(why)).write(place)
    return FoldScores(name, tuple(held_out), "test", tuple(held_out), place, place)


def test_stacked_tables_keep_every_row():
    whole = stack_tables([table("abc"), table("de")])
    assert whole.clips == tuple("abcde")
    np.testing.assert_array_equal(whole.scores, table("abcde").scores)
    np.testing.assert_array_equal(whole.truth, table("abcde").truth)


def test_stacking_puts_the_models_in_one_order():
    first, second = table("ab", models=("svc", "vgg")), table("cd", models=("vgg", "svc"))
    second.scores[:, 0] = (0.25, 0.75)
    assert stack_tables([first, second]).only(["vgg"]).scores[2:].tolist() == [[[0.25, 0.75]]] * 2


@pytest.mark.parametrize(
    ("other", "code"),
    [(table("bc"), "duplicate_id"), (table("cd", models=("vgg",)), "models_differ")],
)
def test_tables_that_do_not_belong_together_are_refused(other, code):
    with pytest.raises(DataError) as caught:
        stack_tables([table("ab"), other])
    assert caught.value.code == code


def test_a_clip_that_two_folds_held_out_is_refused(tmp_path, tiny_settings):
    folds = [fold(tmp_path, "one", "abc"), fold(tmp_path, "two", "cd")]
    with pytest.raises(DataError, match="'c'"):
        pool_folds(folds, "folds:2", tiny_settings, tmp_path / "out", store=str(tmp_path))


def test_a_held_out_clip_without_a_score_is_refused(tmp_path, tiny_settings):
    folds = [fold(tmp_path, "one", "abc"), fold(tmp_path, "two", "def", scored="df")]
    with pytest.raises(AffektError, match="'e'") as caught:
        pool_folds(folds, "folds:2", tiny_settings, tmp_path / "out", store=str(tmp_path))
    assert caught.value.code == "clips_lost"
    assert "two" in str(caught.value)


def test_labels_that_a_data_set_has_among_train_clips_alone_are_possible_answers(tmp_path, tiny_settings, monkeypatch):
    monkeypatch.setattr("affekt.steps.pool_folds.draw_faces", lambda *_: None)
    labels, held = ("happy", "sad", "surprise"), ["x/a", "x/b", "y/c", "y/d"]
    vectors = np.tile([0.1, 0.2, 0.7], (4, 1, 1))
    truth = np.array([0, 1, 0, 1])
    found = ScoreTable(tuple(held), labels, ("svc",), vectors, truth, tuple(held), ("test",) * 4)
    found.write(tmp_path / "scores.csv")
    replace(found, models=("average",)).write(tmp_path / "fused.csv")
    (tmp_path / "fusion.json").write_text(json.dumps({"models": ["svc"], "trials": []}))
    other = [("x/e", labels[2], "train"), ("z/f", labels[2], "train"), ("z/g", labels[0], "train")]
    rows = [
        PreparedRow(clip, label, clip, split, clip, 1, 0, True, (), {"dataset": clip[0]})
        for clip, label, split in [*zip(held, np.array(labels)[truth], ["test"] * 4, strict=True), *other]
    ]
    PreparedIndex(tuple(rows)).write(tmp_path)
    settings = replace(tiny_settings, fusion=replace(tiny_settings.fusion, method="average"))
    only = FoldScores("fixed", tuple(held), "test", tuple(held), tmp_path, tmp_path)
    confusion = pool_folds([only], "fixed", settings, tmp_path / "out", store=str(tmp_path)).models["svc"].confusion
    assert np.array(confusion).tolist() == [[0, 1, 1], [0, 1, 1], [0, 0, 0]]  # x knows surprise, y does not


@pytest.fixture(scope="module")
def pooled(tmp_path_factory, tiny_run, tiny_settings):
    """The held-out clips of a real run as if two folds had held them out, the first three and the last four."""
    root = tmp_path_factory.mktemp("pooled")
    scores = ScoreTable.read(tiny_run.scores / "scores.csv").split("val")
    fused = ScoreTable.read(tiny_run.scores / "fused.csv").split("val")
    folds = []
    for name, rows in (("first", range(3)), ("second", range(3, 7))):
        place = root / name
        place.mkdir()
        scores.rows(list(rows)).write(place / "scores.csv")
        fused.rows(list(rows)).write(place / "fused.csv")
        shutil.copy(tiny_run.scores / "fusion.json", place)
        clips = tuple(scores.clips[row] for row in rows)
        (place / "history").mkdir()
        for member in ("vgg", "c3d"):
            shutil.copyfile(tiny_run.members[member] / "history.csv", place / "history" / f"{member}.csv")
        drawn = None
        if name == "second":
            drawn = place / "figure7"
            drawn.mkdir()
            (drawn / "happy, on a face.png").write_bytes(b"\x89PNG")
        folds.append(FoldScores(name, (name,), "val", clips, tiny_run.prepared, place, drawn, seconds=1.5))
    document = pool_folds(folds, "folds:2", tiny_settings, root / "out", store=str(tiny_run.store))
    return root / "out", document, scores, fused


def test_pooled_figures_are_those_of_all_clips_together(pooled, tiny_settings):
    _, document, scores, fused = pooled
    chosen = fused.scores[:, fused.models.index(tiny_settings.fusion.method)]
    assert document.figures.clips == 7
    assert document.figures.accuracy == pytest.approx(float((chosen.argmax(axis=1) == fused.truth).mean()))
    assert set(document.models) == set(document.paired) == set(scores.models)


def test_adapted_answers_are_pooled_apart_from_the_fusions(pooled, tiny_settings):
    _, document, _, fused = pooled
    adapted = fused.scores[:, fused.models.index(f"{tiny_settings.fusion.method}~person")]
    chosen = document.person.chosen.figures
    assert chosen.accuracy == pytest.approx(float((adapted.argmax(axis=1) == fused.truth).mean()))
    for part in (*document.folds, document.mean_of_folds):
        assert not [key for key in part.fusion if key.person]
        assert set(part.person) == set(document.person.methods)


def test_each_fold_has_the_accuracy_of_every_model_on_its_own_clips(pooled):
    _, document, scores, _ = pooled
    assert [item.clips for item in document.folds] == [3, 4]
    for item, rows in zip(document.folds, (slice(0, 3), slice(3, 7)), strict=True):
        hits = scores.scores[rows].argmax(axis=2) == scores.truth[rows][:, None]
        assert item.models == pytest.approx(dict(zip(scores.models, hits.mean(axis=0), strict=True)))


def test_the_mean_counts_each_fold_alike(pooled):
    _, document, _, _ = pooled
    first, second = (item.models["svc"] for item in document.folds)
    found = document.mean_of_folds.models["svc"]
    assert found.accuracy == pytest.approx((first + second) / 2)
    assert found.standard_deviation == pytest.approx(abs(first - second) / 2**0.5)


def test_the_pooled_report_has_a_row_for_each_fold(pooled):
    folder, _, _, _ = pooled
    page = (folder / "report.html").read_text(encoding="utf-8")
    table_of_folds = page[page.index('id="folds"') :].partition("</section>")[0]
    assert all(text in table_of_folds for text in ("first", "second", "Mean of the folds", "Support vector"))


def test_the_pooled_learning_curves_have_a_line_for_each_folds_final_model(pooled):
    folder, _, _, _ = pooled
    assert sorted(path.name for path in (folder / "history").iterdir()) == ["c3d.csv", "vgg.csv"]
    for path in (folder / "history").iterdir():
        assert list(read_history(path)) == ["fold first", "fold second"]
    assert 'id="learning"' in (folder / "report.html").read_text(encoding="utf-8")


def test_the_pooled_figure_7_names_the_fold_that_it_is_of(pooled):
    page = (pooled[0] / "report.html").read_text(encoding="utf-8")
    assert "happy, on a face (fold second)" in page[page.index('id="pictures"') :]


def test_the_pooled_report_names_the_digests_of_data_and_settings(pooled, tiny_settings):
    page = (pooled[0] / "report.html").read_text(encoding="utf-8")
    digests = page[page.index("Digests") :].partition("</table>")[0]
    assert digest_of(tiny_settings) in digests
    assert re.search(r">data</th>\s*<td[^>]*>(<code>)?[0-9a-f]{64}<", digests)


def test_the_pooled_scores_are_written_as_they_were(pooled):
    folder, _, scores, fused = pooled
    np.testing.assert_array_equal(ScoreTable.read(folder / "scores.csv").scores, scores.scores)
    np.testing.assert_array_equal(ScoreTable.read(folder / "fused.csv").scores, fused.scores)
