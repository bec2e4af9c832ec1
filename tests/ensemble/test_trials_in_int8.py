"""An ensemble with networks in int8 carries two answers to each clip: of floats, and of int8 where that answers."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from affekt.ensemble import Ensemble
from affekt.ensemble.carried import trials_in
from affekt.ensemble.manifest import add_files
from affekt.ensemble.trials import add_trials
from affekt.models import engine
from affekt.models.engine import INT8_GRAPH, INT8_NUMBERS, overheard
from affekt.models.graphs.quantising import can_quantise, write_int8


@pytest.fixture(scope="module")
def carrying(tiny_ensemble, sample_clips, tmp_path_factory):
    """A copy of the tiny ensemble whose VGG is in int8, with a clip."""
    if not (can_quantise() and engine.is_installed() and engine.int8_pays()):
        pytest.skip("this processor is not quicker in int8")
    folder, clip = tmp_path_factory.mktemp("int8") / "ensemble", sorted(sample_clips.rglob("*.mp4"))[0]
    shutil.copytree(tiny_ensemble, folder)
    with overheard() as heard:
        Ensemble.load(folder).predict_file(clip)
    vgg = folder / "members" / "vgg"
    write_int8(vgg, [arrays for asked, arrays in heard if asked == vgg])
    add_files(folder, [f"members/vgg/{name}" for name in (INT8_GRAPH, INT8_NUMBERS)])
    add_trials(folder, [clip])
    return folder


def probabilities(document) -> np.ndarray:
    return np.array(list(document["probabilities"].values()))


def test_where_int8_answers_its_answers_are_expected(carrying):
    (trial,) = trials_in(carrying)
    said = Ensemble.load(carrying).predict_file(trial.clip).to_dict()
    assert np.array_equal(probabilities(said), probabilities(trial.expected))


@pytest.mark.parametrize("way", ["a processor without int8", "PyTorch"])
def test_where_floats_answer_theirs_are_expected(carrying, monkeypatch, way):
    (in_int8,) = trials_in(carrying)
    if way == "PyTorch":
        monkeypatch.setenv("AFFEKT_INFERENCE", "torch")
    else:
        monkeypatch.setattr(engine, "int8_pays", lambda: False)
    (trial,) = trials_in(carrying)
    said = Ensemble.load(carrying).predict_file(trial.clip).to_dict()
    assert np.abs(probabilities(said) - probabilities(trial.expected)).max() < 0.01
    assert not np.array_equal(probabilities(in_int8.expected), probabilities(trial.expected))


def test_an_ensemble_is_asked_without_int8_where_its_floats_are_wanted(carrying):
    (trial,) = trials_in(carrying)
    said = {
        name: probabilities(Ensemble.load(carrying, precision=name).predict_file(trial.clip).to_dict())
        for name in ("auto", "float", engine.quicker_format())
    }
    assert np.array_equal(said["float"], said[engine.quicker_format()])
    assert not np.array_equal(said["float"], said["auto"])
