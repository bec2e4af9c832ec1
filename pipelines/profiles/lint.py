"""What is wrong with a compiled pipeline that Kubeflow Pipelines would take all the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped]
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from affekt.pipelines.placement import NOTIFY, SECRETS
from affekt.trainjob.place import OF_THE_POD, VARIABLE, NodePlace

_VERSIONED = re.compile(r".+(?::(?!latest$)[\w][\w.-]*|@sha256:[0-9a-f]{64})", re.ASCII)
_INSTALLS = re.compile(r"\b(?:pip3?|uv|conda|apt(?:-get)?) +(?:install|add)\b")


def lint(spec: Mapping[str, Any], platform: Mapping[str, Any]) -> list[str]:
    """What is wrong, each with the step: both documents by their schemas, limits, images, secrets, volumes, programs.

    Args:
        spec: the first document of a compiled pipeline.
        platform: the second.
    """
    try:
        json_format.ParseDict(dict(spec), pipeline_spec_pb2.PipelineSpec())
    except json_format.ParseError as error:
        return [f"the pipeline is none by Kubeflow's schema: {error}"]
    settings = platform.get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
    problems = []
    for name, executor in spec["deploymentSpec"]["executors"].items():
        step = name.removeprefix("exec-")
        problems += [f"{step}: {problem}" for problem in _of(executor.get("container", {}), settings.get(name, {}))]
    return problems


def _of(container: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    try:
        json_format.ParseDict(dict(settings), kubernetes_executor_config_pb2.KubernetesExecutorConfig())
    except json_format.ParseError as error:
        yield f"its settings are none by the schema: {error}"
        return
    for variable in container.get("env", []):
        if variable["name"] == VARIABLE:
            yield from _of_nodes(NodePlace.from_json(variable["value"]), settings)
    limits = container.get("resources", {})
    for kind in ("Cpu", "Memory"):
        for side in ("Request", "Limit"):
            if not limits.get(f"resource{kind}{side}"):
                yield f"no {side.lower()} of {kind.lower()}"
    if not _VERSIONED.fullmatch(container.get("image", "")):
        yield f"the image {container.get('image')!r} has neither a version nor a digest"
    if _INSTALLS.search(" ".join([*container.get("command", []), *container.get("args", [])])):
        yield "it installs packages when it runs"
    if not settings.get("activeDeadlineSeconds"):
        yield "no time limit"
    for secret in settings.get("secretAsEnv", []):
        name = secret.get("secretName") or secret.get("secretNameParameter", {}).get("runtimeValue", {}).get("constant")
        if name not in (*SECRETS, *NOTIFY):
            yield f"the secret {name} is none of those that are documented: {', '.join((*SECRETS, *NOTIFY))}"
    for mount in settings.get("emptyDirMounts", []):
        if not mount.get("sizeLimit"):
            yield f"the volume {mount.get('volumeName')} has no bound"
    if settings.get("pvcMount"):
        yield "it mounts a claim, and none is part of an installation"
    accelerator = limits.get("accelerator")
    if accelerator and not any(mount.get("mountPath") == "/dev/shm" for mount in settings.get("emptyDirMounts", [])):
        yield "an accelerator without shared memory: the loader's processes would fail on the 64 MiB of a container"


def _of_nodes(place: NodePlace, settings: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the nodes that a step starts."""
    if not _VERSIONED.fullmatch(place.image):
        yield f"the image of its nodes {place.image!r} has neither a version nor a digest"
    for secret in set(place.secrets) - set(SECRETS):
        yield f"the secret {secret} of its nodes is none of those that are documented: {', '.join(SECRETS)}"
    if place.gpus and not place.shared_memory:
        yield "its nodes have accelerators without shared memory: the loader's processes would fail on 64 MiB"
    if {each.get("name") for each in settings.get("fieldPathAsEnv", [])} < set(OF_THE_POD):
        yield "it does not know its own pod, with which its TrainJob has to go"
