"""The API of a Kubernetes cluster, as far as a training on several nodes needs it: TrainJobs, pods, logs."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from affekt.errors import AffektError
from affekt.patience import patience, repeated
from affekt.trainjob.manifest import NODE
from affekt.trainjob.place import Owner

if TYPE_CHECKING:
    from kubernetes.client import ApiException

T = TypeVar("T")
logger = logging.getLogger(__name__)

_JOBS = {"group": "trainer.kubeflow.org", "version": "v1alpha1", "plural": "trainjobs"}
#: Seconds for a connection, and for an answer; those of a log may be far apart.
_LIMITS, _LOG_LIMITS = (10, 60), (10, 300)
#: How long it is tried where no step says how patient to be, seconds.
_PATIENCE = 30.0
#: What to do about an answer, by its status.
_REMEDY = {
    401: "it does not know the account of this pod; look at the service account's token",
    403: "the account of this pod may not do that; infra/kubernetes/base/pipeline/role.yaml has the rights that it "
    "needs",
    404: "Kubeflow Trainer 2.3 or later is not installed there, or the namespace is gone",
    409: "something of that name is there that this step did not make; remove it there",
    410: "what was asked for is too old by now; try again",
    429: "it has too much to do; try again later",
}
_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class AlreadyThereError(Exception):
    """A TrainJob of that name is there."""


class Cluster:
    """One namespace of a cluster. Get it by :func:`connect`.

    All methods repeat what does no harm to repeat while nobody answers, as :mod:`affekt.patience` says, and raise
    AffektError (``cluster_refused``, ``unanswered``) for what stays.
    """

    def __init__(self, api: Any, namespace: str) -> None:
        from kubernetes import client  # heavy: a second, and an extra: cluster

        self.namespace = namespace
        self.where = f"{api.configuration.host}, namespace {namespace}"
        self._jobs, self._core = client.CustomObjectsApi(api), client.CoreV1Api(api)

    def create(self, manifest: Mapping[str, Any]) -> None:
        """Make a TrainJob; a field that the cluster does not know is refused, not dropped.

        Raises:
            AlreadyThereError: there is one of that name, maybe by this very call, whose first answer was lost.
        """
        try:
            self._asked(
                lambda: self._jobs.create_namespaced_custom_object(
                    **_JOBS,
                    namespace=self.namespace,
                    body=manifest,
                    field_validation="Strict",
                    _request_timeout=_LIMITS,
                )
            )
        except AffektError as error:
            if _status(error.__cause__) == 409:
                raise AlreadyThereError from error
            raise

    def job(self, name: str) -> dict[str, Any] | None:
        """A TrainJob; None where there is none."""
        try:
            found: dict[str, Any] = self._asked(
                lambda: self._jobs.get_namespaced_custom_object(
                    **_JOBS, namespace=self.namespace, name=name, _request_timeout=_LIMITS
                )
            )
        except AffektError as error:
            if _status(error.__cause__) == 404:
                return None
            raise
        return found

    def delete(self, name: str) -> None:
        """Remove a TrainJob with all that belongs to it: it stays in sight until its pods are gone."""
        try:
            self._asked(
                lambda: self._jobs.delete_namespaced_custom_object(
                    **_JOBS,
                    namespace=self.namespace,
                    name=name,
                    propagation_policy="Foreground",
                    _request_timeout=_LIMITS,
                )
            )
        except AffektError as error:
            if _status(error.__cause__) != 404:
                raise

    def pods(self, name: str) -> tuple[list[dict[str, Any]], str]:
        """The pods of a TrainJob, and the version from which on to watch them."""
        answer = self._asked(
            lambda: self._core.list_namespaced_pod(
                self.namespace, label_selector=_of(name), _preload_content=False, _request_timeout=_LIMITS
            )
        )
        found = json.loads(answer.data)
        return found["items"], found["metadata"]["resourceVersion"]

    def pod_changes(self, name: str, version: str, seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
        """What becomes of a TrainJob's pods, for so many seconds: ``ADDED``, ``MODIFIED`` or ``DELETED``, and the pod.

        A watch that is cut, or whose version is too old (410), ends early; list the pods again then.
        """
        from kubernetes import client, watch  # heavy, as above
        from urllib3.exceptions import HTTPError  # comes with it

        try:
            for event in watch.Watch().stream(
                self._core.list_namespaced_pod,
                self.namespace,
                label_selector=_of(name),
                resource_version=version,
                timeout_seconds=max(1, round(seconds)),
                _request_timeout=(_LIMITS[0], seconds + _LIMITS[1]),
            ):
                if event["type"] != "BOOKMARK":
                    yield event["type"], event["raw_object"]
        except client.ApiException as error:
            if error.status in (401, 403):
                raise self._refused(error) from error
            logger.debug("the watch of the pods ended: %s", error)
        except (HTTPError, OSError, ValueError) as error:  # ValueError: the line on which it was cut is no JSON
            logger.debug("the watch of the pods was cut: %s", error)

    def pod(self, pod: str) -> dict[str, Any] | None:
        """A pod; None where there is none."""
        try:
            answer = self._asked(
                lambda: self._core.read_namespaced_pod(
                    pod, self.namespace, _preload_content=False, _request_timeout=_LIMITS
                )
            )
        except AffektError as error:
            if _status(error.__cause__) == 404:
                return None
            raise
        found: dict[str, Any] = json.loads(answer.data)
        return found

    def log(self, pod: str) -> Iterator[tuple[str, str]]:
        """The lines that a pod writes, from the first on, each with its time, until it ends or the connection does."""
        from kubernetes import client, watch  # heavy, as above
        from urllib3.exceptions import HTTPError  # comes with it

        try:
            for line in watch.Watch().stream(
                self._core.read_namespaced_pod_log,
                pod,
                self.namespace,
                container=NODE,
                timestamps=True,
                _request_timeout=_LOG_LIMITS,
            ):
                stamp, _, text = line.partition(" ")
                yield _ordered(stamp), text
        except client.ApiException as error:
            if error.status in (401, 403):
                raise self._refused(error) from error
            logger.debug("the log of %s ended: %s", pod, error)
        except (HTTPError, OSError) as error:
            logger.debug("the log of %s was cut: %s", pod, error)

    def _asked(self, call: Callable[[], T]) -> T:
        from kubernetes.client import ApiException  # heavy, as above
        from urllib3.exceptions import HTTPError  # comes with it

        def worth(error: Exception) -> float:
            again = _status(error) in (429, 500, 502, 503, 504) or isinstance(error, HTTPError)
            return float("inf") if again else 0.0

        try:
            return repeated(call, worth, seconds=patience(_PATIENCE), service="Kubernetes", where=self.where)
        except ApiException as error:
            raise self._refused(error) from error
        except HTTPError as error:
            raise AffektError(f"does not answer: {error}", code="unanswered", where=self.where) from error

    def _refused(self, error: ApiException) -> AffektError:
        remedy = _REMEDY.get(error.status, "the reason is in its words")
        said = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
        try:
            said = json.loads(said)["message"]
        except (ValueError, KeyError, TypeError):
            said = said or str(error.reason)
        return AffektError(
            f"Kubernetes refused this ({error.status}): {remedy}. It says: {' '.join(str(said).split())[:500]}",
            code="cluster_refused",
            where=self.where,
        )


def connect(owner: Owner) -> Cluster:
    """The cluster of this pod, or the one of the person's ``KUBECONFIG``.

    Args:
        owner: who asks, and in which namespace.

    Raises:
        AffektError: there is none.
    """
    from kubernetes import client, config  # heavy, as above
    from kubernetes.config.config_exception import ConfigException  # as above
    from urllib3 import Retry  # comes with it

    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except ConfigException:
        try:
            # The client looks at the variable when it is imported, and this may be later.
            config.load_kube_config(os.environ.get("KUBECONFIG"), client_configuration=configuration)
        except ConfigException as error:
            raise AffektError(
                f"this is no pod of a cluster, and no kubeconfig names one ({error}): a profile with several nodes is "
                "for a run on Kubeflow Pipelines",
                code="no_cluster",
            ) from error
    configuration.retries = Retry(0)  # repeated here, where it is said
    namespace = owner.namespace or (_NAMESPACE.read_text().strip() if _NAMESPACE.is_file() else "")
    return Cluster(client.ApiClient(configuration), namespace or os.environ.get("KFP_NAMESPACE") or "default")


def _of(name: str) -> str:
    return f"jobset.sigs.k8s.io/jobset-name={name}"


def _status(error: BaseException | None) -> int:
    return int(getattr(error, "status", None) or 0)


def _ordered(stamp: str) -> str:
    """A time of a log as text that sorts by it: nanoseconds come without the zeros at their end."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    return f"{whole}.{fraction:0<9}"
