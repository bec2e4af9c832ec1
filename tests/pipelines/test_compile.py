"""The compiled pipeline: the committed file is what the code compiles to, and is valid by the schema of KFP."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from affekt.errors import DataError
from affekt.pipelines.compile import compile_pipeline
from affekt.pipelines.training import training_pipeline

GOLDEN = Path(__file__).with_name("affekt-training.yaml")


def test_the_committed_pipeline_is_up_to_date(tmp_path):
    # In a process of its own: opensmile brings oyaml along, which changes the order of keys for all of a process.
    command = [sys.executable, "-m", "affekt", "pipeline", "compile", "--out", str(tmp_path / "new.yaml")]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "new.yaml").read_text(encoding="utf-8") == GOLDEN.read_text(encoding="utf-8"), (
        "the pipeline has changed: run `make golden` and look at the difference"
    )


def test_the_pipeline_is_valid_by_the_schema():
    spec, platform = yaml.safe_load_all(GOLDEN.read_text(encoding="utf-8"))
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    for settings in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
        json_format.ParseDict(settings, kubernetes_executor_config_pb2.KubernetesExecutorConfig())


@pytest.mark.parametrize(
    ("models", "trained"),
    [
        (("vgg",), {"train-vgg"}),
        (("c3d",), {"train-c3d"}),
        (("bilstm",), {"train-vgg", "train-bilstm"}),
        (("joint",), {"train-vgg", "train-joint"}),
        (("svc",), {"train-svc"}),
    ],
)
def test_a_pipeline_for_one_model_trains_what_it_needs_and_no_more(tmp_path, models, trained):
    compile_pipeline(tmp_path / "p.yaml", models)
    spec = next(yaml.safe_load_all((tmp_path / "p.yaml").read_text(encoding="utf-8")))
    executors = {name.removeprefix("exec-") for name in spec["deploymentSpec"]["executors"]}
    assert {name for name in executors if name.startswith("train-")} == trained
    assert ("prepare-faces" in executors) == bool(trained & {"train-vgg", "train-c3d"})


@pytest.mark.parametrize("unit", ["clips", "images"])
def test_a_pipeline_that_registers_nothing_ends_with_the_evaluation(unit):
    with ThreadPoolExecutor(1) as alone:  # KFP looks at all frames of its caller, and pytest's are many
        pipeline = alone.submit(training_pipeline, ("vgg",), unit=unit, registered=False).result()
    assert "evaluate" in pipeline.pipeline_spec.components["comp-exit-handler-1"].dag.tasks
    assert not {"comp-register", "comp-gate"} & set(pipeline.pipeline_spec.components)


def test_a_file_that_is_not_named_yaml_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"\*\.yaml"):
        compile_pipeline(tmp_path / "p.json")
