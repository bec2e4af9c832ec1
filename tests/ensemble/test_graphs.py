"""Networks as graphs of the inference engine: answers as PyTorch gives them, and PyTorch where there is no graph."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from affekt.ensemble import Ensemble
from affekt.ensemble.graphs import CLOSE, SAME, Agreement, compare
from affekt.ensemble.manifest import read_manifest
from affekt.errors import AffektError
from affekt.media import PreparedIndex
from affekt.models.engine import GRAPH, NUMBERS
from affekt.models.members import Members
from affekt.store.entries import Store

ASK = """
import json, sys
from affekt.ensemble import Ensemble
answer = Ensemble.load(sys.argv[1]).predict_file(sys.argv[2])
loaded = {name: sys.modules.get(name) is not None for name in ("torch", "mlflow", "openvino", "openvino_telemetry")}
print(json.dumps({"answer": answer.to_dict(), "loaded": loaded}))
"""


LEFT = """
import sys
from affekt.models.engine import engine
engine()
import openvino
print("openvino.tools.ovc" in sys.modules, hasattr(openvino, "nothing"))
from openvino import convert_model
from openvino.tools import ovc
print(convert_model is ovc.convert_model)
"""


@pytest.fixture(scope="module")
def clips(tiny_run, tiny_settings):
    """Two prepared clips."""
    store = Store(tiny_run.store, tiny_settings.media)
    return [store.get(row.key) for row in list(PreparedIndex.read(tiny_run.prepared))[:2]]


@pytest.fixture
def folders(tiny_ensemble, tmp_path) -> dict[str, Path]:
    """The members of an ensemble, to change."""
    copied = shutil.copytree(tiny_ensemble / "members", tmp_path / "members")
    return {folder.name: folder for folder in sorted(copied.iterdir())}


@pytest.mark.parametrize(
    ("changed", "holds"),
    [
        ({}, True), ({"clips": 0, "labels": 0}, False), ({"labels": 1}, False),
        ({"same": SAME * 1.01}, False), ({"close": CLOSE * 1.01}, False),
    ],
)  # fmt: skip
def test_a_graph_may_answer_up_to_the_difference_that_is_allowed(changed, holds):
    assert Agreement(**{"clips": 2, "same": SAME, "close": CLOSE, "labels": 2, **changed}).holds is holds


def test_every_network_is_stored_as_a_graph_that_was_held_against_pytorch(tiny_ensemble):
    manifest = read_manifest(tiny_ensemble)
    networks = {name for name in manifest["members"] if (tiny_ensemble / "members" / name / GRAPH).is_file()}
    assert networks >= {"vgg", "c3d", "bilstm"}
    assert networks == set(manifest["graphs"])
    assert all(said["same"] <= SAME and said["labels"] == said["clips"] for said in manifest["graphs"].values())
    assert {f"members/{name}/{file}" for name in networks for file in (GRAPH, NUMBERS)} <= set(manifest["files"])


def test_graphs_and_pytorch_give_the_same_scores(tiny_ensemble, folders, clips):
    ways = [Members.load(folders, device="cpu", precision="float32", inference=way) for way in ("torch", "openvino")]
    for clip in clips:
        torch, graphs = (way.score(clip) for way in ways)
        assert set(torch) == set(graphs)
        for name, vector in torch.items():
            assert np.allclose(vector, graphs[name], atol=1e-5), name


def test_an_answer_of_graphs_needs_neither_pytorch_nor_mlflow_and_nothing_that_calls_home(tiny_ensemble, sample_clips):
    clip = sorted((sample_clips / "clips").iterdir())[0]
    said = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", ASK, str(tiny_ensemble), str(clip)],
                capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": threads},
            ).stdout
        )
        for threads in ("1", "2")
    ]  # fmt: skip
    assert said[0]["loaded"] == {"torch": False, "mlflow": False, "openvino": True, "openvino_telemetry": False}
    assert said[0]["answer"] == said[1]["answer"] == Ensemble.load(tiny_ensemble).predict_file(clip).to_dict()


def test_the_converter_of_the_engine_is_imported_by_whoever_asks_for_it_alone():
    done = subprocess.run([sys.executable, "-c", LEFT], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "False", "True"]


def test_a_model_without_graphs_answers_by_pytorch_to_the_last_bit(tiny_ensemble, folders, clips):
    torch = Members.load(folders, device="cpu", inference="torch")
    for folder in folders.values():
        (folder / GRAPH).unlink(missing_ok=True)
    auto = Members.load(folders, device="cpu")
    for name, vector in torch.score(clips[0]).items():
        assert np.array_equal(vector, auto.score(clips[0])[name])


def test_a_graph_with_other_numbers_does_not_pass(folders, clips):
    numbers = folders["vgg"] / NUMBERS
    last = load_file(folders["vgg"] / "model.safetensors")["fc8.weight"]
    content = numbers.read_bytes()
    assert content.count(last.tobytes()) == 1
    numbers.write_bytes(content.replace(last.tobytes(), (-last).tobytes()))
    found = compare(folders, ["vgg", "c3d"], clips)
    assert (found["vgg"].holds, found["c3d"].holds) == (False, True)


def test_the_environment_says_what_computes_networks(tiny_ensemble, monkeypatch, clips):
    monkeypatch.setenv("AFFEKT_INFERENCE", "torch")
    torch = Ensemble.load(tiny_ensemble)
    assert type(torch.member("vgg")).__name__ == "VggMember"
    assert type(Ensemble.load(tiny_ensemble, inference="openvino").member("vgg")).__name__ == "GraphVgg"
    monkeypatch.setenv("AFFEKT_INFERENCE", "fast")
    with pytest.raises(AffektError, match="AFFEKT_INFERENCE is 'fast'; expected one of auto, torch, openvino"):
        Ensemble.load(tiny_ensemble)
