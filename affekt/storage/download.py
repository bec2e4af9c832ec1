"""Large files from https, S3 or this disk: with limits, and going on where an earlier download was cut off."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.errors import DataError
from affekt.patience import patience, repeated
from affekt.progress import MegaBytes
from affekt.storage import s3
from affekt.storage.uris import split_s3

_BLOCK = 1 << 20
_SIGNATURE = re.compile(r"\?[^\s'\")]+")  # of an address in an error of the HTTP library
_REDIRECTS = 5
#: Seconds without a byte after which a server counts as gone.
_SILENCE = 30.0


@dataclass(frozen=True)
class _Opened:
    """An answer that is being sent.

    Attributes:
        start: the byte of the file with which it begins.
        total: bytes of the whole file, where the server says so.
        version: what tells this content from a later one (an ETag), where the server says so.
        read: returns some bytes, none at the end.
    """

    start: int
    total: int | None
    version: str | None
    read: Callable[[int], bytes]


def download(uri: str, path: Path, *, label: str, max_bytes: int, timeout_seconds: float) -> None:
    """Get a file; it appears under ``path`` when all of it is there.

    What came before a failure is kept beside it, and the next call asks for the rest, if the server still has the same
    content.

    Args:
        uri: ``https://``, ``s3://bucket/key``, or ``http://`` of this machine.
        label: of the progress.
        max_bytes: of the whole file.
        timeout_seconds: wall time.

    Raises:
        DataError: it is missing, a web page, too large, too slow, or cut off; says what was expected and found.
    """
    try:
        deadline = time.monotonic() + timeout_seconds
        repeated(
            lambda: _download(uri, path, label, max_bytes, deadline),
            _worth,
            seconds=patience(),
            service="the other side",
            where=shown(uri),
        )
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror or error}; free some space or name another folder in AFFEKT_HOME",
            code="unwritable",
            where=str(path),
        ) from error


def _worth(error: Exception) -> float:
    """For how long to go on from where a download was cut off, seconds."""
    return float("inf") if getattr(error, "code", "") in ("unreachable", "truncated", "busy") else 0.0


def _download(uri: str, path: Path, label: str, max_bytes: int, deadline: float) -> None:
    where = shown(uri)
    part, notes = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    have, version = _kept(part, notes, where)
    with _opened(uri, have, version) as opened:
        _check_size(opened.total or 0, max_bytes, where)
        notes.write_text(json.dumps({"uri": where, "version": opened.version}), encoding="utf-8")
        have = opened.start
        with part.open("r+b" if have else "wb") as file, MegaBytes(label, opened.total, have) as progress:
            file.seek(have)
            file.truncate()
            while block := opened.read(_BLOCK):
                file.write(block)
                have += len(block)
                progress.at(have)
                _check_size(have, max_bytes, where)
                if time.monotonic() > deadline:
                    file.flush()
                    raise DataError(
                        f"took too long: {have:,} bytes of {_amount(opened.total)} came in the time allowed; "
                        "repeat the command to go on from there",
                        code="timeout",
                        where=where,
                    )
    if opened.total is not None and have != opened.total:
        raise DataError(
            f"was cut off: {have:,} bytes came, expected {opened.total:,}; repeat the command to go on from there",
            code="truncated",
            where=where,
        )
    part.replace(path)
    notes.unlink()


def shown(uri: str) -> str:
    """A uri without what may be secret in it: a password, or the signature after the question mark."""
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme not in {"http", "https"}:
        return uri
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _kept(part: Path, notes: Path, where: str) -> tuple[int, str | None]:
    """How many bytes of this very content an earlier call left, and its version."""
    try:
        noted = json.loads(notes.read_text(encoding="utf-8"))
        if noted["uri"] == where and noted["version"]:
            return part.stat().st_size, str(noted["version"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return 0, None


def _opened(uri: str, have: int, version: str | None) -> contextlib.AbstractContextManager[_Opened]:
    scheme = urllib.parse.urlsplit(uri).scheme.lower()
    if scheme == "s3":
        return _opened_s3(uri, have, version)
    if scheme in {"http", "https"}:
        return _opened_http(uri, have, version)
    raise DataError(
        f"{scheme or 'no scheme'}:// is not supported; expected https://, s3:// or a path",
        code="unknown_scheme",
        where=shown(uri),
    )


@contextlib.contextmanager
def _opened_s3(uri: str, have: int, version: str | None) -> Iterator[_Opened]:
    bucket, key = split_s3(uri)
    with s3.explained(uri):
        head = s3.client().head_object(Bucket=bucket, Key=key)
        total, tag = int(head["ContentLength"]), str(head["ETag"])
        start = have if version == tag and have < total else 0
        arguments: dict[str, Any] = {"Bucket": bucket, "Key": key, "IfMatch": tag}
        if start:
            arguments["Range"] = f"bytes={start}-"
        with contextlib.closing(s3.client().get_object(**arguments)["Body"]) as body:
            yield _Opened(start, total, tag, body.read)


@contextlib.contextmanager
def _opened_http(uri: str, have: int, version: str | None) -> Iterator[_Opened]:
    import requests  # heavy: requests
    import urllib3  # heavy: urllib3

    where = shown(uri)
    try:
        with requests.Session() as session:
            response = _followed(session, uri, have, version)
            if response.status_code == 416:  # what is here is not a part of what is there
                response.close()
                response = _followed(session, uri, 0, None)
            with response:
                yield _answer(response, have, where)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise DataError(
            f"the transfer failed ({type(error).__name__}: {_SIGNATURE.sub('?…', str(error))}); "
            "repeat the command to go on",
            code="unreachable",
            where=where,
        ) from error


def _followed(session: Any, uri: str, have: int, version: str | None) -> Any:
    """The answer after redirections, none of which may leave https for a network that others can read."""
    headers = {"Accept-Encoding": "identity"}  # else neither sizes nor ranges are those of the file
    if have and version:
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    at, local = uri, True
    for _ in range(_REDIRECTS + 1):
        parts = urllib.parse.urlsplit(at)
        if parts.scheme != "https" and not (parts.scheme == "http" and local and _is_loopback(parts.hostname)):
            raise DataError(
                "is plain http, where a file can be changed on the way; expected https://, s3:// or a path",
                code="insecure",
                where=shown(at),
            )
        local = local and _is_loopback(parts.hostname)
        response = session.get(at, headers=headers, stream=True, timeout=_SILENCE, allow_redirects=False)
        if not response.is_redirect:
            return response
        at = urllib.parse.urljoin(at, response.headers["Location"])
        response.close()
    raise DataError(f"leads on more than {_REDIRECTS} times", code="unreachable", where=shown(uri))


def _answer(response: Any, have: int, where: str) -> _Opened:
    import urllib3  # heavy: urllib3

    if response.status_code not in {200, 206}:
        raise DataError(
            f"the server answered {response.status_code} {response.reason}, expected the file",
            code="missing_file" if response.status_code in {404, 410} else "refused",
            where=where,
        )
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"}:
        raise DataError(
            f"the server sent a web page ({kind}), expected a file; it may ask for a login or have moved it",
            code="web_page",
            where=where,
        )
    start = have if response.status_code == 206 else 0
    sent = response.headers.get("Content-Range", "")
    if response.status_code == 206 and not sent.startswith(f"bytes {start}-"):
        raise DataError(
            f"the server sent the part {sent or 'of no stated range'}, expected it from byte {start}",
            code="refused",
            where=where,
        )
    length = response.headers.get("Content-Length")
    version = response.headers.get("ETag")
    if version is None or version.startswith("W/"):  # a weak one does not promise the same bytes
        version = response.headers.get("Last-Modified")
    total = start + int(length) if length and length.isdigit() else None

    def read(count: int) -> bytes:
        try:
            return bytes(response.raw.read1(count))
        except urllib3.exceptions.ProtocolError:
            if total is None:
                raise
            return b""  # the sizes tell the rest

    return _Opened(start, total, version, read)


def _is_loopback(host: str | None) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host or "").is_loopback
    return host == "localhost"


def _check_size(size: int, limit: int, where: str) -> None:
    if size > limit:
        raise DataError(f"has {size:,} bytes or more, expected at most {limit:,}", code="too_large", where=where)


def _amount(total: int | None) -> str:
    return f"{total:,}" if total is not None else "an unknown number"
