"""A registered ensemble as MLflow itself loads it."""

from __future__ import annotations

import runpy
import sys
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from affekt.ensemble import Ensemble
from affekt.registry import promote, pyfunc_model, register


@pytest.fixture
def loaded(tracking, tiny_ensemble, monkeypatch):
    register(tracking, tiny_ensemble, name="affekt", run_id=tracking.start_parent("weekly"))
    promote("affekt/1", tracking)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.uri)  # MLflow sets it, too, and would leave it behind
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(tracking.uri)
    yield mlflow.pyfunc.load_model("models:/affekt@champion")
    mlflow.set_tracking_uri(before)


def test_it_answers_as_the_ensemble_does(loaded, tiny_ensemble, sample_clips, tmp_path):
    clip = next(iter(sorted(sample_clips.rglob("*.mp4"))))
    bad = tmp_path / "bad.mp4"
    bad.write_text("no clip")
    expected = Ensemble.load(tiny_ensemble).predict_file(clip).to_dict()
    answers = loaded.predict([str(clip), str(bad)])
    assert answers[0] == expected
    assert set(answers[1]) == {"error"}
    assert loaded.predict(pd.DataFrame({"clip": [str(clip)]})) == [expected]


def test_without_affekt_it_says_what_to_install():
    path = Path(pyfunc_model.__file__)
    with pytest.MonkeyPatch.context() as here, pytest.raises(ModuleNotFoundError, match="install its wheel"):
        here.setitem(sys.modules, "affekt", None)
        for name in [name for name in sys.modules if name.startswith("affekt.")]:
            here.delitem(sys.modules, name)
        runpy.run_path(str(path))


def test_its_requirements_can_be_installed_and_name_no_package_that_anybody_could_take(tracking, saved, tmp_path):
    (saved("a") / "members" / "graph.xml").touch()
    register(tracking, tmp_path / "ensemble-a", name="affekt", run_id=tracking.start_parent("weekly"))
    (file,) = tracking.home.rglob("requirements.txt")
    asked = dict(line.split("==") for line in file.read_text().split())
    assert "affekt" not in asked
    assert {"mlflow", "numpy", "openvino", "opensmile", "torch"} <= set(asked)
    assert asked == {name: version(name).partition("+")[0] for name in asked}
