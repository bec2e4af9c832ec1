"""Where the steps of a training run are started: processes or containers of this machine, or a cluster."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from affekt.components.image import IMAGE
from affekt.dataset.several import places_of
from affekt.errors import AffektError
from affekt.home import state_folder
from affekt.storage import is_remote, secrets_hidden, without_secrets

_IN_A_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


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


def cluster_described() -> Cluster:
    """The cluster of the environment, as :func:`runner_named` says."""
    given = {
        key: os.environ.get(f"KFP_{key.upper()}", "") for key in ("endpoint", "token", "namespace", "service_account")
    }
    return Cluster(store=os.environ.get("AFFEKT_STORE", ""), **given)


def runner_named(name: str) -> Runner:
    """The runner that ``--runner`` names; a cluster is described by the environment.

    The variables are ``KFP_ENDPOINT``, ``KFP_TOKEN``, ``KFP_NAMESPACE``, ``KFP_SERVICE_ACCOUNT`` and ``AFFEKT_STORE``.
    """
    if name == "docker":
        return Containers()
    if name == "cluster":
        return cluster_described()
    return HERE


def check_reachable_from_pods(cluster: Cluster, *, data: str, faces: str = "", tracking_uri: str | None = None) -> None:
    """Check that there is an endpoint, and that all places of a run are such that a pod elsewhere can use them.

    Args:
        cluster: where it is to run.
        data: what is learned from.
        faces: further face images, or ``""``.
        tracking_uri: MLflow's address; default that of ``MLFLOW_TRACKING_URI``, else the database of this machine.

    Raises:
        AffektError: lists everything that is missing or local.
    """
    tracking = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{state_folder() / 'mlflow.db'}"
    problems = []
    if not cluster.endpoint and not _IN_A_POD.is_file():
        problems.append("KFP_ENDPOINT is not set: the address of the Kubeflow Pipelines API, like http://host:8888")
    problems += [f"DATA is {place!r}: expected an s3:// address" for place in places_of(data) if not is_remote(place)]
    if faces and not is_remote(faces):
        problems.append(f"--faces is {faces!r}: expected an s3:// address")
    if not is_remote(cluster.store):
        problems.append(f"AFFEKT_STORE is {cluster.store!r}: expected an s3:// address for the prepared clips")
    if not tracking.startswith(("http://", "https://")):
        problems.append(
            f"MLFLOW_TRACKING_URI is {without_secrets(tracking)!r}: expected the http(s) address of an MLflow server"
        )
    if secrets_hidden(tracking) != tracking:
        problems.append(
            f"MLFLOW_TRACKING_URI is {secrets_hidden(tracking)!r}: whoever sees a run sees this; put the login "
            "into the secret affekt-login (docs/operations.md), and leave it out of the address"
        )
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        raise AffektError(f"the pods of a cluster cannot be started like this:\n{listed}", code="not_remote")
