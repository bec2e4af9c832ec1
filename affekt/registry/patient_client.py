"""MLflow's client for a server: requests outlive its restarts, and none that creates something does so twice."""

from __future__ import annotations

import functools
import json
import re
import sys
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from affekt.errors import AffektError
from affekt.patience import patience, repeated

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

#: How long a command that a person waits for repeats its requests, seconds.
BRIEFLY = 30.0
#: An error inside of the server may come from a database that starts again; more often it stays.
_INTERNAL = 60.0
#: The tag by which what was created is found when the answer was lost.
_REQUEST = "affekt.request"
#: Codes of S3 that no waiting changes.
_REFUSED = ("AccessDenied", "NoSuchBucket", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken")


class PatientClient:
    """Passes every request on to a :class:`mlflow.MlflowClient`, again and again while nobody answers.

    Args:
        client: MLflow's own.
        where: the address as it may be shown.
    """

    def __init__(self, client: MlflowClient, where: str) -> None:
        self._client = client
        self._where = where

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found
        return functools.partial(self._asked, found)

    def create_run(self, experiment_id: str, *, tags: Mapping[str, str], **given: Any) -> Run:
        """As MLflow's; a run that an earlier try made is found by its tag and not made again."""
        mark = uuid.uuid4().hex

        def known() -> Any:
            found = self._client.search_runs([experiment_id], f"tags.`{_REQUEST}` = '{mark}'", max_results=1)
            return found[0] if found else None

        made: Run = self._once(
            known, lambda: self._client.create_run(experiment_id, tags={**tags, _REQUEST: mark}, **given)
        )
        return made

    def create_model_version(self, name: str, *, tags: Mapping[str, str], **given: Any) -> ModelVersion:
        """As MLflow's; a version that an earlier try made is found by its tag and not made again."""
        mark = uuid.uuid4().hex

        def known() -> Any:
            found = self._client.search_model_versions(f"name = '{name}' and tags.`{_REQUEST}` = '{mark}'")
            return found[0] if found else None

        made: ModelVersion = self._once(
            known, lambda: self._client.create_model_version(name, tags={**tags, _REQUEST: mark}, **given)
        )
        return made

    def _once(self, known: Callable[[], Any], create: Callable[[], Any]) -> Any:
        tried = False

        def call() -> Any:
            nonlocal tried
            if tried and (found := known()) is not None:
                return found
            tried = True
            return create()

        return self._asked(call)

    def _asked(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        return answered(lambda: call(*arguments, **named), self._where)


def answered(call: Callable[[], Any], where: str) -> Any:
    """The answer of MLflow to a request that may be repeated.

    Raises:
        AffektError: ``unanswered``.
    """
    try:
        return repeated(call, worth_repeating, seconds=patience(BRIEFLY), service="MLflow", where=where)
    except AffektError as error:
        # MLflow's client keeps the words of such an answer to itself.
        if error.code == "unanswered" and re.search(r"\b50[03] error responses|\b500 Server", str(error.__cause__)):
            said = f"{error.message}. A server whose database or place of files is full answers so, too: see its log"
            raise AffektError(said, code=error.code, where=error.where) from error
        raise


def worth_repeating(error: Exception) -> float:
    """For how many seconds a request that failed so may be repeated; 0 where the answer would stay the same."""
    import requests  # heavy: requests
    from mlflow.exceptions import MlflowException  # heavy: mlflow

    text = str(error)
    if any(code in text for code in _REFUSED):
        return 0.0
    if isinstance(error, MlflowException):
        return _of_mlflow(error, text)
    if isinstance(error, json.JSONDecodeError):
        return _INTERNAL
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.InvalidURL):
        return 0.0
    if isinstance(error, requests.HTTPError):
        status = error.response.status_code if error.response is not None else 0
        return float("inf") if status in (408, 429, 502, 503, 504) else _INTERNAL if status == 500 else 0.0
    if isinstance(error, requests.RequestException) or _of_boto(error):
        return float("inf")
    return 0.0


def _of_mlflow(error: Any, text: str) -> float:
    if error.error_code in ("TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"):
        return float("inf")
    if "was not in a valid JSON format" in text:  # cut off; or a page for people, which stays
        return _INTERNAL
    if not text.startswith("API request to ") or "certificate verify failed" in text:
        return 0.0
    if "500 error responses" in text or "error code 500" in text:
        return _INTERNAL
    lost = "failed with exception" in text or "timeout exception" in text
    return float("inf") if lost or any(f"error code {status}" in text for status in (408, 429, 502, 503, 504)) else 0.0


def _of_boto(error: Exception) -> bool:
    """Whether the artifacts' S3 does not answer; without boto3 it was not asked."""
    if "botocore" not in sys.modules:
        return False
    from botocore import exceptions as boto  # heavy: botocore, and there already

    return isinstance(error, boto.ConnectionError | boto.HTTPClientError | boto.IncompleteReadError)
