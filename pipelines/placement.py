"""Where each step runs: image, CPU, memory, GPU, shared memory, retries and time limit, as data in one place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from kfp import kubernetes

from affekt.components.image import IMAGE

#: The image of the steps that train on a GPU.
GPU_IMAGE = os.environ.get("AFFEKT_GPU_IMAGE", IMAGE)
#: The Kubernetes secret whose keys become a step's environment: where S3 is, and with which credentials.
STORAGE_SECRET = "affekt-storage"
#: Its keys. All are optional: an installation on AWS needs no endpoint, and one with roles for its pods no keys.
STORAGE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3", "AWS_REGION")


@dataclass(frozen=True)
class Place:
    """What one step asks of the cluster."""

    cpu: str = "1"
    memory: str = "2Gi"
    gpus: int = 0
    shared_memory: str = ""  # /dev/shm, for the loader's processes
    retries: int = 2
    timeout_seconds: int = 3600
    image: str = IMAGE


_LIGHT = Place()
_GPU = Place(cpu="8", memory="32Gi", gpus=1, shared_memory="8Gi", timeout_seconds=2 * 86400, image=GPU_IMAGE)

#: One row a component; a component without a row is an error.
PLACES: dict[str, Place] = {
    "ingest": _LIGHT,
    "ingest-faces": Place(memory="8Gi"),
    "plan-shards": _LIGHT,
    "prepare-shard": Place(cpu="4", memory="8Gi", timeout_seconds=6 * 3600),
    "collect": _LIGHT,
    "prepare-faces": Place(memory="8Gi"),
    "train-vgg": _GPU,
    "train-c3d": _GPU,
    "train-bilstm": _GPU,
    "train-joint": _GPU,
    "fit-random-forest": Place(cpu="4", memory="4Gi"),
    "fit-svc": Place(cpu="2", memory="4Gi"),
    "fit-fusion": Place(cpu="2", memory="4Gi"),
    "evaluate": Place(cpu="2", memory="4Gi"),
    # A second try would register a second version.
    "register": Place(memory="4Gi", retries=0),
    "gate": Place(cpu="4", memory="8Gi", retries=0, timeout_seconds=6 * 3600),
    "finish": _LIGHT,
}


def anywhere(task: Any) -> Any:
    """Leave a task as it is: on one machine there is nothing to choose, and a failed step is not tried again."""
    return task


def on_cluster(task: Any) -> Any:
    """Apply the component's row of :data:`PLACES` to a task, and return the task."""
    row = PLACES[task.component_spec.name]
    task.set_cpu_request(row.cpu).set_cpu_limit(row.cpu).set_memory_request(row.memory).set_memory_limit(row.memory)
    task.set_container_image(row.image)
    # The prepared store is the cache. Kubeflow's would take new files at an old address for the old ones, and a
    # submission cannot switch it off for tasks inside of an exit handler or a loop.
    task.set_caching_options(False)
    if row.retries:
        task.set_retry(num_retries=row.retries, backoff_duration="30s", backoff_factor=2, backoff_max_duration="600s")
    kubernetes.set_timeout(task, row.timeout_seconds)
    if row.gpus:
        task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(row.gpus)
        kubernetes.add_toleration(task, key="nvidia.com/gpu", operator="Exists", effect="NoSchedule")
    if row.shared_memory:
        kubernetes.empty_dir_mount(
            task, volume_name="shm", mount_path="/dev/shm", medium="Memory", size_limit=row.shared_memory
        )
    kubernetes.use_secret_as_env(task, STORAGE_SECRET, {key: key for key in STORAGE_KEYS}, optional=True)
    return task
