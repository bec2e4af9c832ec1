"""Training in a line of Python: what is refused before anything starts. A whole run is in tests/test_first_hour.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import affekt
from affekt.errors import AffektError, DataError, SettingsError
from affekt.pipelines.cli import run
from affekt.pipelines.job import job_of


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        ({"settings": {"svc.nothing": 1}}, SettingsError, "svc.nothing"),
        ({"settings": ["svc.c_candidates"]}, SettingsError, "expected key=value"),
        ({"only": "vgg16"}, DataError, "unknown model 'vgg16'"),
        ({"preset": "large"}, SettingsError, "expected one of"),
        ({"only": "svc", "faces": "faces"}, AffektError, "learns nothing from face images"),
    ],
)
def test_what_is_wrong_is_told_before_anything_starts(
    sample_clips: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, Any],
    kind: type[AffektError],
    says: str,
) -> None:
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    with pytest.raises(kind, match=says):
        affekt.train(sample_clips, **given)
    assert list(tmp_path.iterdir()) == []


def test_data_that_are_not_there_are_an_error_of_affekt(tmp_path: Path) -> None:
    with pytest.raises(AffektError):
        affekt.train(tmp_path / "nowhere")


def test_several_models_can_be_named_and_come_in_their_own_order(sample_clips: Path) -> None:
    assert job_of(str(sample_clips), only="svc, random_forest").models == ("random_forest", "svc")
    with pytest.raises(DataError, match="unknown model 'forest'"):
        job_of(str(sample_clips), only="svc,forest")


def test_a_wrong_name_in_a_list_of_models_is_told_the_nearest(sample_clips: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        run(["train", str(sample_clips), "--only", "svc,random_forrest"])
    assert "there is no 'random_forrest'; did you mean random_forest;" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("model", "weights"), [("vgg", "vgg_face"), ("c3d", "c3d_sports1m")])
def test_the_papers_recipe_is_refused_without_its_weights_and_else_called_by_another_name(
    sample_clips: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    model: str,
    weights: str,
) -> None:
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    with pytest.raises(
        DataError, match=rf"{weights}: .*fetch {weights} gets it; settings=.'{model}.pretrained=null'. goes"
    ):
        job_of(str(sample_clips), only=model, preset="paper")
    with caplog.at_level("WARNING"):
        job_of(str(sample_clips), only=model, preset="paper", overrides=[f"{model}.pretrained=null"])
    assert f"the {model} starts from random weights; this is not the paper's recipe" in caplog.text
    caplog.clear()
    job_of(str(sample_clips), only=model)
    assert not caplog.text


def test_settings_of_models_that_are_not_trained_contradict_nothing(sample_clips: Path, sample_faces: Path) -> None:
    smaller = ["media.face_size=48", "vgg.input_size=44"]  # and c3d.input_size is larger
    assert job_of(str(sample_faces), only="vgg", overrides=smaller).settings.media.face_size == 48
    assert job_of(str(sample_clips), only="svc", overrides=smaller[:1]).models == ("svc",)
    with pytest.raises(SettingsError, match=r"c3d\.input_size: 56 is larger than media\.face_size 48"):
        job_of(str(sample_clips), only="vgg,c3d", overrides=smaller)
