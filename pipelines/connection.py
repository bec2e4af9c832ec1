"""The way to Kubeflow Pipelines: kfp's client with time limits, harmless repeats, and errors that say what to do."""

from __future__ import annotations

import time
import warnings
from typing import Any

import urllib3
from kfp.client import Client
from kfp_server_api import ApiException
from kfp_server_api.rest import RESTClientObject
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError

from affekt.errors import AffektError
from affekt.pipelines.backend_version import check_backend
from affekt.pipelines.runners import Cluster
from affekt.progress import told_when_slow
from affekt.storage import without_secrets

#: Seconds that a connection, and then an answer, may take.
LIMITS = (10, 60)
#: Seconds between tries; there is one try more.
WAITS = (1.0, 2.0, 4.0)
#: The longest wait that a server may ask for.
_LONGEST = 30.0
_CHECK = "check KFP_ENDPOINT and the way to it (`kubectl port-forward -n kubeflow svc/ml-pipeline 8888`)"
#: What to do about an answer, by its status.
_REMEDY = {
    400: "it takes none such; the reason is in its words",
    401: "it wants a login; set KFP_TOKEN to a token that is valid",
    403: "whom KFP_TOKEN stands for may not do that; ask for the right, or set KFP_NAMESPACE to your own",
    404: "it does not know that; KFP_ENDPOINT has to be the API of Kubeflow Pipelines 2, KFP_NAMESPACE one of its own",
    409: "something of that name is there already; try again, or remove it there",
    429: "it has too much to do; try again later",
    503: "it is not ready; try again later",
}


class Uncertain(AffektError):
    """A request was sent whose answer is lost: it may have been done.

    Attributes:
        at_work: whether the other side may be at it still.
    """

    at_work = False


class _Guarded(RESTClientObject):  # type: ignore[misc]
    """The requests of the client of one address."""

    def __init__(self, configuration: Any, where: str) -> None:
        # Nobody follows a redirect to a login page, or repeats what may be done already.
        configuration.retries = urllib3.Retry(0, redirect=0, raise_on_redirect=False)
        super().__init__(configuration)
        self._where = where

    def request(self, method: str, url: str, **given: Any) -> Any:
        """Send a request; it is repeated where that does no harm."""
        given["_request_timeout"] = given.get("_request_timeout") or LIMITS
        for wait in (*WAITS, None):
            try:
                answer = super().request(method, url, **given)
            except ApiException as error:
                # 429 says that nothing was done; a reading or a removal may be repeated in any case.
                again = error.status == 429 or (method in ("GET", "DELETE") and error.status in (502, 503, 504))
                if again and wait is not None:
                    time.sleep(_asked_for(error) or wait)
                    continue
                raise self._refused(error, method) from error
            except (HTTPError, TimeoutError) as error:
                # Who takes the question and has said nothing for a minute is not asked for three minutes more.
                again = method in ("GET", "DELETE") and _reason(error) != "ReadTimeoutError"
                if wait is not None and (again or _not_sent(error)):
                    time.sleep(wait)
                    continue
                raise self._lost(error, method) from error
            if "html" in (answer.getheaders().get("Content-Type") or ""):
                raise self._login_page()
            return answer
        raise AssertionError  # the last try returns or raises

    def _refused(self, error: ApiException, method: str) -> AffektError:
        if 300 <= error.status < 400:
            return self._login_page()
        said = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
        remedy = _REMEDY.get(error.status, "try again later" if error.status >= 500 else "the reason is in its words")
        text = f"Kubeflow Pipelines refused this ({error.status} {error.reason}): {remedy}"
        text += f". It says: {' '.join(said.split())[:300]}" if said else ""
        if method == "POST" and error.status >= 500:
            lost = Uncertain(text, code="cluster_busy", where=self._where)
            lost.at_work = error.status == 504
            return lost
        code = "cluster_busy" if error.status in (429, 502, 503, 504) else "cluster_refused"
        return AffektError(text, code=code, where=self._where)

    def _lost(self, error: Exception, method: str) -> AffektError:
        if method == "POST" and not _not_sent(error):
            lost = Uncertain("the answer is lost", code="cluster_uncertain", where=self._where)
            lost.at_work = (
                isinstance(error, urllib3.exceptions.ReadTimeoutError) or _reason(error) == "ReadTimeoutError"
            )
            return lost
        if "Timeout" in _reason(error):
            text = f"Kubeflow Pipelines does not answer within {LIMITS[1]} s; it is overloaded or not there: {_CHECK}"
        else:
            text = f"no Kubeflow Pipelines API answers there; {_CHECK}"
        return AffektError(text, code="cluster_unreachable", where=self._where)

    def _login_page(self) -> AffektError:
        return AffektError(
            "a login page answers in place of the Kubeflow Pipelines API; set KFP_TOKEN, or name in KFP_ENDPOINT the "
            "address of the API itself (`kubectl port-forward -n kubeflow svc/ml-pipeline 8888`)",
            code="cluster_login",
            where=self._where,
        )


def _reason(error: Exception) -> str:
    inner = error.reason if isinstance(error, MaxRetryError) else error
    return type(inner).__name__


def _not_sent(error: Exception) -> bool:
    """Whether nothing can have arrived."""
    inner = error.reason if isinstance(error, MaxRetryError) else error
    return isinstance(inner, NewConnectionError | ConnectTimeoutError)


def _asked_for(error: ApiException) -> float:
    """Seconds that the server wants to be left alone; 0 where it says none."""
    said = (error.headers or {}).get("Retry-After", "")
    return min(float(said), _LONGEST) if said.isdigit() else 0.0


class _Client(Client):  # type: ignore[misc]
    """kfp's client, whose first request is guarded as all others are."""

    def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
        """What the API says of itself; kfp's own way to ask hides what is wrong for 25 seconds."""
        return self.guarded()._healthz_api.healthz_service_get_healthz()

    def guarded(self) -> _Client:
        """This, with guarded requests."""
        shared = self._run_api.api_client
        if not isinstance(shared.rest_client, _Guarded):
            shared.rest_client = _Guarded(shared.configuration, shared.configuration.host)
        return self


def connect(cluster: Cluster) -> Any:
    """A :class:`kfp.Client` of a cluster whose backend takes the pipeline.

    Raises:
        AffektError: ``cluster_unreachable``, ``cluster_login``, ``cluster_busy``, ``cluster_refused`` or
            ``cluster_too_old``, from the client's methods as well.
    """
    where = cluster.endpoint or "the cluster of this pod"
    with told_when_slow(f"waiting for Kubeflow Pipelines at {without_secrets(where)}"), warnings.catch_warnings():
        # That it is none for backends before 2.0, and takes https where an address has no scheme, which errors show.
        warnings.filterwarnings("ignore", module=r"kfp\.client")
        client = _Client(
            host=cluster.endpoint or None,
            existing_token=cluster.token or None,
            **({"namespace": cluster.namespace} if cluster.namespace else {}),
        ).guarded()
        check_backend(client, where)
    return client
