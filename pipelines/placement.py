"""Where each step runs: image, CPU, memory, GPU, shared memory, retries and time limit, as data in one place."""

from __future__ import annotations

import os
from typing import Any

from affekt.components.image import IMAGE
from affekt.errors import AffektError
from affekt.extensions import Resources, model_specs

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
#: The secret of the step that tells of a scheduled run's end: addresses, and what webhooks are signed with.
NOTIFY = {"affekt-notify": ("AFFEKT_WEBHOOK", "AFFEKT_SLACK", "AFFEKT_WEBHOOK_SECRET")}
#: Where the images keep copies of prepared clips (:func:`affekt.home.home`): a volume of the pod, of a bounded size.
CACHE = "/var/lib/affekt/cache"
#: GiB of a step's disk that are left beside the copies, for what is decoded of them.
BESIDE_COPIES = 8

_LIGHT = Resources()

#: What the steps ask for that are there whichever models are trained, by component.
_STEPS: dict[str, Resources] = {
    "look": Resources(memory="4Gi"),
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
    "score": Resources(cpu="4", memory="8Gi", disk="40Gi", timeout_seconds=24 * 3600),
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


def trained_together(component: str) -> bool:
    """Whether it is a component that trains a model in several processes, which may be on several machines."""
    return component in {training_step(name) for name, spec in model_specs().items() if spec.processes}


def on_this_machine(task: Any) -> Any:
    """Leave a task as it is: on one machine there is nothing to choose (:mod:`affekt.pipelines.local` tries again)."""
    return task
