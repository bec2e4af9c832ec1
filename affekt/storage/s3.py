"""The few S3 calls that affekt makes, with every failure turned into an error that says what to do."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from affekt.errors import DataError
from affekt.patience import patience, repeated
from affekt.storage.uris import Entry, split_s3, without_secrets

P = ParamSpec("P")
T = TypeVar("T")

#: What a client is made from; another value of any of these asks for another client.
_ENVIRONMENT = (
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
)
#: What each answer has that is read here. The library takes one that ends amid its headers for one without these.
_ANSWERED = {
    "GetObject": ("ContentLength", "ETag"),
    "HeadObject": ("ContentLength", "ETag"),
    "ListObjectsV2": ("IsTruncated",),
}
#: MinIO's words, Ceph's and others', for a disk or a share of it that is used up; AWS has none.
_NO_ROOM = {"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientStorage", "507"}
_CREDENTIALS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or run under a role that may read it"


def client() -> Any:
    """The boto3 client of this process for the environment as it is now; it may be shared by threads."""
    return _client(os.getpid(), tuple(os.environ.get(name, "") for name in _ENVIRONMENT))


@lru_cache(maxsize=4)
def _client(process: int, environment: tuple[str, ...]) -> Any:
    import boto3  # heavy: boto3
    from botocore.config import Config  # heavy: botocore

    # A session of its own, since boto3's default one keeps the credentials that it first found.
    retries = {"max_attempts": 4, "mode": "standard"}
    config = Config(retries=retries, connect_timeout=10, read_timeout=30, max_pool_connections=32)
    made = boto3.session.Session().client("s3", config=config)
    for operation in _ANSWERED:
        made.meta.events.register(f"after-call.s3.{operation}", _check_whole)
    return made


def _check_whole(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
    """Refuse an answer that was cut off before all that it has to have.

    Raises:
        ConnectionClosedError: it was.
    """
    from botocore.exceptions import ConnectionClosedError  # heavy: botocore

    if http_response.status_code < 300 and any(name not in parsed for name in _ANSWERED[model.name]):
        raise ConnectionClosedError(endpoint_url=without_secrets(http_response.url))


@contextlib.contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn what boto3 raises inside the block into a DataError about ``uri`` that says what to do."""
    from boto3.exceptions import Boto3Error, RetriesExceededError  # heavy: boto3
    from botocore import exceptions as boto  # heavy: botocore

    try:
        yield
    except boto.ClientError as error:
        raise _refusal(error, uri) from error
    except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.ProfileNotFound) as error:
        raise DataError(f"no usable S3 credentials ({error}); {_CREDENTIALS}", code="no_credentials", where=uri) from (
            error
        )
    except (boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError, RetriesExceededError) as error:
        raise DataError(
            f"the S3 service does not answer ({error}); check AWS_ENDPOINT_URL_S3 and the network",
            code="unreachable",
            where=uri,
        ) from error
    except (boto.BotoCoreError, Boto3Error, ValueError) as error:
        if isinstance(error.__context__, boto.ClientError):  # an upload that was refused
            raise _refusal(error.__context__, uri) from error
        raise DataError(f"the S3 request failed: {error}", code="storage", where=uri) from error


def _refusal(error: Any, uri: str) -> DataError:
    """The DataError for an answer of the service that says no."""
    answer = error.response.get("Error", {})
    code, reason = str(answer.get("Code", "")), str(answer.get("Message", ""))
    bucket, _ = split_s3(uri)
    if code == "NoSuchBucket":
        return DataError(
            f"there is no bucket {bucket!r}; make it or correct the name", code="missing_bucket", where=uri
        )
    if code in {"NoSuchKey", "404", "NotFound"}:
        return DataError("there is no such object; check the bucket and the key", code="missing_file", where=uri)
    if code in {"403", "AccessDenied", "AllAccessDisabled"}:
        return DataError(
            f"access is denied; grant these credentials access to the bucket {bucket!r}, or use others: {_CREDENTIALS}",
            code="access_denied",
            where=uri,
        )
    if code in {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}:
        return DataError(f"the credentials are refused ({code}); {_CREDENTIALS}", code="no_credentials", where=uri)
    if code in _NO_ROOM:
        return DataError(
            f"the S3 service has no room left ({code}): make room there, or raise the quota of the bucket {bucket!r}; "
            "then start the same again",
            code="storage_full",
            where=uri,
        )
    if code in {"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "502", "503", "504"}:
        return DataError(f"the S3 service is not ready ({code} {reason}".strip() + ")", code="busy", where=uri)
    return DataError(f"the S3 service refuses the request: {code} {reason}".strip(), code="storage", where=uri)


def patient(request: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
    """A request about a uri that is repeated while the service does not answer, as long as this process waits."""

    def repeating(uri: str, /, *given: P.args, **named: P.kwargs) -> T:
        return repeated(
            lambda: request(uri, *given, **named), _worth, seconds=patience(), service="S3", where=without_secrets(uri)
        )

    functools.update_wrapper(repeating, request)
    return repeating


def _worth(error: Exception) -> float:
    return float("inf") if isinstance(error, DataError) and error.code in ("unreachable", "busy") else 0.0


def entries(uri: str) -> Iterator[Entry]:
    """The objects below a prefix, in the service's order (by key); markers of empty folders are left out."""
    bucket, key = split_s3(uri)
    prefix = key.rstrip("/") + "/" if key.strip("/") else ""
    following: dict[str, str] = {}
    while True:
        page = _page(uri, Bucket=bucket, Prefix=prefix, **following)
        for item in page.get("Contents", ()):
            if not item["Key"].endswith("/"):
                name = item["Key"][len(prefix) :]
                yield Entry(name, f"s3://{bucket}/{item['Key']}", int(item["Size"]), _version(item, "Size"))
        if not page.get("IsTruncated"):
            return
        following = {"ContinuationToken": page["NextContinuationToken"]}


@patient
def _page(uri: str, /, **asked: str) -> Any:
    with explained(uri):
        return client().list_objects_v2(**asked)


def _version(facts: Any, size: str) -> str:
    return f"{facts['ETag'].strip(chr(34))}-{facts[size]}"


@patient
def version(uri: str) -> str:
    """Which content an object has, as :class:`Entry` says it."""
    bucket, key = split_s3(uri)
    with explained(uri):
        return _version(client().head_object(Bucket=bucket, Key=key), "ContentLength")


def is_object(uri: str) -> bool:
    """Whether exactly this key exists."""
    _, key = split_s3(uri)
    if not key or key.endswith("/"):
        return False
    try:
        version(uri)
    except DataError as error:
        if error.code == "missing_file":
            return False
        raise
    return True


@patient
def read(uri: str, first: int | None = None) -> bytes:
    """The bytes of an object, or only the first of them."""
    bucket, key = split_s3(uri)
    with explained(uri), contextlib.closing(client().get_object(Bucket=bucket, Key=key)["Body"]) as body:
        return bytes(body.read(first))


@patient
def read_range(uri: str, first: int, count: int) -> bytes:
    """``count`` bytes of an object, from ``first`` on."""
    bucket, key = split_s3(uri)
    with explained(uri):
        answer = client().get_object(Bucket=bucket, Key=key, Range=f"bytes={first}-{first + count - 1}")
        with contextlib.closing(answer["Body"]) as body:
            return bytes(body.read())


@patient
def write(uri: str, content: bytes) -> None:
    """Put an object; readers see the old one or the new one, never a part."""
    bucket, key = split_s3(uri)
    with explained(uri):
        client().put_object(Bucket=bucket, Key=key, Body=content)


@patient
def remove(uri: str) -> None:
    """Delete an object; one that is not there is none to S3 either."""
    bucket, key = split_s3(uri)
    with explained(uri):
        client().delete_object(Bucket=bucket, Key=key)


@patient
def fetch(uri: str, path: Path) -> None:
    """Download an object into a file; the caller sees to it that nobody takes half a file for a whole one."""
    bucket, key = split_s3(uri)
    with explained(uri):
        client().download_file(bucket, key, str(path))


def send(path: Path, uri: str) -> None:
    """Upload a file (in parts where it is large); the object appears when all of it is there."""
    _send(uri, path)


@patient
def _send(uri: str, path: Path) -> None:
    bucket, key = split_s3(uri)
    with explained(uri):
        client().upload_file(str(path), bucket, key)
