"""A training by the paper's preset from random weights is told as that wherever its figures are shown."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from affekt.pipelines.cli import run
from affekt.report.model_card import CardFacts, model_card
from affekt.report.wording import summary
from affekt.settings import load_settings
from affekt.steps.evaluation_folder import read_evaluation
from affekt.steps.random_starts import random_starts

SAID = "VGG and Convolutional 3D started from random weights: this is not the paper's recipe"
MEMBERS = ("vgg", "c3d", "bilstm", "svc")


def test_networks_of_the_papers_preset_without_its_weights_are_named():
    settings = load_settings("paper", ["vgg.pretrained=null"])
    assert random_starts(settings, MEMBERS) == ("vgg",)
    assert random_starts(settings, ("svc", "c3d")) == ()


def test_another_preset_is_no_recipe_of_the_papers():
    assert random_starts(load_settings("small"), MEMBERS) == ()


def test_the_report_and_the_card_say_it(pipeline_run):
    evaluation = read_evaluation(pipeline_run.artifact("evaluate", "evaluation"))
    assert not any("recipe" in line for line in summary(evaluation))
    told = replace(evaluation, random_starts=("vgg", "c3d"))
    assert any(line.startswith(SAID) for line in summary(told))
    assert SAID in model_card(told, CardFacts("affekt", "clips", "0" * 16, ("svc",), "", {}, ()))


@pytest.fixture
def trained_as_the_paper(tiny_ensemble, tmp_path, monkeypatch):
    """The folder of an ensemble whose settings say that the preset was the paper's."""
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = shutil.copytree(tiny_ensemble, tmp_path / "ensemble")
    manifest = json.loads((folder / "ensemble.json").read_text(encoding="utf-8"))
    manifest["settings"]["preset"] = "paper"
    (folder / "ensemble.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def test_an_evaluation_of_the_stored_model_says_it(trained_as_the_paper, sample_clips, capsys):
    assert run(["evaluate", str(sample_clips), "--split", "val", "--model", str(trained_as_the_paper)]) == 0
    assert "started from random weights: this is not the paper's recipe" in capsys.readouterr().out
