"""The manifest of a TrainJob: the training of one member on several nodes, with all that their pods need.

The fields are those of trainer.kubeflow.org/v1alpha1 in Kubeflow Trainer 2.3; what a trainer cannot say (volumes,
tolerations, node selectors, the account) are patches of the runtime (``runtimePatches``), which older versions lack.
"""

from __future__ import annotations

import os
from typing import Any

from affekt import events, patience
from affekt.trainjob.place import NodePlace, Owner

API, KIND = "trainer.kubeflow.org/v1alpha1", "TrainJob"
#: Who owns these patches and jobs.
MANAGER = "affekt"
#: Label of a TrainJob: which try of a step made it.
ATTEMPT = "affekt/attempt"
#: The job and the container of the runtime's template that train.
NODE = "node"
#: Seconds that the processes of a node have to write a checkpoint after SIGTERM, and that its pod has in all.
GRACE = 120
_POD_GRACE = GRACE + 30


def train_job(place: NodePlace, name: str, *, job_uri: str, attempt: str, owner: Owner = Owner()) -> dict[str, Any]:  # noqa: B008
    """The manifest of the TrainJob that trains what a job says.

    Args:
        place: what the nodes ask for.
        name: of the TrainJob, a label of DNS.
        job_uri: where the nodes read the job, an ``s3://`` address.
        attempt: which try of the step this is.
        owner: the step's pod.
    """
    pods = {
        "metadata": {
            # A proxy of a service mesh beside the training would outlive it, and the job would never be complete.
            "labels": {**place.labels, "app.kubernetes.io/part-of": MANAGER, "sidecar.istio.io/inject": "false"}
        },
        "spec": _pod(place, owner),
    }
    patch = {"spec": {"replicatedJobs": [{"name": NODE, "template": {"spec": {"template": pods}}}]}}
    owned = {"ownerReferences": [_reference(owner)]} if owner.uid else {}
    return {
        "apiVersion": API,
        "kind": KIND,
        "metadata": {
            "name": name,
            "labels": {**place.queue, "app.kubernetes.io/managed-by": MANAGER, ATTEMPT: attempt},
            **owned,
        },
        "spec": {
            "runtimeRef": {
                "apiGroup": "trainer.kubeflow.org", "kind": "ClusterTrainingRuntime", "name": place.runtime,
            },
            "activeDeadlineSeconds": place.timeout_seconds,
            "trainer": _trainer(place, job_uri),
            "runtimePatches": [{"manager": f"{MANAGER}/step", "trainingRuntimeSpec": {"template": patch}}],
        },
    }  # fmt: skip


def _trainer(place: NodePlace, job_uri: str) -> dict[str, Any]:
    asked = {"cpu": place.cpu, "memory": place.memory}
    if place.gpus:
        asked[place.accelerator] = str(place.gpus)
    return {
        "image": place.image,
        # The rank of the node, their number and the first one's address come in PET_* variables of the runtime.
        "command": ["python", "-m", "torch.distributed.run"],
        "args": [f"--shutdown-timeout={GRACE}", "-m", "affekt.steps.train_member", job_uri],
        "env": [{"name": key, "value": value} for key, value in sorted(_environment(place).items())]
        + [
            {"name": key, "valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": True}}}
            for secret, keys in place.secrets.items()
            for key in keys
        ],
        "numNodes": place.nodes,
        "numProcPerNode": place.processes_per_node,
        "resourcesPerNode": {"requests": asked, "limits": dict(asked)},
    }


def _environment(place: NodePlace) -> dict[str, str]:
    cores = int(place.cpu[:-1]) // 1000 if place.cpu.endswith("m") else int(place.cpu)
    passed_on = {name: os.environ[name] for name in (patience.VARIABLE, "AFFEKT_LOG_LEVEL") if os.environ.get(name)}
    return {
        events.LISTENED: "1",
        "OMP_NUM_THREADS": str(max(1, cores // place.processes_per_node)),
        **passed_on,
        **place.environment,
    }


def _pod(place: NodePlace, owner: Owner) -> dict[str, Any]:
    volumes = [{"name": "cache", "emptyDir": {"sizeLimit": place.disk}}]
    mounts = [{"name": "cache", "mountPath": place.cache}]
    if place.shared_memory:
        volumes.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": place.shared_memory}})
        mounts.append({"name": "shm", "mountPath": "/dev/shm"})
    pod: dict[str, Any] = {
        "terminationGracePeriodSeconds": _POD_GRACE,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": volumes,
        "containers": [
            {
                "name": NODE,
                "volumeMounts": mounts,
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    }
    if place.tolerations:
        pod["tolerations"] = [dict(each) for each in place.tolerations]
    if place.node_selector:
        pod["nodeSelector"] = dict(place.node_selector)
    if place.node_affinity:
        pod["affinity"] = {"nodeAffinity": dict(place.node_affinity)}
    if owner.account:
        pod["serviceAccountName"] = owner.account
    return pod


def _reference(owner: Owner) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "name": owner.name, "uid": owner.uid}
