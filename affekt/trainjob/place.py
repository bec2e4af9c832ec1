"""What the nodes of a training ask of a cluster, and which pod asks: both stand in the environment of the step."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from affekt.errors import AffektError

#: Environment variable: a :class:`NodePlace` as JSON. A training step that finds it leaves the work to a TrainJob.
VARIABLE = "AFFEKT_TRAINJOB"
#: Environment variables in which the step's pod says who it is, and the fields of a pod that they are filled from.
OF_THE_POD = {
    "AFFEKT_POD_NAME": "metadata.name",
    "AFFEKT_POD_UID": "metadata.uid",
    "AFFEKT_POD_NAMESPACE": "metadata.namespace",
    "AFFEKT_POD_ACCOUNT": "spec.serviceAccountName",
}


@dataclass(frozen=True)
class NodePlace:
    """What each node of a training asks of a cluster.

    Attributes:
        nodes: how many there are.
        image: of the container.
        cpu: cores, ``"4"`` or ``"500m"``.
        memory: ``"8Gi"``.
        disk: of the pod's volume for copies of clips.
        cache: where that volume is mounted.
        timeout_seconds: after which the job is ended.
        shared_memory: of ``/dev/shm``; ``""`` for the container's own.
        gpus: accelerators of a node, each with a process; with 0 a node has one process on its cores.
        accelerator: their resource name.
        node_selector: labels that a node must have.
        node_affinity: what else its labels must or had better be, as Kubernetes has it.
        tolerations: taints that the pods put up with, fields as Kubernetes has them.
        secrets: keys by the name of a secret, each an environment variable; none has to be there.
        environment: further variables.
        labels: of the pods.
        queue: labels of the TrainJob, by which Kueue knows its queue and its priority there.
        runtime: the ClusterTrainingRuntime, which tells torchrun of the other nodes.
    """

    nodes: int
    image: str
    cpu: str
    memory: str
    disk: str
    cache: str
    timeout_seconds: int
    shared_memory: str = ""
    gpus: int = 1
    accelerator: str = "nvidia.com/gpu"
    node_selector: Mapping[str, str] = field(default_factory=dict)
    node_affinity: Mapping[str, Any] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, str], ...] = ()
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    queue: Mapping[str, str] = field(default_factory=dict)
    runtime: str = "torch-distributed"

    @property
    def processes_per_node(self) -> int:
        """One for each accelerator."""
        return max(1, self.gpus)

    @property
    def processes(self) -> int:
        """Of all nodes."""
        return self.nodes * self.processes_per_node

    def to_json(self) -> str:
        """As :data:`VARIABLE` holds it."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> NodePlace:
        """What :meth:`to_json` wrote.

        Raises:
            AffektError: it is something else.
        """
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError) as error:
            raise AffektError(
                f"is no description of nodes ({error}); compile the pipeline and run its image from one version",
                code="nodes",
                where=VARIABLE,
            ) from error


@dataclass(frozen=True)
class Owner:
    """The pod of the step: with it its TrainJob goes, whatever ends it.

    Attributes:
        name, uid: of the pod; empty where the step is none.
        namespace: where the TrainJob is to be.
        account: the service account of the pods.
    """

    name: str = ""
    uid: str = ""
    namespace: str = ""
    account: str = ""


def nodes_described() -> NodePlace | None:
    """What the environment says of nodes; None where the step trains by itself."""
    text = os.environ.get(VARIABLE, "")
    return NodePlace.from_json(text) if text else None


def owner_described() -> Owner:
    """Which pod this is, as the environment says."""
    return Owner(*(os.environ.get(name, "") for name in OF_THE_POD))
