"""Whether an address is one for MLflow, and its server there, open and MLflow: its client takes minutes to say so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from affekt.errors import AffektError
from affekt.patience import patience, repeated
from affekt.progress import told_when_slow
from affekt.server_address import check_server_address
from affekt.storage import without_secrets

_ANSWER_WITHIN = 10
_LOGIN = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"


def check_address(uri: str, otherwise: str, variable: str = "MLFLOW_TRACKING_URI") -> None:
    """Whether MLflow can keep runs and models at an address, by the look of it.

    Args:
        uri: of a server or a database; or one that MLflow or one of its plugins knows by a scheme.
        otherwise: what to do where none is wanted.
        variable: of the environment, which names it.

    Raises:
        AffektError: ``tracking_address``: it is none, or the file store that MLflow has given up.
    """
    scheme, separator, rest = uri.partition(":")
    if scheme in ("http", "https"):
        try:
            check_server_address(uri)
        except ValueError as error:
            raise _no_address(uri, otherwise, variable) from error
    missing_slashes = scheme == "sqlite" and rest != "//" and not rest.startswith("///")
    files = scheme == "file" or not separator
    known = scheme.startswith("databricks") or (files and os.environ.get("MLFLOW_ALLOW_FILE_STORE") == "true")
    if not known and (files or missing_slashes or not rest.startswith("//")):
        raise _no_address(uri, otherwise, variable)


def _no_address(uri: str, otherwise: str, variable: str) -> AffektError:
    return AffektError(
        f"MLflow keeps nothing there; {variable} has to be the address of an MLflow server, like "
        f"http://127.0.0.1:5000, or of a database, like sqlite:////home/me/mlflow.db; mend it, or {otherwise}",
        code="tracking_address",
        where=without_secrets(uri),
    )


@contextmanager
def usable(where: str, otherwise: str) -> Iterator[None]:
    """Within it, what MLflow says of an address that it cannot use is one sentence.

    Args:
        where: the address as it may be shown.
        otherwise: what to do where none is wanted.

    Raises:
        AffektError: ``not_installed``: the driver of its database; ``tracking_address``: MLflow knows no such kind, or
            misses what it needs for it.
    """
    from mlflow.exceptions import MlflowException  # heavy: mlflow

    try:
        yield
    except ModuleNotFoundError as error:
        message = f"this needs the Python package {error.name}, which is not installed; install it, or {otherwise}"
        raise AffektError(message, code="not_installed", where=where) from error
    except MlflowException as error:
        said = " ".join(str(error).split()).partition(". ")[0]
        message = f"MLflow cannot use it ({said}); check MLFLOW_TRACKING_URI, or {otherwise}"
        raise AffektError(message, code="tracking_address", where=where) from error


def check_databricks(uri: str) -> None:
    """Look for the login of an address of Databricks, which MLflow does at the first question only.

    Raises:
        MlflowException: there is none.
    """
    if uri.startswith("databricks"):
        from mlflow.utils.databricks_utils import get_databricks_host_creds  # heavy: mlflow

        get_databricks_host_creds(uri)


def check_server(uri: str, otherwise: str) -> None:
    """Ask a tracking server one question, within a step as long as it takes until somebody answers.

    Args:
        uri: ``http://`` or ``https://``, perhaps with a login in it.
        otherwise: what to do where no server is wanted.

    Raises:
        AffektError: ``tracking_unreachable``, ``tracking_login`` or ``tracking_other`` as :func:`_check` says;
            ``unanswered``: nobody answered for as long as a step waits.
    """
    with told_when_slow(f"waiting for MLflow at {without_secrets(uri)}"):
        repeated(
            lambda: _check(uri, otherwise),
            lambda error: float("inf") if getattr(error, "code", "") == "tracking_unreachable" else 0.0,
            seconds=patience(),
            service="MLflow",
            where=without_secrets(uri),
        )


def _check(uri: str, otherwise: str) -> None:
    """Ask a tracking server one question with the login that MLflow's client would use.

    Args:
        uri: ``http://`` or ``https://``, perhaps with a login in it.
        otherwise: what to do where no server is wanted.

    Raises:
        AffektError: ``tracking_unreachable``: nobody answers; ``tracking_login``: it asks for a login, or refuses the
            one given; ``tracking_other``: what answers is not MLflow.
    """
    import requests  # a tenth of a second, and most registries are files

    where = without_secrets(uri)
    headers, login = _credentials()
    asked = f"{uri.rstrip('/')}/api/2.0/mlflow/experiments/search"
    try:
        answer = requests.get(
            asked, params={"max_results": "1"}, headers=headers, auth=login, timeout=_ANSWER_WITHIN,
            allow_redirects=False, verify=_trusted(),
        )  # fmt: skip
    except requests.RequestException as error:
        raise AffektError(
            f"no MLflow server answers at MLFLOW_TRACKING_URI; start it, or {otherwise}",
            code="tracking_unreachable",
            where=where,
        ) from error
    if answer.status_code in (408, 429, 502, 503, 504):
        raise AffektError(
            f"the MLflow server is not ready (HTTP {answer.status_code}); try again later, or {otherwise}",
            code="tracking_unreachable",
            where=where,
        )
    page = "json" not in answer.headers.get("Content-Type", "")
    if answer.status_code == 200 and page and not answer.content:
        raise AffektError(
            f"the answer of the MLflow server was cut off; check the way to it, or {otherwise}",
            code="tracking_unreachable",
            where=where,
        )
    if answer.status_code in (401, 403):
        given = "refuses the login" if login or headers else "asks for a login"
        raise AffektError(
            f"the MLflow server {given} (HTTP {answer.status_code}); set {_LOGIN}", code="tracking_login", where=where
        )
    if answer.is_redirect or (answer.ok and page):
        raise AffektError(
            "a page answers there in place of MLflow's API, as where people have to log in by a browser; set "
            f"{_LOGIN}, or name the address of the server behind it in MLFLOW_TRACKING_URI",
            code="tracking_login",
            where=where,
        )
    if page:
        raise AffektError(
            f"what answers there is no MLflow server (HTTP {answer.status_code}); check MLFLOW_TRACKING_URI",
            code="tracking_other",
            where=where,
        )


def _trusted() -> bool | str:
    """The certificates to trust, as MLflow's client is told them."""
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS") == "true":
        return False
    return os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or True


def _credentials() -> tuple[dict[str, str], tuple[str, str] | None]:
    name, password = os.environ.get("MLFLOW_TRACKING_USERNAME"), os.environ.get("MLFLOW_TRACKING_PASSWORD")
    if name and password:
        return {}, (name, password)
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return ({"Authorization": f"Bearer {token}"} if token else {}), None
