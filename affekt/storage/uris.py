"""How the location of a file is written: a local path, or ``s3://bucket/key``."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.errors import DataError

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)

#: Of an address anywhere in a text: what stands before the host, and what follows its path.
_LOGIN = re.compile(r"\b([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/@\"']+@")
_QUERY = re.compile(r"\b([a-zA-Z][a-zA-Z0-9+.-]*://[^?\"'\n]+)\?[^\s\"']+")  # keys in S3 may hold spaces


@dataclass(frozen=True)
class Entry:
    """A file below a folder: its path relative to the folder (with ``/``), its full uri, its size in bytes.

    ``version`` says of an object in S3 which content it has (its ETag and size); empty for a local file.
    """

    path: str
    uri: str
    size: int
    version: str = ""


def is_remote(uri: str | Path) -> bool:
    """Whether a uri names something in S3.

    Raises:
        DataError: it names another scheme than ``s3://`` (``http://``, ``gs://``).
    """
    scheme = _SCHEME.match(str(uri))
    if scheme is None:
        return False
    if scheme[1].lower() != "s3":
        raise DataError(
            f"{scheme[1]}:// is not supported; expected a local path or s3://bucket/key",
            code="unknown_scheme",
            where=str(uri),
        )
    return True


def join(uri: str | Path, *parts: str) -> str:
    """The uri of something below a folder; a part that is absolute or a uri itself replaces what stands before it."""
    whole = str(uri)
    for part in parts:
        if is_remote(part):
            whole = part
        elif is_remote(whole):
            bucket, key = split_s3(whole)
            path = posixpath.normpath(posixpath.join("/", key, part)).strip("/")
            whole = f"s3://{bucket}/{path}"
        else:
            whole = str(Path(whole) / part)
    return whole


def whereabouts(uri: str) -> str:
    """What is the same for the same file or folder, however it is written, and whatever link leads to it."""
    return uri.rstrip("/") if is_remote(uri) else os.path.realpath(uri)


def split_s3(uri: str) -> tuple[str, str]:
    """Bucket and key of an ``s3://`` uri; the key of a whole bucket is empty.

    Raises:
        DataError: no bucket is named.
    """
    bucket, _, key = uri[len("s3://") :].partition("/")
    if not bucket:
        raise DataError("names no bucket; expected s3://bucket/key", code="missing_bucket", where=uri)
    return bucket, key


def without_secrets(address: str) -> str:
    """An address as it may be shown: without the name, the password and the query that it may hold."""
    return re.sub(r"(?<=://)[^/]*@|[?#].*", "", address)


def secrets_hidden(text: str) -> str:
    """A text in which no address holds a login or a query, where signatures and tokens stand; they become ``***``."""
    return _QUERY.sub(r"\1?***", _LOGIN.sub(r"\1***@", text))


def as_told(value: Any, *, keep: Collection[str] = ()) -> Any:
    """Plain values as others may see them: no login or query in an address, of a path on this machine its last part.

    Args:
        value: nested dictionaries and lists of plain values.
        keep: keys whose paths stay, since they are opened again.
    """
    if isinstance(value, Mapping):
        return {key: each if key in keep else as_told(each, keep=keep) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_told(each, keep=keep) for each in value]
    if not isinstance(value, str):
        return value
    return Path(value).name if Path(value).is_absolute() else secrets_hidden(value)
