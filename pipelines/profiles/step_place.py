"""What a step asks of a cluster, and the checks of single values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

_QUANTITY = re.compile(r"[1-9][0-9]*(?:Mi|Gi|Ti)")
_CPU = re.compile(r"[1-9][0-9]*m?")
_LABEL = re.compile(r"(?:[a-z0-9][a-z0-9.-]{0,252}/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?", re.ASCII)
_IMAGE = re.compile(r"[a-z0-9][\w.:/-]*(?::(?!latest$)[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})", re.ASCII)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")
_OPERATORS = {"In": True, "NotIn": True, "Gt": True, "Lt": True, "Exists": False, "DoesNotExist": False}
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


@dataclass(frozen=True)
class Toleration:
    """A taint that a pod puts up with; fields as Kubernetes has them."""

    key: str
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


@dataclass(frozen=True)
class Affinity:
    """What the label of a node must be, or with a weight, what it had better be; fields as Kubernetes has them."""

    key: str
    operator: str
    values: tuple[str, ...] = ()
    weight: int = 0

    @property
    def expression(self) -> dict[str, Any]:
        """As Kubernetes writes it."""
        values = {"values": list(self.values)} if self.values else {}
        return {"key": self.key, "operator": self.operator, **values}


@dataclass(frozen=True)
class StepPlace:
    """What a step asks of a cluster.

    Attributes:
        cpu: cores, ``"4"`` or ``"500m"``.
        memory: ``"8Gi"``.
        disk: of the pod's volume for copies of clips.
        shared_memory: of ``/dev/shm``; ``""`` for the container's own.
        gpus: accelerators.
        accelerator: their resource name.
        nodes: how many machines of that kind train together, as a TrainJob of Kubeflow Trainer beyond one.
        image: of the container; ``""`` for affekt's own.
        node_selector: labels that a node must have.
        node_affinity: what else its labels must be, all of it, or had better be.
        tolerations: taints that the pod puts up with.
        queue: the LocalQueue of Kueue that admits its pods; ``""`` for none.
        priority: the WorkloadPriorityClass of Kueue, which says who goes first in that queue; ``""`` for none.
        retries: how often it is tried again.
        timeout_seconds: after which it is ended.
    """

    cpu: str = "1"
    memory: str = "2Gi"
    disk: str = "8Gi"
    shared_memory: str = ""
    gpus: int = 0
    accelerator: str = "nvidia.com/gpu"
    nodes: int = 1
    image: str = ""
    node_selector: tuple[tuple[str, str], ...] = ()
    node_affinity: tuple[Affinity, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    queue: str = ""
    priority: str = ""
    retries: int = 2
    timeout_seconds: int = 3600

    @property
    def queued(self) -> dict[str, str]:
        """The labels by which Kueue knows queue and priority."""
        said = {"queue-name": self.queue, "priority-class": self.priority}
        return {f"kueue.x-k8s.io/{key}": value for key, value in said.items() if value}

    @property
    def required(self) -> list[dict[str, Any]]:
        """What the labels of a node must be, as expressions of Kubernetes that all have to hold."""
        return [each.expression for each in self.node_affinity if not each.weight]

    @property
    def preferred(self) -> list[tuple[int, dict[str, Any]]]:
        """What they had better be, each with its weight."""
        return [(each.weight, each.expression) for each in self.node_affinity if each.weight]

    def changed(self, values: Mapping[str, Any]) -> StepPlace:
        """The same with other values, as a profile's file has them.

        Raises:
            ValueError: says which value cannot be.
        """
        known = [field.name for field in fields(self)]
        for key in values:
            if key not in known:
                raise ValueError(f"{key} is not known; expected {', '.join(known)}")
        found = replace(self, **{key: _READ[key](key, value) for key, value in values.items()})
        # Without accelerators there is nothing for the loader to feed, and no tainted node to go to.
        return replace(found, shared_memory="") if self.gpus and not found.gpus else found


def _matches(pattern: re.Pattern[str], expected: str) -> Callable[[str, Any], str]:
    def read(key: str, value: Any) -> str:
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if not pattern.fullmatch(text):
            raise ValueError(f"{key} is {value!r}; expected {expected}")
        return text

    return read


def _whole(least: int, most: int) -> Callable[[str, Any], int]:
    def read(key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"{key} is {value!r}; expected a whole number from {least} to {most}")
        return value

    return read


def _selector(key: str, value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) and _LABEL.fullmatch(name) and isinstance(each, str) for name, each in value.items()
    ):
        raise ValueError(f"{key} is {value!r}; expected label: value, both texts (quote true and numbers)")
    return tuple(sorted(value.items()))


def _affinity(key: str, value: Any) -> tuple[Affinity, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{key} is {value!r}; expected a list of key, operator, values, weight")
    found = []
    for each in value:
        known = {"key", "operator", "values", "weight"}
        if not isinstance(each, Mapping) or not {"key", "operator"} <= set(each) <= known:
            raise ValueError(f"{key}: {each!r}; expected key, operator, values, weight")
        values, weight, operator = each.get("values", []), each.get("weight", 0), each["operator"]
        if not isinstance(each["key"], str) or not _LABEL.fullmatch(each["key"]) or operator not in _OPERATORS:
            raise ValueError(f"{key}: {each!r}; expected the key of a label and one of {', '.join(_OPERATORS)}")
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise ValueError(f"{key}: {each!r}; expected values as texts (quote true and numbers)")
        if _OPERATORS[operator] != bool(values):
            wanted = "values" if _OPERATORS[operator] else "no values"
            raise ValueError(f"{key}: {each!r}; with the operator {operator} there are {wanted}")
        if operator in ("Gt", "Lt") and not (len(values) == 1 and values[0].lstrip("-").isdigit()):
            raise ValueError(f"{key}: {each!r}; with the operator {operator} there is one whole number, as a text")
        if "weight" in each and (isinstance(weight, bool) or not isinstance(weight, int) or not 1 <= weight <= 100):
            raise ValueError(f"{key}: {each!r}; expected a weight from 1 to 100, or none where it must hold")
        found.append(Affinity(each["key"], operator, tuple(values), weight))
    return tuple(found)


def _tolerations(key: str, value: Any) -> tuple[Toleration, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{key} is {value!r}; expected a list of key, operator, value, effect")
    found = []
    for each in value:
        allowed = {field.name for field in fields(Toleration)}
        if not isinstance(each, Mapping) or set(each) - allowed or not isinstance(each.get("key"), str):
            raise ValueError(f"{key}: {each!r}; expected key, operator, value, effect")
        if not all(isinstance(text, str) for text in each.values()):
            raise ValueError(f"{key}: {each!r}; expected texts (quote true and numbers)")
        one = Toleration(**each)
        if one.operator not in ("Equal", "Exists") or (one.effect and one.effect not in _EFFECTS):
            raise ValueError(f"{key}: {each!r}; expected the operator Equal or Exists, and an effect of Kubernetes")
        if one.operator == "Exists" and one.value:
            raise ValueError(f"{key}: {each!r}; with the operator Exists there is no value")
        found.append(one)
    return tuple(found)


_SIZE = _matches(_QUANTITY, "Mi, Gi or Ti, like 8Gi")
#: How each value is read.
_READ: dict[str, Callable[[str, Any], Any]] = {
    "cpu": _matches(_CPU, "cores, like 4 or 500m"),
    "memory": _SIZE,
    "disk": _SIZE,
    "shared_memory": _SIZE,
    "gpus": _whole(0, 64),
    "nodes": _whole(1, 64),
    "accelerator": _matches(_LABEL, "the name of a resource, like nvidia.com/gpu or amd.com/gpu"),
    "image": _matches(_IMAGE, "an image with a version or a digest, not latest"),
    "node_selector": _selector,
    "node_affinity": _affinity,
    "tolerations": _tolerations,
    "queue": _matches(_NAME, "the name of a LocalQueue of Kueue"),
    "priority": _matches(_NAME, "the name of a WorkloadPriorityClass of Kueue"),
    "retries": _whole(0, 100),
    "timeout_seconds": _whole(60, 30 * 86400),
}
