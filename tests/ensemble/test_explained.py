"""Explanations: their numbers are those of the answer."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from affekt.ensemble import Ensemble
from affekt.ensemble.explained import Explanations
from affekt.ensemble.timeline import timeline
from affekt.errors import MediaError
from affekt.media.contours import contour_names, contours_of
from affekt.media.deadline import Deadline
from affekt.media.functionals import feature_set
from affekt.models.shapley import shapley_values


def test_the_shares_of_a_linear_answer_are_exact_and_all_add_up():
    weights, row, usual = np.array([1.0, -2.0, 0.5]), np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 3.0])
    shares = shapley_values(lambda rows: rows @ weights, row, usual, orders=1)
    assert shares == pytest.approx(weights * (row - usual))
    bent = shapley_values(lambda rows: np.prod(rows, axis=1), row, usual, orders=3)
    assert bent.sum() == pytest.approx(np.prod(row) - np.prod(usual))


def test_the_same_order_gives_the_same_shares():
    rng = np.random.default_rng(0)
    row, usual = rng.normal(size=6), rng.normal(size=6)
    first, second = (shapley_values(lambda rows: np.sin(rows).prod(1), row, usual) for _ in range(2))
    assert (first == second).all()


@pytest.fixture(scope="module")
def explained(tiny_ensemble, sample_clips):
    ensemble = Ensemble.load(tiny_ensemble)
    clip = ensemble.prepare(sorted(sample_clips.rglob("*.mp4"))[0])
    seen = ensemble.look(clip)
    answer = ensemble.answer(seen)
    return ensemble, clip, seen, answer, Explanations(ensemble)


def test_an_answer_is_explained_by_face_voice_and_models(explained):
    ensemble, clip, seen, answer, explanations = explained
    why = explanations.of(clip, seen, answer, frames=2)
    assert why["label"] == answer.label
    for pictures in why["face"].values():
        assert len(pictures) == 2 and pictures[0]["time"] < pictures[1]["time"]
        assert all(base64.b64decode(each["png"]).startswith(b"\x89PNG") for each in pictures)
    assert {name: said["probability"] for name, said in why["models"].items()} == {
        name: vector[answer.label] for name, vector in answer.models.items()
    }
    for name, said in why["voice"].items():
        assert said["probability"] == pytest.approx(answer.models[name][answer.label])
        shares = sum(each["share"] for each in said["descriptors"]) + said["rest"]
        assert shares == pytest.approx(said["probability"] - said["reference"])
    assert set(why["voice"]) == {"svc", "random_forest"} or not (ensemble.folder / "reference.parquet").is_file()


def test_how_descriptors_run_is_named_beside_the_functionals(explained, monkeypatch):
    ensemble, clip, seen, answer, explanations = explained
    monkeypatch.setattr("affekt.ensemble.explained.MOST_DESCRIPTORS", 1000)
    functionals = dict(zip(feature_set(ensemble.settings.media.functionals).names, clip.functionals, strict=True))
    frames = feature_set(ensemble.settings.media.functionals).frame_names
    contours = dict(zip(contour_names(frames), contours_of(clip.descriptors), strict=True))
    why = explanations.of(clip, seen, answer, frames=0)["voice"]
    assert set(why) == {"svc", "random_forest"}
    for said in why.values():
        values = {each["name"]: each["value"] for each in said["descriptors"]}
        assert values == pytest.approx({**functionals, **contours})
        slope = next(each for each in said["descriptors"] if each["name"] == "Loudness_sma3.slope")
        assert np.isfinite([slope["reference"], slope["share"]]).all() and slope["reference"] != slope["value"]
        assert said["rest"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("asked", "code"), [({"label": "bored"}, "bad_label"), ({"frames": 9}, "bad_frames")])
def test_what_cannot_be_explained_is_refused(explained, asked, code):
    _, clip, seen, answer, explanations = explained
    with pytest.raises(MediaError) as raised:
        explanations.of(clip, seen, answer, **asked)
    assert raised.value.code == code


def test_a_timeline_of_one_window_says_what_the_answer_says(explained, sample_clips):
    ensemble = explained[0]
    path = sorted(sample_clips.rglob("*.mp4"))[0]
    said = timeline(ensemble, path, 30.0, Deadline.of(ensemble.settings.media, path))
    (window,) = said["windows"]
    answer = ensemble.predict_file(path)
    assert window["from"] == 0 and window["label"] == answer.label
    assert (window["confidence"], window["probabilities"]) == (answer.confidence, answer.probabilities)
    assert window["warnings"] == list(answer.warnings)
    assert set(window["face"]) == set(window["voice"]) == set(ensemble.labels)
    assert sum(window["face"].values()) == pytest.approx(1)
    with pytest.raises(MediaError):
        timeline(ensemble, path, 0.1, Deadline.of(ensemble.settings.media, path))
