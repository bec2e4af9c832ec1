"""Kubeflow Trainer: the training of one member on several nodes of a cluster, as a TrainJob."""

from __future__ import annotations

import re
from typing import Any

from affekt.counted import counted
from affekt.errors import AffektError
from affekt.pipelines.placement import SECRETS, image_of, resources_of, training_step
from affekt.steps.train_member import Job
from affekt.storage import is_remote

#: The runtime for PyTorch that comes with Kubeflow Trainer; it tells torchrun of the nodes.
RUNTIME = "torch-distributed"


def train_job(job: Job, name: str, *, job_uri: str, nodes: int, devices: int = 1) -> dict[str, Any]:
    """The manifest of a TrainJob that trains one member, by the program that a pipeline's step runs, too.

    What a node asks for is what the model's spec says; tolerations and shared memory
    are the runtime's.

    Args:
        job: what to train, with all its places in S3.
        name: of the TrainJob.
        job_uri: where the nodes read the job, ``s3://``; the caller writes it there as JSON.
        nodes: how many.
        devices: GPUs of a node, each with a process; 0 for a process on a node's CPUs.

    Raises:
        AffektError: the name is none that Kubernetes takes, or a place is on this machine.
    """
    parts = ("prepared", "faces", "store", "out", "checkpoints")
    places = {**{part: getattr(job, part) for part in parts}, **job.needs}
    problems = [
        f"{part} is {uri!r}: expected an s3:// address" for part, uri in places.items() if uri and not is_remote(uri)
    ]
    if not is_remote(job_uri):
        problems.append(f"job_uri is {job_uri!r}: expected an s3:// address")
    if not re.fullmatch(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?", name):
        problems.append(f"the name is {name!r}: expected at most 50 small letters, digits and hyphens")
    if nodes < 1 or devices < 0:
        problems.append(f"{counted(nodes, 'nodes')} with {counted(devices, 'devices')}: expected at least one node")
    if problems:
        raise AffektError("\n".join(problems), code="not_remote")
    resources = resources_of(training_step(job.member))
    asked = {"cpu": resources.cpu, "memory": resources.memory, "ephemeral-storage": resources.disk}
    if devices:
        asked["nvidia.com/gpu"] = str(devices)
    secrets = [
        {"name": key, "valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": True}}}
        for secret, keys in SECRETS.items()
        for key in keys
    ]
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": name},
        "spec": {
            "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": "ClusterTrainingRuntime", "name": RUNTIME},
            "trainer": {
                "image": image_of(resources),
                "command": ["torchrun"],
                "args": ["-m", "affekt.steps.train_member", job_uri],
                "env": secrets,
                "numNodes": nodes,
                "numProcPerNode": max(1, devices),
                "resourcesPerNode": {"requests": asked, "limits": dict(asked)},
            },
        },
    }
