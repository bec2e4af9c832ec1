"""Asks a server and waits for the answer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

import requests

from affekt.client.in_order import in_order
from affekt.client.prediction import Prediction
from affekt.client.refusals import no_server, refusal_of, unreachable
from affekt.client.sent_clip import Clip, Progress, SentClip
from affekt.errors import AffektError, MediaError, UsageError, as_affekt_error, why_no_file
from affekt.server_address import check_server_address

logger = logging.getLogger(__name__)
#: Answers after which the same request may well succeed: the line is full, a worker was replaced, a key asks often.
_AGAIN = frozenset({429, 502, 503, 504})
#: Seconds that a connection may take at most: who is there takes it at once, however busy.
_CONNECTED_WITHIN = 10.0
#: Seconds that a server's Retry-After is followed at most.
_LONGEST = 30.0
#: Seconds of a wait from which on it is told, once for each reason.
_TOLD_FROM = 2.0


class Client:
    """A server's model, asked over connections that are used again. Safe to use from several threads.

    Args:
        url: of the server (``http://host:8080``, whose model is then ``model``) or of the model
            (``http://host:8080/predictions/affekt``).
        model: its name.
        key: the client's, where the server asks for one.
        timeout: seconds to wait for one answer.
        retries: how often a busy server is asked again, after what it says, or 0.5, 1, 2 … seconds.
        at_once: clips that are on their way together in :meth:`predict_many`.

    Raises:
        UsageError: ``url`` is no address, ``key`` cannot be sent, or a number is none that can be meant.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str = "affekt",
        key: str | None = None,
        timeout: float = 300.0,
        retries: int = 3,
        at_once: int = 4,
    ) -> None:
        self.url = prediction_url(url, model)
        self._base, _, self._path = self.url.partition("/predictions/")
        _check(timeout=(timeout, timeout > 0, "seconds, more than 0"), at_once=(at_once, at_once >= 1, "1 or more"))
        _check(retries=(retries, retries >= 0, "0 or more"))
        self._timeout, self._retries, self.at_once = timeout, retries, at_once
        self._auth = _Key(key)
        self._told: set[str] = set()
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def predict(
        self, clip: Clip, *, labels: Sequence[str] = (), person: str = "", progress: Progress | None = None
    ) -> Prediction:
        """The answer about a clip.

        Args:
            clip: the file, its bytes, or an ``s3://`` address.
            labels: those that can be right, where that is known: the answer is among them.
            person: a word for the person whom the clip shows, of 1 to 64 letters, digits and ``._:@-``; the answer is
                adapted to the clips of the same word that the server has answered before. A request that is sent
                again, since its answer was lost, counts as another clip.
            progress: is told as bytes are sent.

        Raises:
            MediaError: the file is not there, or the server says that the clip cannot be used.
            AffektError: no server answers there, it refused the request, or it failed.
        """
        answer = self._post(self.url, clip, progress=progress, query=_about(labels, person))
        return Prediction.of(self._document(answer), answer.headers.get("X-Request-Id", ""))

    def document(self, clip: Clip, *, labels: Sequence[str] = (), person: str = "") -> dict[str, Any]:
        """The answer about a clip as the server gave it; arguments and errors as :meth:`predict`."""
        return self._document(self._post(self.url, clip, query=_about(labels, person)))

    def predict_many(self, clips: Iterable[Clip], *, labels: Sequence[str] = ()) -> Iterator[Prediction | AffektError]:
        """The answers about clips, in order, several on their way at once; an error stays in its place."""
        return in_order(lambda clip: self._tried(clip, labels), clips, self.at_once)

    def timeline(self, clip: Clip, *, every: float = 2.0, labels: Sequence[str] = ()) -> dict[str, Any]:
        """The answers of windows of a clip, each of so many seconds; ``labels`` and errors as :meth:`predict`."""
        query = {"every": every, **_about(labels)}
        return self._document(self._post(f"{self._base}/timeline/{self._path}", clip, query=query))

    def explain(self, clip: Clip, *, label: str | None = None, frames: int = 3) -> dict[str, Any]:
        """Why a clip has its label, or another one; errors as :meth:`predict`."""
        query = {"frames": frames, **({"label": label} if label else {})}
        return self._document(self._post(f"{self._base}/explanations/{self._path}", clip, query=query))

    def versions(self) -> list[dict[str, Any]]:
        """The versions that the server has; errors as :meth:`predict`."""
        models = self._document(self._sent("GET", f"{self._base}/models")).get("models")
        if not isinstance(models, list):
            raise AffektError("the answer is not of an affekt server", code="bad_answer", where=self._base)
        return list(models)

    def ready(self) -> bool:
        """Whether a worker can answer."""
        try:
            return self._sent("GET", f"{self._base}/v2/health/ready", retries=0).ok
        except AffektError:
            return False

    def close(self) -> None:
        """Close the connections."""
        while self._sessions:
            self._sessions.pop().close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _tried(self, clip: Clip, labels: Sequence[str]) -> Prediction | AffektError:
        try:
            return self.predict(clip, labels=labels)
        except AffektError as error:
            return error

    def _post(
        self, address: str, clip: Clip, *, progress: Progress | None = None, query: Mapping[str, Any] | None = None
    ) -> requests.Response:
        if isinstance(clip, str) and clip.startswith("s3://"):
            return self._checked(self._sent("POST", address, json={"uri": clip}, params=query), clip)
        if not isinstance(clip, bytes) and not _is_file(clip):
            raise MediaError(why_no_file(clip), code="missing", where=str(clip))
        if not (len(clip) if isinstance(clip, bytes) else Path(clip).stat().st_size):
            where = "clip" if isinstance(clip, bytes) else str(clip)
            raise MediaError("is empty; expected a media file", code="empty", where=where)
        headers = {"Content-Type": "application/octet-stream"}
        answer = self._sent("POST", address, clip=clip, progress=progress, headers=headers, params=query)
        return self._checked(answer, "clip" if isinstance(clip, bytes) else clip)

    def _sent(
        self,
        method: str,
        address: str,
        *,
        clip: bytes | str | Path | None = None,
        progress: Progress | None = None,
        headers: Mapping[str, str] | None = None,
        retries: int | None = None,
        **further: Any,
    ) -> requests.Response:
        left = self._retries if retries is None else retries
        own = {"X-Request-Id": uuid4().hex}  # by which the server knows one that is sent again
        for attempt in range(left + 1):
            body = None if clip is None else SentClip(clip, progress)
            content: Any = body if body is not None and len(body) else b""  # an empty one would be sent in chunks
            try:
                answer = self._session().request(
                    method,
                    address,
                    data=None if body is None else content,
                    headers={**own, **(headers or {})},
                    auth=self._auth,
                    allow_redirects=False,
                    timeout=(min(_CONNECTED_WITHIN, self._timeout), self._timeout),
                    **further,
                )
            except requests.ConnectTimeout as error:
                raise unreachable(address) from error
            except requests.Timeout as error:
                raise AffektError(
                    f"no answer within {self._timeout:.0f} s; the server is busy or the clip is long",
                    code="timeout",
                    where=address,
                ) from error
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
                # A server that refuses the size of a body answers and hangs up while the body is still being sent.
                if attempt < left and not no_server(error):
                    time.sleep(0.5 * 2**attempt)
                    continue
                raise unreachable(address, error) from error
            except requests.exceptions.ContentDecodingError as error:
                raise AffektError(f"the answer cannot be read: {error}", code="bad_answer", where=address) from error
            except (requests.RequestException, OSError) as error:  # a file of certificates that is not there
                raise AffektError(str(error), code="bad_address", where=address) from error
            finally:
                if body is not None:
                    body.close()
            if answer.is_redirect:
                there = _leads_to(address, answer.headers["Location"])
                raise AffektError(f"the server says that it is at {there}; ask there", code="moved", where=address)
            if answer.status_code not in _AGAIN or attempt == left:
                return answer
            seconds = min(_LONGEST, _seconds(answer.headers.get("Retry-After")) or 0.5 * 2**attempt)
            self._tell(refusal_of(answer, self.url, None), seconds)
            time.sleep(seconds)
        raise unreachable(address)

    def _tell(self, refusal: AffektError, seconds: float) -> None:
        """Say why a long wait is, once for each reason."""
        if seconds >= _TOLD_FROM and refusal.code not in self._told:
            self._told.add(refusal.code)
            logger.info("%s; asking again, the first time after %g s", refusal, seconds)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None or session not in self._sessions:
            session = self._local.session = _Session()
            self._sessions.append(session)
        return session

    def _document(self, answer: requests.Response) -> dict[str, Any]:
        try:
            return dict(self._checked(answer, None).json())
        except (ValueError, TypeError) as error:
            raise AffektError(
                f"the answer is not of an affekt model: {answer.text[:200]!r}", code="bad_answer", where=self.url
            ) from error

    def _checked(self, answer: requests.Response, clip: str | Path | None) -> requests.Response:
        if answer.ok:
            return answer
        raise refusal_of(answer, self.url, clip)


def prediction_url(url: str, model: str = "affekt") -> str:
    """The address of the model: the given one, or that of ``model`` on the given server.

    Raises:
        UsageError: it is no address.
    """
    try:
        check_server_address(url)
    except ValueError as error:
        raise UsageError(str(error), code="usage") from error
    if "://" not in url:
        url = f"http://{url}"
    return url.rstrip("/") if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/predictions/{model}"


def _leads_to(address: str, location: str) -> str:
    """The server to which a redirection leads."""
    try:
        return urljoin(address, location).partition("/predictions/")[0]
    except ValueError:  # it is no address
        return repr(location)


def _about(labels: Sequence[str], person: str = "") -> dict[str, str]:
    """The query that names the labels that can be right, and the person."""
    return {**({"labels": ",".join(labels)} if labels else {}), **({"person": person} if person else {})}


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() else 0.0


def _is_file(clip: str | Path) -> bool:
    try:
        return Path(clip).is_file()
    except OSError as error:  # its name is too long, or this user may not look there
        found = as_affekt_error(error)
        raise MediaError(found.message, code=found.code, where=str(clip)) from error


def _check(**given: tuple[float, bool, str]) -> None:
    for name, (value, good, expected) in given.items():
        if not good:
            raise UsageError(f"expected as {name} {expected}, got {value!r}", code="usage")


class _Session(requests.Session):
    """Connections; where a redirection leads, which may be no address, is nobody's business here."""

    def resolve_redirects(self, *arguments: Any, **further: Any) -> Iterator[requests.Response]:
        """No further requests."""
        return iter(())


class _Key(requests.auth.AuthBase):
    """The client's key, or none: in either case not what a ``.netrc`` has for the server."""

    def __init__(self, key: str | None) -> None:
        if key and not (key.isascii() and key.isprintable()):
            raise UsageError("expected a key of letters, digits and signs of ASCII in one line", code="usage")
        self._header = f"Bearer {key}" if key else ""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._header:
            request.headers["Authorization"] = self._header
        return request
