"""A model in a package of its own: nothing of affekt is touched, and it is trained, fused, reported and served."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY

PACKAGE = "affekt-descriptors"
#: Two models of seven, so that no network is trained.
TRAIN = """
import json, sys
from affekt.pipelines.job import TrainingJob
from affekt.pipelines.run import run_training
from affekt.settings import load_settings

data, *settings = sys.argv[1:]
job = TrainingJob(data, load_settings("small", settings), models=("svc", "descriptors"), name="outside")
print(json.dumps(run_training(job, say=lambda event: print(event, file=sys.stderr)).to_dict()))
"""
ASK_A_SERVER = """
import json, sys
from pathlib import Path
from affekt.registry import Tracking, resolve
from affekt.serving.server import LocalServer

reference, clip = sys.argv[1:]
with LocalServer(resolve(reference, Tracking())) as server:
    print(json.dumps(server.predict(Path(clip))))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def python(with_package: Callable[..., Any], home: Path) -> Any:
    return with_package(PACKAGE, home)


@pytest.fixture(scope="module")
def trained(python: Any, sample_clips: Path) -> dict[str, Any]:
    """What the pipeline says of a training with the model from outside and one of affekt's own."""
    settings = (*TINY, "descriptors.penalty=0.1", "gate.check_serving=false")
    done = python("-c", TRAIN, sample_clips, *settings)
    assert done.returncode == 0, done.stderr[-3000:]
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_it_keeps_the_contract(python):
    done = python("-c", "from affekt.testing import check_model; check_model('descriptors')")
    assert done.returncode == 0, done.stderr


def test_its_settings_are_checked_as_all_others_are(python, sample_clips):
    done = python("-m", "affekt", "train", sample_clips, "--set", "descriptors.penalti=1")
    assert done.returncode == 1
    assert "did you mean descriptors.penalty?" in done.stderr


def test_it_can_be_chosen_by_its_name(python):
    assert "descriptors" in python("-m", "affekt", "train", "--help").stdout


def test_it_is_trained_out_of_fold_in_a_step_of_its_own(trained, home):
    assert trained["steps"]["descriptors"] > 0
    (scores,) = home.glob("runs/*/artifacts/*/train-descriptors/model/scores.csv")
    splits = {line.split(",")[3] for line in scores.read_text().splitlines()[1:]}
    assert splits == {"train", "val"}


def test_it_is_fused_and_stands_among_the_audio_models(trained):
    page = Path(trained["report"]).read_text(encoding="utf-8")
    audio = page[page.index("Audio models") :]
    assert "Linear model on descriptors" in audio[: audio.index("</table>")]
    visual = page[page.index("Visual models") : page.index("Audio models")]
    assert "Linear model on descriptors" not in visual


def test_a_real_server_answers_with_it(trained, python, sample_clips):
    clip = sorted((sample_clips / "clips").iterdir())[0]
    done = python("-c", ASK_A_SERVER, f"{trained['name']}/{trained['version']}", clip)
    assert done.returncode == 0, done.stderr
    assert {"svc", "descriptors"} <= json.loads(done.stdout)["models"].keys()


def test_the_registered_model_answers_with_it(trained, python, sample_clips):
    clip = sorted((sample_clips / "clips").iterdir())[0]
    reference = f"{trained['name']}/{trained['version']}"
    done = python("-m", "affekt", "predict", clip, "--model", reference, "--json")
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads(done.stdout)["results"]
    assert "descriptors" in answer["models"]


def test_without_the_package_the_model_says_what_is_missing(trained, home, sample_clips, monkeypatch, capsys):
    from affekt.pipelines.cli import run

    monkeypatch.setenv("AFFEKT_HOME", str(home))
    clip = sorted((sample_clips / "clips").iterdir())[0]
    assert run(["predict", str(clip), "--model", f"{trained['name']}/{trained['version']}"]) == 1
    assert re.search(r"no installed package offers a model 'descriptors'.*affekt-descriptors", capsys.readouterr().err)
