"""One training with a layout, a detector, a model and a fusion method that are not affekt's: as good as its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affekt.media.prepared import PreparedIndex
from tests.conftest import TINY

pytestmark = pytest.mark.timeout(900)  # a training of ten processes, on whatever else the machine does

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
def python(with_packages: Callable[..., Any], home: Path) -> Any:
    return with_packages(home, "affekt-descriptors", "affekt-extras")


@pytest.fixture(scope="module")
def clip(sample_clips: Path) -> Path:
    return sorted((sample_clips / "clips").iterdir())[0]


@pytest.fixture(scope="module")
def trained(python: Any, savee: Path) -> dict[str, Any]:
    """What the pipeline says of the training."""
    theirs = ("descriptors.penalty=0.1", "media.detector=stumps", "fusion.method=bayes", "fusion.bayes.smoothing=0.5")
    done = python("-c", TRAIN, savee, *TINY, *theirs, "gate.check_serving=false")
    assert done.returncode == 0, done.stderr[-3000:]
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture(scope="module")
def reference(trained: dict[str, Any]) -> str:
    return f"{trained['name']}/{trained['version']}"


def test_the_layout_names_labels_and_subjects_and_the_detector_finds_faces(trained, home):
    (prepared,) = home.glob("runs/*/artifacts/*/collect/prepared")
    index = PreparedIndex.read(prepared)
    assert len(index) == 27
    assert {row.subject for row in index} == {"DC", "JE", "JK"}
    assert all(row.frames_with_face > 0.8 * row.frames for row in index)


def test_the_model_is_trained_out_of_fold_in_a_step_of_its_own(trained, home):
    assert trained["steps"]["descriptors"] > 0
    (scores,) = home.glob("runs/*/artifacts/*/train-descriptors/model/scores.csv")
    splits = {line.split(",")[3] for line in scores.read_text().splitlines()[1:]}
    assert splits == {"train", "val"}


def test_the_model_stands_among_the_audio_models(trained):
    page = Path(trained["report"]).read_text(encoding="utf-8")
    audio = page[page.index("Audio models") :]
    assert "Linear model on descriptors" in audio[: audio.index("</table>")]
    visual = page[page.index("Visual models") : page.index("Audio models")]
    assert "Linear model on descriptors" not in visual


def test_the_fusion_is_fitted_and_stands_in_the_report(trained, python, home):
    (ensemble,) = home.glob("runs/*/artifacts/*/fit-fusion/ensemble")
    kept = json.loads((ensemble / "fusion" / "fusion.json").read_text(encoding="utf-8"))
    assert kept["method"] == "bayes"
    assert not any("too few for bayes" in note for note in kept["notes"])
    assert "Bayesian combination" in Path(trained["report"]).read_text(encoding="utf-8")


def test_a_real_server_answers_with_them(reference, python, clip):
    done = python("-c", ASK_A_SERVER, reference, clip)
    assert done.returncode == 0, done.stderr
    assert {"svc", "descriptors"} <= json.loads(done.stdout)["models"].keys()


def test_the_registered_model_answers_with_them(reference, python, clip):
    done = python("-m", "affekt", "predict", clip, "--model", reference, "--json")
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads(done.stdout)["results"]
    assert "descriptors" in answer["models"]


@pytest.mark.parametrize(
    ("there", "says"),
    [
        (("affekt-extras",), r"a model 'descriptors'.*group 'affekt\.models'.*install affekt-descriptors"),
        (
            ("affekt-descriptors",),
            r"a detector 'stumps'.*and a fusion 'bayes' \(group 'affekt\.fusions'\); install affekt-extras",
        ),
    ],
)
def test_without_a_package_the_model_says_what_is_missing(reference, with_packages, home, clip, there, says):
    done = with_packages(home, *there)("-m", "affekt", "predict", clip, "--model", reference)
    assert done.returncode == 1
    assert re.search(f"no installed package offers {says}, with which it was trained", done.stderr)
