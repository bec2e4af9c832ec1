"""The TrainJob for Kubeflow Trainer, by the fields of its API (trainer.kubeflow.org/v1alpha1, version 2.3)."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import jsonschema
import pytest

from affekt.errors import AffektError
from affekt.pipelines.placement import SECRETS
from affekt.pipelines.trainer_job import train_job
from affekt.settings import load_settings
from affekt.steps.train_member import Job

TEXT = {"type": "string", "minLength": 1}
QUANTITIES = {
    "type": "object",
    "propertyNames": {"pattern": r"^(cpu|memory|ephemeral-storage|[a-z0-9.-]+/[a-z0-9-]+)$"},
    "additionalProperties": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(m|Ki|Mi|Gi|Ti)?$"},
}


def closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """An object with no other fields: the API server drops or refuses a field that it does not know."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


SECRET_KEY = closed({"name": TEXT, "key": TEXT, "optional": {"type": "boolean"}}, "key")
SCHEMA = closed(
    {
        "apiVersion": {"const": "trainer.kubeflow.org/v1alpha1"},
        "kind": {"const": "TrainJob"},
        "metadata": closed({"name": {"pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$"}}, "name"),
        "spec": closed(
            {
                "runtimeRef": closed(
                    {
                        "apiGroup": {"const": "trainer.kubeflow.org"},
                        "kind": {"enum": ["TrainingRuntime", "ClusterTrainingRuntime"]},
                        "name": TEXT,
                    },
                    "name",
                ),
                "trainer": closed(
                    {
                        "image": TEXT,
                        "command": {"type": "array", "items": TEXT},
                        "args": {"type": "array", "items": TEXT},
                        "env": {
                            "type": "array",
                            "items": closed(
                                {"name": TEXT, "value": TEXT, "valueFrom": closed({"secretKeyRef": SECRET_KEY})}, "name"
                            ),
                        },
                        "numNodes": {"type": "integer", "minimum": 1},
                        "numProcPerNode": {"type": "integer", "minimum": 1},
                        "resourcesPerNode": closed({"requests": QUANTITIES, "limits": QUANTITIES}),
                    }
                ),
            },
            "runtimeRef",
        ),
    },
    "apiVersion",
    "kind",
    "metadata",
    "spec",
)


def job(**changes: str) -> Job:
    plain = Job(
        "vgg", prepared="s3://b/prepared", faces="s3://b/faces", store="s3://b/store",
        settings=load_settings("small").to_json(), out="s3://b/vgg", checkpoints="s3://b/store/checkpoints",
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)


@pytest.mark.parametrize(("nodes", "devices"), [(1, 1), (4, 8), (2, 0)])
def test_the_manifest_has_the_fields_of_the_api(nodes: int, devices: int) -> None:
    manifest = train_job(job(), "affekt-vgg", job_uri="s3://b/vgg.json", nodes=nodes, devices=devices)
    jsonschema.validate(json.loads(json.dumps(manifest)), SCHEMA)
    trainer = manifest["spec"]["trainer"]
    assert (trainer["numNodes"], trainer["numProcPerNode"]) == (nodes, max(1, devices))
    assert trainer["resourcesPerNode"]["limits"].get("nvidia.com/gpu") == (str(devices) if devices else None)


def test_the_nodes_run_the_program_of_a_step_with_the_job_of_s3() -> None:
    trainer = train_job(job(), "affekt-vgg", job_uri="s3://b/vgg.json", nodes=2)["spec"]["trainer"]
    assert [*trainer["command"], *trainer["args"]] == [
        "torchrun",
        "-m",
        "affekt.steps.train_member",
        "s3://b/vgg.json",
    ]
    assert {variable["valueFrom"]["secretKeyRef"]["name"] for variable in trainer["env"]} == set(SECRETS)


def test_every_place_of_this_machine_is_named() -> None:
    with pytest.raises(AffektError) as caught:
        train_job(job(out="out", faces="/faces"), "Affekt", job_uri="job.json", nodes=0)
    for word in ("out is 'out'", "faces is '/faces'", "job_uri is 'job.json'", "'Affekt'", "0 nodes"):
        assert word in caught.value.message
