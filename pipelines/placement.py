"""Where each step runs: image, CPU, memory, GPU, shared memory, retries and time limit, as data in one place."""

from __future__ import annotations

import os
from typing import Any

from kfp import kubernetes

from affekt import patience
from affekt.components.image import IMAGE
from affekt.errors import AffektError
from affekt.extensions import Resources, model_specs
from affekt.steps.register import IMAGE_VARIABLE

#: The image of the steps that train on a GPU.
GPU_IMAGE = os.environ.get("AFFEKT_GPU_IMAGE", IMAGE)
#: The Kubernetes secrets whose keys become a step's environment. All are optional: an installation on AWS needs no
#: endpoint, one with roles for its pods no keys, and an MLflow that asks for no login neither name nor token.
SECRETS = {
    "affekt-storage": (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL_S3",
        "AWS_REGION",
    ),
    "affekt-login": ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
}
#: Where the images keep copies of prepared clips (:func:`affekt.home.home`): a volume of the pod, of a bounded size.
CACHE = "/var/lib/affekt/cache"
#: GiB of a step's disk that are left beside the copies, for what is decoded of them.
BESIDE_COPIES = 8

_LIGHT = Resources()

#: What the steps ask for that are there whichever models are trained, by component.
_STEPS: dict[str, Resources] = {
    "ingest": _LIGHT,
    "ingest-images": Resources(memory="8Gi"),
    "plan-shards": _LIGHT,
    "prepare-shard": Resources(cpu="4", memory="8Gi", disk="40Gi", timeout_seconds=6 * 3600),
    "collect": _LIGHT,
    "prepare-faces": Resources(memory="8Gi"),
    "fit-fusion": Resources(cpu="2", memory="4Gi"),
    "evaluate": Resources(cpu="2", memory="4Gi", disk="40Gi"),
    # Both may be tried again: one ensemble is one version, and a champion stays who it is.
    "register": Resources(memory="4Gi"),
    "gate": Resources(cpu="4", memory="8Gi", disk="40Gi", timeout_seconds=6 * 3600),
    "finish": _LIGHT,
}


def training_step(model: str) -> str:
    """The name of the component that trains a model."""
    return f"train-{model.replace('_', '-')}"


def all_resources() -> dict[str, Resources]:
    """What each component asks of the machine that runs it; for a model its spec says so."""
    return _STEPS | {training_step(name): spec.resources for name, spec in model_specs().items()}


def resources_of(component: str) -> Resources:
    """What a component asks of the machine that runs it.

    Raises:
        AffektError: nobody has said.
    """
    rows = all_resources()
    if component not in rows:
        raise AffektError(
            f"no resources are named for the component {component!r}; add a row to affekt.pipelines.placement",
            code="no_resources",
        )
    return rows[component]


def image_of(resources: Resources) -> str:
    """The container image for what a step asks for."""
    return GPU_IMAGE if resources.gpus else IMAGE


def on_this_machine(task: Any) -> Any:
    """Leave a task as it is: on one machine there is nothing to choose (:mod:`affekt.pipelines.local` tries again)."""
    return task


def on_cluster(task: Any) -> Any:
    """Apply the component's resources to a task, and return the task."""
    row = resources_of(task.component_spec.name)
    task.set_cpu_request(row.cpu).set_cpu_limit(row.cpu).set_memory_request(row.memory).set_memory_limit(row.memory)
    task.set_container_image(image_of(row))
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
    kubernetes.empty_dir_mount(task, volume_name="cache", mount_path=CACHE, size_limit=row.disk)
    task.set_env_variable(IMAGE_VARIABLE, image_of(row))
    if waits := os.environ.get(patience.VARIABLE):
        task.set_env_variable(patience.VARIABLE, waits)
    for secret, keys in SECRETS.items():
        kubernetes.use_secret_as_env(task, secret, {key: key for key in keys}, optional=True)
    return task
