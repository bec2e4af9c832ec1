"""One node of a TrainJob, by what Kubernetes says of its pod: whether it runs, waits, ended, or was taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from affekt.trainjob.manifest import NODE

_INDEX = "batch.kubernetes.io/job-completion-index"
#: Reasons of a pod's own status by which its node, and not its program, ended it.
_TAKEN = ("Evicted", "Preempting", "NodeLost", "NodeShutdown", "Terminated", "NodeAffinity", "Shutdown")


@dataclass(frozen=True)
class Node:
    """What is known of a node.

    Attributes:
        pod, uid: of its pod.
        number: of the node, from 0; the first one's processes report.
        started: whether its container has run, so that it has a log.
        waits: why it does not run yet; ``""`` where that is not known, or it does.
        taken: why it was taken away by the cluster: preempted, evicted, its machine drained; ``""`` where it was not.
        deleted: whether its pod is told to go, or gone, before its work was done; by whom is not known.
        exit_code: with which its container ended, the last one where it was started again; None before that.
        no_memory: whether that was for want of memory.
    """

    pod: str
    uid: str
    number: int
    started: bool = False
    waits: str = ""
    taken: str = ""
    deleted: bool = False
    exit_code: int | None = None
    no_memory: bool = False

    @property
    def well(self) -> bool:
        """Whether nothing ended it before its work was done."""
        return not self.taken and not self.deleted and not self.exit_code


def node_of(pod: Mapping[str, Any], *, deleted: bool = False) -> Node:
    """What a pod, as the API has it, says of a node.

    Args:
        pod: the object.
        deleted: whether it is gone.
    """
    metadata, status = pod["metadata"], pod.get("status") or {}
    labels = {**(metadata.get("annotations") or {}), **(metadata.get("labels") or {})}
    containers = [each for each in status.get("containerStatuses") or () if each["name"] == NODE]
    container: Mapping[str, Any] = containers[0] if containers else {}
    state, before = container.get("state") or {}, container.get("lastState") or {}
    ended: Mapping[str, Any] = state.get("terminated") or before.get("terminated") or {}
    done = status.get("phase") == "Succeeded"
    return Node(
        pod=metadata["name"],
        uid=metadata["uid"],
        number=int(labels.get(_INDEX, 0)),
        started=bool(ended) or state.get("running") is not None,
        waits=_waits(status, state),
        taken="" if done else _taken(status),
        deleted=not done and (deleted or bool(metadata.get("deletionTimestamp"))),
        exit_code=ended["exitCode"] if ended else (1 if status.get("phase") == "Failed" else None),
        no_memory=ended.get("reason") == "OOMKilled",
    )


def _taken(status: Mapping[str, Any]) -> str:
    for condition in status.get("conditions") or ():
        if condition["type"] == "DisruptionTarget" and condition["status"] == "True":
            return ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))
    if status.get("reason") in _TAKEN:
        return ": ".join(filter(None, (status["reason"], status.get("message"))))
    return ""


def _waits(status: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    if waiting := state.get("waiting"):
        if waiting.get("reason") in (None, "ContainerCreating", "PodInitializing"):
            return ""
        return ": ".join(filter(None, (waiting["reason"], waiting.get("message"))))
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))
    return ""
