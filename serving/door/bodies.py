"""The clip in the body of a request: raw, the field of a form, or named by a JSON document."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Sequence
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.requests import Request

from affekt.serving.door.clip_fields import WORDS, in_query, misspelt
from affekt.serving.door.inbox import Clip, Inbox, Writer
from affekt.serving.door.refusal import Refusal

#: Fields of a form that hold the clip, whatever else there is.
_NAMED = ("body", "data")
#: A file's name with its own encoding (RFC 5987), as some clients send one that is not of ASCII alone.
_CODED_NAME = re.compile(rb";\s*filename\*", re.IGNORECASE)
#: Bytes of a form besides the clip, and of a JSON document.
_FORM_BYTES, _JSON_BYTES = 64 << 10, 64 << 10
#: Bytes of all JSON documents that are on their way, which are in memory until they are whole.
_READ_BYTES = 256 << 20
NO_CLIP = (
    "expected the bytes of a video clip, as the raw body, as the field 'data' of a form (multipart/form-data), or "
    'named by {"uri": "s3://…"} as application/json'
)


async def received(
    request: Request, inbox: Inbox, query: Sequence[str] = ()
) -> tuple[Clip | dict[str, Any], dict[str, list[Any]]]:
    """The clip of a request, or the JSON document that it consists of instead; and what the body says of it besides.

    Args:
        request: whose body is read.
        inbox: gets the clip.
        query: names that the query of this address may have besides those of every clip, and no body.

    Raises:
        Refusal: there is no clip, it is over a limit, or its encoding is not taken.
        ClientDisconnect: the sender has gone.
    """
    refuse_encoding(request.headers)
    announced = request.headers.get("content-length", "")
    kind, options = parse_options_header(request.headers.get("content-type"))
    form, words = kind == b"multipart/form-data", dict[str, list[Any]]()
    if announced.isdigit():
        inbox.refuse_size(int(announced) - (_FORM_BYTES if form else 0))
    with inbox.writer() as writer:
        if form:
            words = await _form(request, inbox, writer, options.get(b"boundary", b""), query)
        else:
            async for chunk in inbox.chunks(request):
                writer.write(chunk)
        clip = writer.done()
        if kind == b"application/json" and clip.size <= _JSON_BYTES:
            document = _json(clip.path.read_bytes())
            if document is not None:
                clip.remove()
                if why := misspelt(document, (*WORDS, "uri"), in_query(*query)):
                    raise Refusal(400, "bad_json", why)
                return document, {name: [document[name]] for name in WORDS if name in document}
        if not clip.size:
            raise Refusal(400, "no_clip", NO_CLIP)
    return clip, words


def refuse_encoding(headers: Headers) -> None:
    """Refuse a compressed body: a clip is compressed, and what unpacks to much would get round the limit.

    Raises:
        Refusal: it is.
    """
    encoding = ", ".join(headers.getlist("content-encoding")).strip().lower()
    if encoding not in ("", "identity"):
        message = f"the Content-Encoding {encoding[:40]!r} is not taken; send the clip as it is"
        raise Refusal(415, "content_encoding", message, headers={"Accept-Encoding": "identity"})


async def read_json(request: Request, inbox: Inbox, most: int) -> dict[str, Any]:
    """The JSON object that a body is.

    Raises:
        Refusal: it is none, or longer than ``most`` bytes; or those of all callers take too much memory.
    """
    refuse_encoding(request.headers)
    body = bytearray()
    try:
        async for chunk in inbox.chunks(request):
            body += chunk
            inbox.read += len(chunk)
            if len(body) > most:
                message = f"the JSON document has more than {most:,} bytes; send large clips to /predictions"
                raise Refusal(413, "too_large", message)
            if len(body) > _JSON_BYTES and inbox.read > _READ_BYTES:
                message = "too many JSON documents are on their way; try again later, or send clips to /predictions"
                raise Refusal(503, "no_room", message, retry_after=5)
        document = _parsed(bytes(body))
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "bad_json", f"expected a JSON object as the body ({type(error).__name__})") from None
    finally:
        inbox.read -= len(body)
    if not isinstance(document, dict):
        raise Refusal(400, "bad_json", "expected a JSON object as the body")
    return document


def _json(content: bytes) -> dict[str, Any] | None:
    content = content.removeprefix(codecs.BOM_UTF8)
    if not content.lstrip().startswith(b"{"):
        return None  # a clip that was sent as JSON is a clip
    try:
        document = _parsed(content)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "bad_json", f"the body is no JSON ({type(error).__name__})") from None
    return document if isinstance(document, dict) else None


def _parsed(content: bytes) -> Any:
    """A JSON document whose texts can be written again, as in an answer; halves of surrogate pairs cannot.

    Raises:
        ValueError: it is none.
        RecursionError: it is too deep.
    """
    document = json.loads(content, object_pairs_hook=_named_once)
    if b"\\u" in content or b"\xed" in content:
        json.dumps(document, ensure_ascii=False).encode()
    return document


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, whose last value of a name would count without a word.

    Raises:
        Refusal: a name stands twice in it, with values that differ.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        for name, value in pairs:
            if value != found[name]:
                message = f"an object of the JSON document has {name[:40]!r} twice, and differently; name it once"
                raise Refusal(400, "bad_json", message)
    return found


async def _form(
    request: Request, inbox: Inbox, writer: Writer, boundary: bytes, query: Sequence[str]
) -> dict[str, list[Any]]:
    if not boundary:
        raise Refusal(400, "bad_form", "the Content-Type multipart/form-data names no boundary")
    form = _Form(writer)
    try:
        parser = MultipartParser(boundary, form.callbacks())
        async for chunk in inbox.chunks(request):
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise Refusal(400, "bad_form", f"the form cannot be read: {error}") from None
    if not form.ended:
        raise Refusal(
            400, "bad_form", f"the form ends before its last boundary, --{boundary.decode(errors='replace')}--"
        )
    if why := form.unclear():
        raise Refusal(400, "no_clip", why)
    if why := misspelt((name for name in form.others if name != form.field), WORDS, in_query(*query)):
        raise Refusal(400, "bad_form", why)
    if form.field != form.word_as_file != "":
        message = f"the field {form.word_as_file!r} of the form was sent as a file; send it as a text"
        raise Refusal(400, "bad_form", message)
    return {name: [value.decode(errors="replace") for value in values] for name, values in form.words.items()}


class _Form:
    """Takes the parts of a form: the field that is named so is the clip, else the only file, else the only field.

    The fields ``person`` and ``labels`` without a file's name are words about the clip. A part of no bytes is no clip:
    a browser sends one for each file that nobody has chosen.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._headers: list[list[bytes]] = []
        self._other = 0
        self._rank, self._writes, self._says = -1, False, ""
        #: The rank and the name of a part of which no byte has come.
        self._begun: tuple[int, str] | None = None
        self._highest = -1
        self.ended = False
        self.words: dict[str, list[bytes]] = {}
        #: Further fields that are no files.
        self.others: dict[str, None] = {}
        self.clips = 0
        #: The field of the clip, and one of a word that came as a file.
        self.field = self.word_as_file = ""

    def callbacks(self) -> Any:
        """What the parser calls."""
        return {
            "on_part_begin": self._headers.clear,
            "on_header_begin": lambda: self._headers.append([b"", b""]),
            "on_header_field": lambda data, start, end: self._header(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._header(1, data[start:end]),
            "on_headers_finished": self._begin,
            "on_part_data": lambda data, start, end: self._data(data[start:end]),
            "on_end": self._end,
        }

    def unclear(self) -> str:
        """Why nothing in the form is the clip; empty where something is."""
        if self._rank < 1 <= self._highest:
            return NO_CLIP  # what would have been one is empty, and another field is not meant as it
        if self.clips > 1:
            what = ("parts that are no files", "files", "fields 'data' or 'body'")[self._rank]
            which = "" if self._rank == 2 else ", none of them the field 'data' or 'body'"
            return f"the form has {self.clips} {what}{which}; send one clip a request"
        return "" if self.clips else NO_CLIP

    def _header(self, place: int, data: bytes) -> None:
        self._besides(data)
        self._headers[-1][place] += data

    def _begin(self) -> None:
        named = {name.lower(): value for name, value in self._headers}
        disposition = named.get(b"content-disposition", b"")
        _, options = parse_options_header(disposition)
        name = options.get(b"name", b"").decode(errors="replace")
        is_file = b"filename" in options or _CODED_NAME.search(disposition) is not None
        self._says = name if name in WORDS and not is_file else ""
        self._writes, self._begun = False, None
        if self._says:
            self.words.setdefault(name, []).append(b"")
            return
        if not is_file:
            self.others[name] = None
        self.word_as_file = name if name in WORDS else self.word_as_file
        rank = 2 if name in _NAMED else 1 if is_file else 0
        self._begun, self._highest = (rank, name), max(rank, self._highest)

    def _first_byte(self, rank: int, name: str) -> None:
        self._writes = rank > self._rank
        if self._writes:
            self._writer.restart()
            self._rank, self.clips, self.field = rank, 1, name
        elif rank == self._rank:
            self.clips += 1

    def _data(self, data: bytes) -> None:
        if self._begun and data:
            self._first_byte(*self._begun)
            self._begun = None
        if self._writes:
            self._writer.write(data)
            return
        self._besides(data)
        if self._says:
            self.words[self._says][-1] += data

    def _besides(self, data: bytes) -> None:
        """Count bytes that are none of the clip."""
        self._other += len(data)
        if self._other > _FORM_BYTES and self.clips > 1:
            raise Refusal(400, "no_clip", self.unclear())
        if self._other > _FORM_BYTES:
            raise Refusal(413, "too_large", f"the form has more than {_FORM_BYTES:,} bytes besides the clip")

    def _end(self) -> None:
        self.ended = True
