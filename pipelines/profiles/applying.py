"""Makes a task of the pipeline ask for what a profile says of its step."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from kfp import kubernetes

from affekt import patience
from affekt.components.image import IMAGE
from affekt.pipelines.placement import CACHE, GPU_IMAGE, NOTIFY, SECRETS
from affekt.pipelines.profiles.profile import Profile, read_profile
from affekt.pipelines.profiles.step_place import StepPlace, Toleration
from affekt.steps.step_image import IMAGE_VARIABLE
from affekt.trainjob.place import OF_THE_POD, VARIABLE, NodePlace


def on_cluster(task: Any) -> Any:
    """Apply what the default profile says to a task, and return the task."""
    return placed_by(read_profile())(task)


def placed_by(profile: Profile, labels: Mapping[str, str] | None = None) -> Callable[[Any], Any]:
    """What applies a profile to a task, and returns the task.

    Args:
        profile: what the steps ask for.
        labels: of all pods, those of a training on several nodes included.
    """

    def place(task: Any) -> Any:
        step = task.component_spec.name
        asked = profile.place(step)
        pod = profile.follower(step) if asked.nodes > 1 else asked
        _ask(task, pod)
        if asked.nodes > 1:
            task.set_env_variable(VARIABLE, nodes_of(asked, labels or {}).to_json())
            for name, path in OF_THE_POD.items():
                kubernetes.use_field_path_as_env(task, name, path)
        for key, value in {**(labels or {}), **pod.queued}.items():
            kubernetes.add_pod_label(task, key, value)
        return task

    return place


def nodes_of(asked: StepPlace, labels: Mapping[str, str]) -> NodePlace:
    """What each node of a training on several asks for, as its step hands it to the cluster."""
    image = _image(asked)
    return NodePlace(
        nodes=asked.nodes,
        image=image,
        cpu=asked.cpu,
        memory=asked.memory,
        disk=asked.disk,
        cache=CACHE,
        timeout_seconds=asked.timeout_seconds,
        shared_memory=asked.shared_memory,
        gpus=asked.gpus,
        accelerator=asked.accelerator,
        node_selector=dict(asked.node_selector),
        node_affinity=_node_affinity(asked),
        tolerations=tuple(_fields(each) for each in asked.tolerations),
        secrets=SECRETS,
        environment={IMAGE_VARIABLE: image},
        labels=labels,
        queue=asked.queued,
    )


def _node_affinity(asked: StepPlace) -> dict[str, Any]:
    """As the pod of a node has it."""
    required = {"nodeSelectorTerms": [{"matchExpressions": asked.required}]} if asked.required else None
    preferred = [{"weight": weight, "preference": {"matchExpressions": [each]}} for weight, each in asked.preferred]
    said = {
        "requiredDuringSchedulingIgnoredDuringExecution": required,
        "preferredDuringSchedulingIgnoredDuringExecution": preferred,
    }
    return {name: value for name, value in said.items() if value}


def _fields(toleration: Toleration) -> dict[str, str]:
    given = {"key": toleration.key, "operator": toleration.operator, "value": toleration.value}
    return {name: value for name, value in {**given, "effect": toleration.effect}.items() if value}


def _image(asked: StepPlace) -> str:
    return asked.image or (GPU_IMAGE if asked.gpus else IMAGE)


def _ask(task: Any, asked: StepPlace) -> None:
    task.set_cpu_request(asked.cpu).set_cpu_limit(asked.cpu)
    task.set_memory_request(asked.memory).set_memory_limit(asked.memory)
    image = _image(asked)
    task.set_container_image(image)
    # The prepared store is the cache. Kubeflow's would take new files at an old address for the old ones, and a
    # submission cannot switch it off for tasks inside of an exit handler or a loop.
    task.set_caching_options(False)
    if asked.retries:
        task.set_retry(num_retries=asked.retries, backoff_duration="30s", backoff_factor=2, backoff_max_duration="600s")
    kubernetes.set_timeout(task, asked.timeout_seconds)
    if asked.gpus:
        task.set_accelerator_type(asked.accelerator).set_accelerator_limit(asked.gpus)
    for each in asked.tolerations:
        kubernetes.add_toleration(
            task, key=each.key, operator=each.operator, value=each.value or None, effect=each.effect or None
        )
    for key, value in asked.node_selector:
        kubernetes.add_node_selector(task, key, value)
    if asked.required:  # in one term: of several Kubernetes takes any
        kubernetes.add_node_affinity(task, match_expressions=asked.required)
    for weight, expression in asked.preferred:
        kubernetes.add_node_affinity(task, match_expressions=[expression], weight=weight)
    if asked.shared_memory:
        kubernetes.empty_dir_mount(
            task, volume_name="shm", mount_path="/dev/shm", medium="Memory", size_limit=asked.shared_memory
        )
    kubernetes.empty_dir_mount(task, volume_name="cache", mount_path=CACHE, size_limit=asked.disk)
    task.set_env_variable(IMAGE_VARIABLE, image)
    if waits := os.environ.get(patience.VARIABLE):
        task.set_env_variable(patience.VARIABLE, waits)
    told = NOTIFY if task.component_spec.name == "finish" else {}
    for secret, keys in {**SECRETS, **told}.items():
        kubernetes.use_secret_as_env(task, secret, {key: key for key in keys}, optional=True)
