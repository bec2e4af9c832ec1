"""Makes a task of the pipeline ask for what a profile says of its step."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from kfp import kubernetes

from affekt import patience
from affekt.components.image import IMAGE
from affekt.pipelines.placement import CACHE, GPU_IMAGE, SECRETS
from affekt.pipelines.profiles.profile import Profile, read_profile
from affekt.steps.register import IMAGE_VARIABLE


def on_cluster(task: Any) -> Any:
    """Apply what the default profile says to a task, and return the task."""
    return placed_by(read_profile())(task)


def placed_by(profile: Profile) -> Callable[[Any], Any]:
    """What applies a profile to a task, and returns the task."""

    def place(task: Any) -> Any:
        asked = profile.place(task.component_spec.name)
        task.set_cpu_request(asked.cpu).set_cpu_limit(asked.cpu)
        task.set_memory_request(asked.memory).set_memory_limit(asked.memory)
        image = asked.image or (GPU_IMAGE if asked.gpus else IMAGE)
        task.set_container_image(image)
        # The prepared store is the cache. Kubeflow's would take new files at an old address for the old ones, and a
        # submission cannot switch it off for tasks inside of an exit handler or a loop.
        task.set_caching_options(False)
        if asked.retries:
            task.set_retry(
                num_retries=asked.retries, backoff_duration="30s", backoff_factor=2, backoff_max_duration="600s"
            )
        kubernetes.set_timeout(task, asked.timeout_seconds)
        if asked.gpus:
            task.set_accelerator_type(asked.accelerator).set_accelerator_limit(asked.gpus)
        for each in asked.tolerations:
            kubernetes.add_toleration(
                task, key=each.key, operator=each.operator, value=each.value or None, effect=each.effect or None
            )
        for key, value in asked.node_selector:
            kubernetes.add_node_selector(task, key, value)
        if asked.shared_memory:
            kubernetes.empty_dir_mount(
                task, volume_name="shm", mount_path="/dev/shm", medium="Memory", size_limit=asked.shared_memory
            )
        kubernetes.empty_dir_mount(task, volume_name="cache", mount_path=CACHE, size_limit=asked.disk)
        task.set_env_variable(IMAGE_VARIABLE, image)
        if waits := os.environ.get(patience.VARIABLE):
            task.set_env_variable(patience.VARIABLE, waits)
        for secret, keys in SECRETS.items():
            kubernetes.use_secret_as_env(task, secret, {key: key for key in keys}, optional=True)
        return task

    return place
