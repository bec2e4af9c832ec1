"""Where steps run: every component has its row, and the row reaches the compiled pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from kfp import dsl

from affekt.errors import AffektError
from affekt.extensions import model_names, model_specs
from affekt.pipelines.compile import compile_pipeline, compile_scoring
from affekt.pipelines.placement import CACHE, all_resources, resources_of, training_step
from affekt.pipelines.profiles.applying import on_cluster

#: By their files; one of these is a definition for every model.
STEPS = {
    path.stem.replace("_", "-")
    for path in (Path(__file__).resolve().parents[2] / "components").glob("*.py")
    if path.stem not in ("__init__", "image", "static_signature", "train_model")
}
COMPONENTS = sorted(STEPS | {training_step(name) for name in model_names()})


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    path = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    compile_pipeline(path)
    spec, platform = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    of_images = path.with_name("images.yaml")
    compile_pipeline(of_images, ("vgg",), unit="images", scheduled=True)
    further = next(yaml.safe_load_all(of_images.read_text(encoding="utf-8")))["deploymentSpec"]["executors"]
    of_scoring = path.with_name("scoring.yaml")
    compile_scoring(of_scoring)
    further |= next(yaml.safe_load_all(of_scoring.read_text(encoding="utf-8")))["deploymentSpec"]["executors"]
    spec["deploymentSpec"]["executors"] = {**further, **spec["deploymentSpec"]["executors"]}
    return spec, platform


def test_every_component_has_resources():
    assert sorted(all_resources()) == COMPONENTS


def test_a_component_without_resources_is_refused():
    @dsl.component(base_image="python", install_kfp_package=False)
    def new_step():
        """Nothing."""

    with pytest.raises(AffektError, match="'new-step'"):

        @dsl.pipeline(name="new")
        def pipeline():
            on_cluster(new_step())


@pytest.mark.parametrize("name", COMPONENTS)
def test_cpu_and_memory_reach_the_compiled_pipeline(compiled, name):
    resources = compiled[0]["deploymentSpec"]["executors"][f"exec-{name}"]["container"]["resources"]
    assert resources["resourceCpuLimit"] == resources_of(name).cpu
    assert resources["resourceMemoryLimit"] == resources_of(name).memory


@pytest.mark.parametrize("model", model_names())
def test_a_model_gets_the_gpus_and_the_shared_memory_of_its_spec(compiled, model):
    spec, platform = compiled
    name, asked = f"exec-{training_step(model)}", model_specs()[model].resources
    found = spec["deploymentSpec"]["executors"][name]["container"]["resources"].get("accelerator", {})
    assert found.get("resourceType") == ("nvidia.com/gpu" if asked.gpus else None)
    mounts = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][name].get("emptyDirMounts", [])
    disk = {CACHE: asked.disk}
    expected = {"/dev/shm": asked.shared_memory, **disk} if asked.shared_memory else disk
    assert {mount["mountPath"]: mount["sizeLimit"] for mount in mounts} == expected


def test_no_step_installs_packages_when_it_runs(compiled):
    for executor in compiled[0]["deploymentSpec"]["executors"].values():
        assert "pip install" not in " ".join(executor["container"]["command"])


def tasks(spec):
    for name, component in spec["components"].items():
        for task, body in component.get("dag", {}).get("tasks", {}).items():
            yield name, task, body


@pytest.mark.parametrize("task", ["train-vgg", "register", "gate"])
def test_what_failed_is_tried_again(compiled, task):
    found = {task: body for _, task, body in tasks(compiled[0])}
    assert found[task]["retryPolicy"]["maxRetryCount"] == 2


def test_every_pod_waits_as_long_as_who_submits_it_says(monkeypatch, tmp_path):
    monkeypatch.setenv("AFFEKT_PATIENCE", "60")
    compile_pipeline(tmp_path / "pipeline.yaml", ["svc"])
    spec = next(yaml.safe_load_all((tmp_path / "pipeline.yaml").read_text()))
    for executor in spec["deploymentSpec"]["executors"].values():
        assert {"name": "AFFEKT_PATIENCE", "value": "60"} in executor["container"]["env"]


def test_every_pod_knows_its_image(compiled):
    for executor in compiled[0]["deploymentSpec"]["executors"].values():
        container = executor["container"]
        assert {"name": "AFFEKT_STEP_IMAGE", "value": container["image"]} in container["env"]


def test_preparation_fans_out_and_comes_together(compiled):
    found = {task: body for _, task, body in tasks(compiled[0])}
    loops = [body for body in found.values() if "parameterIterator" in body]
    assert len(loops) == 1
    assert loops[0]["iteratorPolicy"]["parallelismLimit"] > 1
    assert found["collect"]["dependentTasks"][0].startswith("for-loop")
