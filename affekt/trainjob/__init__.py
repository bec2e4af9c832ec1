"""A training on several nodes as a TrainJob of Kubeflow Trainer: what nodes ask for, manifest, the cluster's API."""

from affekt.trainjob.cluster import Cluster, connect
from affekt.trainjob.manifest import ATTEMPT, GRACE, MANAGER, train_job
from affekt.trainjob.node import Node, node_of
from affekt.trainjob.place import (
    OF_THE_POD,
    VARIABLE,
    NodePlace,
    Owner,
    nodes_described,
    owner_described,
)

__all__ = [
    "ATTEMPT",
    "GRACE",
    "MANAGER",
    "OF_THE_POD",
    "VARIABLE",
    "Cluster",
    "Node",
    "NodePlace",
    "Owner",
    "connect",
    "node_of",
    "nodes_described",
    "owner_described",
    "train_job",
]
