"""What is asked over the network or lies beside it: ports, the registry, S3, Kubeflow Pipelines."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

from affekt.errors import AffektError
from affekt.home import state_folder
from affekt.pipelines.doctor.finding import MISSING, NOTE, OK, Finding
from affekt.storage import without_secrets

_GROUP = "services"
#: Ports that commands take where none is named, and how to name another. TorchServe's management (8081) and metrics
#: (8082) are on free ports under ``affekt serve``; the serving image has them.
_PORTS = {
    8080: "affekt serve --port N",
    8081: "only a TorchServe of your own needs it",
    8082: "only the serving image needs it",
    5000: "mlflow ui --port N",
}


def findings() -> Iterator[Finding]:
    """The ports, the registry, and what the environment names."""
    for port, other in _PORTS.items():
        yield _port(port, other)
    yield _registry()
    yield _s3()
    if endpoint := os.environ.get("KFP_ENDPOINT"):
        yield _kubeflow(endpoint)


def _port(port: int, other: str) -> Finding:
    from affekt.serving.running import find_server  # an extra

    name = f"port {port}"
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError as error:
            if find_server(f"http://127.0.0.1:{port}", state_folder()):
                return Finding(_GROUP, name, OK, "taken by affekt serve")
            return Finding(_GROUP, name, NOTE, f"cannot be had ({error.strerror})", other)
    return Finding(_GROUP, name, OK, "free")


def _registry() -> Finding:
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    shown = without_secrets(uri) if uri else f"{state_folder() / 'mlflow.db'}"
    if not uri and not (state_folder() / "mlflow.db").is_file():  # and no folder is made for it
        return Finding(_GROUP, "registry", OK, f"{shown}: made by the first training")
    try:
        from affekt.registry import Tracking, list_models  # heavy: MLflow

        found = list_models(Tracking())
    except Exception as error:  # whatever MLflow, its database or the network raise
        text = error.message if isinstance(error, AffektError) else " ".join(str(error).split())[:200]
        return Finding(_GROUP, "registry", MISSING, f"{shown}: {text}", _advice(error, uri), needed=True)
    champions = [version.reference for version in found if "champion" in version.aliases]
    named = f", champion {', '.join(champions)}" if champions else ", no champion"
    return Finding(_GROUP, "registry", OK, f"{shown}: {len(found)} registered{named}", needed=True)


def _advice(error: Exception, uri: str) -> str:
    if isinstance(error, ImportError):
        return "pip install 'affekt[serve]'"
    if isinstance(error, AffektError):
        return ""  # it says what to do
    return "check MLFLOW_TRACKING_URI and its credentials" if uri else "move the file away, or name another AFFEKT_HOME"


def _s3() -> Finding:
    import botocore.session  # a third of a second

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    where = f" for {without_secrets(endpoint)}" if endpoint else ""
    try:
        found = botocore.session.Session().get_credentials()
    except Exception as error:  # a damaged file, a profile that is not there
        return Finding(_GROUP, "s3", NOTE, f"credentials cannot be read ({error})", "mend or unset AWS_PROFILE")
    if found is None:
        remedy = "for s3:// set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        return Finding(_GROUP, "s3", NOTE, f"no credentials{where}; only s3:// addresses need them", remedy)
    return Finding(_GROUP, "s3", OK, f"credentials from {found.method}{where}")


def _kubeflow(endpoint: str) -> Finding:
    import requests  # heavy: requests

    shown = without_secrets(endpoint)
    try:
        answer = requests.get(f"{endpoint.rstrip('/')}/apis/v2beta1/healthz", timeout=5)
        answer.raise_for_status()
    except requests.RequestException as error:
        text = f"{shown} does not answer ({type(error).__name__})"
        return Finding(_GROUP, "kubeflow", MISSING, text, "check KFP_ENDPOINT, or unset it")
    return Finding(_GROUP, "kubeflow", OK, f"{shown} answers")
