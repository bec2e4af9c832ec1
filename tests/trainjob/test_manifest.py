"""The TrainJob: every field is one of the published models, and what its pods become is one of Kubernetes."""

from __future__ import annotations

import json
from typing import Any

import kubernetes_validate
import pytest

from affekt.errors import AffektError
from affekt.trainjob import NodePlace, Owner, train_job
from tests.trainjob.kubernetes_api import problems_of

OWNER = Owner("step-pod", "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", "kubeflow", "affekt-pipeline")

AFFINITY = {
    "preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 5, "preference": {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}}
    ]
}


def place(**changes: Any) -> NodePlace:
    given: dict[str, Any] = {
        "nodes": 2, "image": "affekt:0.1.0", "cpu": "32", "memory": "128Gi", "disk": "80Gi", "gpus": 4,
        "cache": "/var/lib/affekt/cache", "timeout_seconds": 7200, "shared_memory": "32Gi",
        "node_selector": {"pool": "training"}, "secrets": {"affekt-storage": ("AWS_ACCESS_KEY_ID",)},
        "tolerations": ({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},),
        "labels": {"team": "speech"}, "node_affinity": AFFINITY,
    }  # fmt: skip
    return NodePlace(**given | changes)


def manifest(**changes: Any) -> dict[str, Any]:
    made = train_job(place(**changes), "affekt-vgg-0", job_uri="s3://b/job.json", attempt="a1", owner=OWNER)
    found: dict[str, Any] = json.loads(json.dumps(made))
    return found


def pod_of(job: dict[str, Any]) -> dict[str, Any]:
    """What Kubeflow Trainer makes of it: the trainer's fields in the container, and the patches of the pod."""
    trainer = job["spec"]["trainer"]
    (patch,) = job["spec"]["runtimePatches"]
    (node,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    template = node["template"]["spec"]["template"]
    (container,) = template["spec"]["containers"]
    full = {key: trainer[key] for key in ("image", "command", "args", "env")} | container
    spec = template["spec"] | {"containers": [full | {"resources": trainer["resourcesPerNode"]}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", **template["metadata"]}, "spec": spec}


@pytest.mark.parametrize("changes", [{}, {"gpus": 0, "shared_memory": "", "tolerations": (), "node_selector": {}}])
def test_every_field_is_one_of_the_published_models(changes: dict[str, Any]) -> None:
    assert problems_of(manifest(**changes)) == []


@pytest.mark.parametrize("version", ["1.30", "1.34", "1.37"])
def test_its_pods_are_those_of_kubernetes(version: str) -> None:
    kubernetes_validate.validate(pod_of(manifest()), version, strict=True)


def test_a_field_that_no_model_has_is_seen() -> None:
    job = manifest()
    job["spec"]["trainer"]["nodes"] = 2
    job["spec"]["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]["hosts"] = 1
    assert len(problems_of(job)) == 2


def test_what_the_profile_says_reaches_the_pods() -> None:
    job = manifest()
    pod = pod_of(job)
    spec, (container,) = pod["spec"], pod["spec"]["containers"]
    volumes = {volume["name"]: volume["emptyDir"] for volume in spec["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    assert mounts["/dev/shm"] == {"medium": "Memory", "sizeLimit": "32Gi"}
    assert mounts["/var/lib/affekt/cache"] == {"sizeLimit": "80Gi"}
    assert container["resources"]["limits"] == {"cpu": "32", "memory": "128Gi", "nvidia.com/gpu": "4"}
    assert spec["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert (spec["nodeSelector"], spec["serviceAccountName"]) == ({"pool": "training"}, "affekt-pipeline")
    assert spec["affinity"] == {"nodeAffinity": AFFINITY}
    assert pod["metadata"]["labels"]["team"] == "speech"
    secret = next(each for each in container["env"] if each["name"] == "AWS_ACCESS_KEY_ID")
    assert secret["valueFrom"]["secretKeyRef"]["name"] == "affekt-storage"
    assert next(each for each in container["env"] if each["name"] == "OMP_NUM_THREADS")["value"] == "8"
    assert (job["spec"]["trainer"]["numNodes"], job["spec"]["trainer"]["numProcPerNode"]) == (2, 4)


def test_it_goes_with_the_pod_of_its_step() -> None:
    (owner,) = manifest()["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Pod", OWNER.name, OWNER.uid)


def test_the_description_of_nodes_survives_the_environment() -> None:
    assert NodePlace.from_json(place().to_json()).to_json() == place().to_json()
    with pytest.raises(AffektError, match="AFFEKT_TRAINJOB"):
        NodePlace.from_json('{"nodes": 2}')
