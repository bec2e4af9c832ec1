"""Where the steps of a training run are started: processes or containers of this machine, or a cluster."""

from __future__ import annotations

import os
from dataclasses import dataclass

from affekt.components.image import IMAGE


@dataclass(frozen=True)
class Processes:
    """Every step is a process of this machine; needs nothing that is not installed with affekt."""


@dataclass(frozen=True)
class Containers:
    """Every step is a container of this machine's engine, which the variable ``DOCKER_HOST`` names.

    Attributes:
        image: that the steps run in; default :data:`affekt.components.image.IMAGE`.
    """

    image: str = IMAGE


@dataclass(frozen=True)
class Cluster:
    """Every step is a pod of a cluster with Kubeflow Pipelines.

    Attributes:
        endpoint: address of the Kubeflow Pipelines API; empty inside the cluster.
        store: root of the prepared store, an ``s3://`` address.
        token: that is sent with each request, where the endpoint asks for one.
        namespace: of the person, in an installation for many.
        service_account: that the pods run as; empty for the installation's own.
    """

    endpoint: str
    store: str
    token: str = ""
    namespace: str = ""
    service_account: str = ""


Runner = Processes | Containers | Cluster
#: What a run takes place in where nothing else is said.
HERE = Processes()


def runner_named(name: str) -> Runner:
    """The runner that ``--runner`` names; a cluster is described by the environment.

    The variables are ``KFP_ENDPOINT``, ``KFP_TOKEN``, ``KFP_NAMESPACE``, ``KFP_SERVICE_ACCOUNT`` and ``AFFEKT_STORE``.
    """
    if name == "docker":
        return Containers()
    if name == "cluster":
        given = {
            key: os.environ.get(f"KFP_{key.upper()}", "")
            for key in ("endpoint", "token", "namespace", "service_account")
        }
        return Cluster(store=os.environ.get("AFFEKT_STORE", ""), **given)
    return HERE
