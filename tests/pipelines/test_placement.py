"""Where steps run: every component has its row, and the row reaches the compiled pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from affekt.pipelines.compile import compile_pipeline
from affekt.pipelines.placement import PLACES

COMPONENTS = sorted(
    path.stem.replace("_", "-")
    for path in (Path(__file__).resolve().parents[2] / "components").glob("*.py")
    if path.stem not in ("__init__", "image")
)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    path = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    compile_pipeline(path)
    spec, platform = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    of_images = path.with_name("images.yaml")
    compile_pipeline(of_images, ("vgg",), images=True)
    further = next(yaml.safe_load_all(of_images.read_text(encoding="utf-8")))["deploymentSpec"]["executors"]
    spec["deploymentSpec"]["executors"] = {**further, **spec["deploymentSpec"]["executors"]}
    return spec, platform


def test_every_component_has_a_place():
    assert sorted(PLACES) == COMPONENTS


@pytest.mark.parametrize("name", COMPONENTS)
def test_cpu_and_memory_reach_the_compiled_pipeline(compiled, name):
    resources = compiled[0]["deploymentSpec"]["executors"][f"exec-{name}"]["container"]["resources"]
    assert resources["resourceCpuLimit"] == PLACES[name].cpu
    assert resources["resourceMemoryLimit"] == PLACES[name].memory


@pytest.mark.parametrize("name", ["train-vgg", "train-c3d", "train-bilstm", "train-joint"])
def test_a_visual_model_gets_a_gpu_and_shared_memory(compiled, name):
    spec, platform = compiled
    accelerator = spec["deploymentSpec"]["executors"][f"exec-{name}"]["container"]["resources"]["accelerator"]
    assert accelerator["resourceType"] == "nvidia.com/gpu"
    settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][f"exec-{name}"]
    assert settings["emptyDirMounts"][0]["mountPath"] == "/dev/shm"


def test_no_step_installs_packages_when_it_runs(compiled):
    for executor in compiled[0]["deploymentSpec"]["executors"].values():
        assert "pip install" not in " ".join(executor["container"]["command"])


def tasks(spec):
    for name, component in spec["components"].items():
        for task, body in component.get("dag", {}).get("tasks", {}).items():
            yield name, task, body


def test_registration_is_never_tried_twice(compiled):
    found = {task: body for _, task, body in tasks(compiled[0])}
    assert "retryPolicy" not in found["register"]
    assert found["train-vgg"]["retryPolicy"]["maxRetryCount"] == 2


def test_preparation_fans_out_and_comes_together(compiled):
    found = {task: body for _, task, body in tasks(compiled[0])}
    loops = [body for body in found.values() if "parameterIterator" in body]
    assert len(loops) == 1
    assert loops[0]["iteratorPolicy"]["parallelismLimit"] > 1
    assert found["collect"]["dependentTasks"][0].startswith("for-loop")
