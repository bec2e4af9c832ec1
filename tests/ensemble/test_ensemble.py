"""The ensemble: what it answers, with what is missing, and what it refuses to load."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import threading
import time

import numpy as np
import pytest

from affekt.ensemble import Ensemble, relabel, score_index
from affekt.errors import DataError, MediaError
from affekt.extensions import members_needed
from affekt.media import PreparedIndex, prepare
from affekt.media.deadline import Deadline
from affekt.models.looking import Looking
from affekt.score_table import ScoreTable
from affekt.steps.fit_fusion import reported_split
from affekt.store.entries import Store


@pytest.fixture(scope="module")
def ensemble(tiny_ensemble):
    return Ensemble.load(tiny_ensemble)


@pytest.fixture(scope="module")
def prepared(tiny_run, tiny_settings):
    index = PreparedIndex.read(tiny_run.prepared)
    return Store(tiny_run.store, tiny_settings.media).get(index.rows[-1].key)


def test_a_file_and_its_prepared_clip_get_the_same_answer(ensemble, tiny_run, tiny_settings, sample_clips):
    row = PreparedIndex.read(tiny_run.prepared).rows[-1]
    stored = ensemble.predict(Store(tiny_run.store, tiny_settings.media).get(row.key))
    assert ensemble.predict_file(sample_clips / row.clip) == stored


@pytest.mark.parametrize(
    ("half", "model", "late"),
    [("seen", "vgg", "voice_of"), ("heard", "svc", "find_faces")],
    ids=["faces while the voice is listened to", "the voice while faces are searched"],
)
def test_half_of_a_file_is_looked_at_once_and_while_the_other_is_prepared(
    ensemble, tiny_run, sample_clips, monkeypatch, half, model, late
):
    file = sample_clips / PreparedIndex.read(tiny_run.prepared).rows[-1].clip
    expected, asked, passes = ensemble.predict(ensemble.prepare(file)), threading.Event(), []
    ask, prepared, score = getattr(Looking, half), getattr(prepare, late), ensemble.member(model).score

    def ask_and_tell(looking, clip):
        ask(looking, clip)
        asked.set()

    def prepare_late(*given, **how):
        assert asked.wait(60), f"nothing was {half} before {late} was done"
        return prepared(*given, **how)

    monkeypatch.setattr(Looking, half, ask_and_tell)
    monkeypatch.setattr(ensemble.member(model), "score", lambda *clip: passes.append(clip) or score(*clip))
    monkeypatch.setattr(prepare, late, prepare_late)

    assert ensemble.predict_file(file) == expected
    assert len(passes) == 1


@pytest.mark.parametrize("inference", ["auto", "torch"])
def test_the_order_in_which_two_threads_ask_the_models_changes_no_bit(tiny_ensemble, tiny_run, sample_clips, inference):
    ensemble, draw = Ensemble.load(tiny_ensemble, inference=inference), random.Random(0)
    file = sample_clips / PreparedIndex.read(tiny_run.prepared).rows[-1].clip
    one_after_the_other = ensemble.look(ensemble.prepare(file), str(file))
    for _ in range(6):
        ensemble._members._took.update({name: draw.random() for name in ensemble.models})
        _, seen = ensemble.look_in(file, str(file))
        assert np.array_equal(seen.scores, one_after_the_other.scores, equal_nan=True)
        assert seen.rows.keys() == one_after_the_other.rows.keys() and seen.distances == one_after_the_other.distances
        assert all(np.array_equal(row, one_after_the_other.rows[name]) for name, row in seen.rows.items())


def test_scores_of_unseen_clips_are_those_of_the_members_tables(tiny_ensemble, tiny_run, tiny_settings):
    # What training wrote for val clips and what PyTorch answers is one and the same; graphs are near it (test_graphs).
    ensemble = Ensemble.load(tiny_ensemble, inference="torch")
    index = PreparedIndex.read(tiny_run.prepared).select("val")
    table, fused = score_index(ensemble, index, Store(tiny_run.store, tiny_settings.media))
    written = ScoreTable.read(tiny_run.scores / "scores.csv").split("val").only(ensemble.models)
    assert table.clips == written.clips
    assert np.abs(table.scores - written.scores).max() < 1e-5
    answers = ScoreTable.read(tiny_run.scores / "fused.csv").only([tiny_settings.fusion.method]).split("val")
    assert np.abs(fused - answers.scores[:, 0]).max() < 1e-5


def test_a_clip_without_a_face_is_answered_from_the_voice(ensemble, prepared):
    faceless = dataclasses.replace(prepared, present=np.zeros_like(prepared.present), flags=("no_face",))
    answer = ensemble.predict(faceless)
    assert answer.modalities == ("voice",)
    assert set(answer.models) - {"voice_embedding", "speech_embedding"} == {"random_forest", "svc"}
    assert "no face was found" in answer.warnings[0]


def test_a_clip_without_sound_is_answered_from_the_face(ensemble, prepared):
    answer = ensemble.predict(dataclasses.replace(prepared, voice=False, flags=("no_sound",)))
    assert answer.modalities == ("face",)
    assert sum(answer.probabilities.values()) == pytest.approx(1)


def test_a_clip_with_neither_is_an_error(ensemble, prepared):
    nothing = dataclasses.replace(prepared, present=np.zeros_like(prepared.present), voice=False)
    with pytest.raises(MediaError) as caught:
        ensemble.predict(nothing)
    assert caught.value.code == "nothing_usable"


@pytest.fixture
def copy(tmp_path, tiny_ensemble):
    return shutil.copytree(tiny_ensemble, tmp_path / "ensemble")


def test_a_changed_file_is_noticed(copy):
    weights = copy / "members" / "vgg" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"model\.safetensors: does not match its digest"):
        Ensemble.load(copy)


def test_a_missing_file_is_named(copy):
    (copy / "fusion" / "fusion.json").unlink()
    with pytest.raises(DataError, match=r"fusion\.json: is missing"):
        Ensemble.load(copy)


def test_a_newer_format_is_refused(copy):
    manifest = json.loads((copy / "ensemble.json").read_text(encoding="utf-8"))
    (copy / "ensemble.json").write_text(json.dumps({**manifest, "format": 99}), encoding="utf-8")
    with pytest.raises(DataError, match="format 99"):
        Ensemble.load(copy)


def test_a_folder_that_is_no_ensemble_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no ensemble\.json"):
        Ensemble.load(tmp_path)


def test_nothing_that_only_training_needs_is_served(tiny_ensemble):
    names = {path.name for path in tiny_ensemble.rglob("*")}
    assert not names & {"scores.csv", "history.csv", "folds"}


@pytest.mark.parametrize(
    ("models", "needed"),
    [
        (("bilstm",), ("vgg", "bilstm")),
        (("joint",), ("vgg", "joint")),
        (("svc",), ("svc",)),
        (("svc", "vgg"), ("vgg", "svc")),
    ],
)
def test_a_model_brings_what_it_needs(models, needed):
    assert members_needed(models) == needed


def test_labels_that_a_champion_does_not_know_get_zero():
    moved = relabel(np.array([[0.3, 0.7]]), ("angry", "happy"), ("angry", "disgust", "happy"))
    assert moved.tolist() == [[0.3, 0.0, 0.7]]


def test_figures_are_reported_on_test_before_val(tiny_run):
    table = ScoreTable.read(tiny_run.scores / "scores.csv")
    assert reported_split(table) == "val"
    assert reported_split(dataclasses.replace(table, splits=("test",) * len(table))) == "test"
    with pytest.raises(DataError, match="neither the split test nor val"):
        reported_split(dataclasses.replace(table, splits=("train",) * len(table)))


def test_no_network_begins_when_the_time_of_the_file_is_over(ensemble, prepared):
    with pytest.raises(MediaError, match=r"before .* had looked at it") as found:
        ensemble.look(prepared, "clip.mp4", Deadline(time.monotonic(), 7, "clip.mp4"))
    assert found.value.code == "timeout"


@pytest.mark.parametrize("name", ["vgg", "c3d"])
def test_a_network_stops_between_its_passes_when_the_time_is_over(ensemble, prepared, name):
    member = ensemble._members._members[name]
    over = Deadline(time.monotonic(), 7, "clip.mp4").held(f"while {name} looked at it")
    with pytest.raises(MediaError, match=f"while {name} looked"), over:
        member.score(prepared, {})
