"""What ffmpeg lists of a file before it decodes: the container, its length and streams, and which of them count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

#: Frames a second beyond which a rate is taken for damaged, hostile or the unit of the time stamps.
MAX_FRAME_RATE = 240

_INPUT = re.compile(r"^Input #\d+, ([\w,]+), from ", re.MULTILINE)
_DURATION = re.compile(
    r"^  Duration: (?:(\d+):(\d\d):(\d\d(?:\.\d+)?)|N/A)(?:, start: (-?\d+\.\d+))?(?:, bitrate: (\d+) kb/s)?",
    re.MULTILINE,
)
_ESTIMATED = "Estimating duration from bitrate"
# Streams of a group, such as a picture and its time code, are listed further to the right.
_STREAM = re.compile(r"^ +Stream #\d+:(\d+)\S*: (\w+): (\w+)?(.*)$", re.MULTILINE)
_DISPOSITIONS = re.compile(r"(?: \([a-z][a-z -]+\))+$")
_SIZE = re.compile(r"[, ](\d{1,6})x(\d{1,6})(?=[ ,\[]|$)")
_RATE = re.compile(r", (\d+(?:\.\d+)?)(k?) (fps|tbr)")
_HERTZ = re.compile(r" (\d+) Hz(?:, (\w[^,]*))?")
_ROTATION = re.compile(r"^ +display ?matrix: rotation of (-?\d+(?:\.\d+)?) degrees", re.MULTILINE | re.IGNORECASE)
#: Matrix, primaries and transfer of pictures of high dynamic range.
_LIGHT = re.compile(r"[(, ]([\w.-]+)/([\w.-]+)/(smpte2084|arib-std-b67)\b")
_CROPPED = re.compile(r"^ +frame ?cropping: (\d+)/(\d+)/(\d+)/(\d+)", re.MULTILINE | re.IGNORECASE)
#: What Matroska says of a stream that is encrypted.
_KEY = re.compile(r"^ +enc_key_id +: ", re.MULTILINE)
_TAGGED = re.compile(r"^ +DURATION +: (\d+):(\d\d):(\d\d(?:\.\d+)?)", re.MULTILINE)
#: Pictures that are no moving ones, and sounds that are made for few listeners.
_NO_CLIP = frozenset({"attached pic", "timed thumbnails", "still image"})
_ASIDE = frozenset({"comment", "visual impaired", "descriptions", "karaoke", "lyrics", "clean effects"})
#: Containers whose stated length is the time of their end, wherever they begin. That of Ogg is with Opus and with
#: FLAC, of which nothing tells where it begins.
_ENDS = ("matroska", "nut", "asf", "wtv")
#: Containers whose length is that between the first and the last time stamp, which jump where two were joined.
JUMPING = ("mpegts", "mpeg")
#: Of those, kbit/s below which the stamps jump, with pictures and without: the clock alone takes fifteen of them.
_FEWEST_KBITS = {True: 96, False: 12}


class Light(NamedTuple):
    """What the values of a picture of high dynamic range mean, by ffmpeg's names: its matrix, primaries, transfer."""

    matrix: str
    primaries: str
    transfer: str


@dataclass(frozen=True)
class Stream:
    """One stream of a file.

    Attributes:
        number: in its file, from 0 on.
        kind: ``Video``, ``Audio``, ``Data``, …
        codec: ffmpeg's name of it.
        marks: its dispositions, such as ``default``.
        width, height: as it is shown, cropped and turned, pixels; 0 where unknown.
        rotation: degrees by which it is to be turned.
        altered: it is to be turned, mirrored or cropped before it is shown.
        frame_rate: frames a second as stated; 0 where unknown or beyond :data:`MAX_FRAME_RATE`.
        mean_rate: likewise, 0 where the file states no mean one.
        sample_rate: Hz; 0 where unknown.
        layout: of the channels, ``mono``, ``5.1(side)``, …
        end: where its own tag says that it ends, seconds; 0 without one.
        light: of a picture of high dynamic range (PQ, HLG); None of any other.
    """

    number: int
    kind: str
    codec: str
    marks: frozenset[str] = frozenset()
    width: int = 0
    height: int = 0
    rotation: float = 0.0
    altered: bool = False
    frame_rate: float = 0.0
    mean_rate: float = 0.0
    sample_rate: int = 0
    layout: str = ""
    end: float = 0.0
    light: Light | None = None

    @property
    def floats(self) -> bool:
        """Whether its samples are floating point numbers, which may lie beyond full scale."""
        return self.codec.startswith("pcm_f")

    @property
    def _order(self) -> tuple[bool, bool, bool]:
        return "default" not in self.marks, "forced" not in self.marks, bool(self.marks & _ASIDE)


@dataclass(frozen=True)
class Listing:
    """A file as ffmpeg lists it.

    Attributes:
        container: ffmpeg's names of it.
        duration: seconds as stated; 0 where the file does not say.
        start: the earliest time stamp, seconds.
        streams: in their order.
        estimated: the duration may be far off: it follows from the size, as if all were coded as densely as the
            beginning, or is the time of the end where nothing tells that of the beginning.
        ends: the duration is the time of the end, wherever the file begins.
        encrypted: a stream needs a key.
    """

    container: str = ""
    duration: float = 0.0
    start: float = 0.0
    streams: tuple[Stream, ...] = ()
    estimated: bool = False
    ends: bool = False
    encrypted: bool = False

    @property
    def videos(self) -> tuple[Stream, ...]:
        """The moving pictures, the one that counts first: marked as default, then forced, then in their order.

        Covers, thumbnails and what is marked as a still count only where there is nothing else.
        """
        videos = sorted((stream for stream in self.streams if stream.kind == "Video"), key=lambda item: item._order)
        return tuple(stream for stream in videos if not stream.marks & _NO_CLIP) or tuple(
            stream for stream in videos if "still image" in stream.marks
        )

    @property
    def sounds(self) -> tuple[Stream, ...]:
        """The sounds, the one that counts first: marked as default, then forced, those for few listeners last."""
        return tuple(
            sorted((stream for stream in self.streams if stream.kind == "Audio"), key=lambda item: item._order)
        )

    def first(self, kind: str) -> Stream | None:
        """The first stream of a kind that is no cover, whatever its marks."""
        return next((item for item in self.streams if item.kind == kind and "attached pic" not in item.marks), None)

    def stream(self, number: int) -> Stream | None:
        """The stream of that number."""
        return next((item for item in self.streams if item.number == number), None)

    @property
    def length(self) -> float:
        """Seconds from the first time stamp to the end as the container states it; 0 where it does not."""
        return self._from_start(self.duration)

    def length_of(self, *chosen: Stream | None) -> float:
        """Seconds from the first time stamp to the end of some streams, as far as the file states it itself; else 0.

        The container's length is that of its longest stream, and tells nothing of some where there are others.
        """
        numbers = {stream.number for stream in chosen if stream is not None}
        rest = [item for item in self.streams if item.number not in numbers and "attached pic" not in item.marks]
        if not rest:
            return 0.0 if self.estimated else self.length
        ends = [stream.end for stream in chosen if stream is not None]
        return self._from_start(max(ends)) if ends and all(ends) else 0.0

    def _from_start(self, end: float) -> float:
        return end - self.start if self.ends and 0 < self.start < end else end


def read_listing(text: str, ends: bool = False, shown: float = 0.0) -> Listing:
    """The listing of the one input in ffmpeg's standard error at log level ``info``.

    Args:
        text: of it.
        ends: the stated length of this MP4 file is the time of its end (:func:`affekt.media.movie_index.states_end`).
        shown: seconds that it is long at most, where not 0 (:func:`affekt.media.movie_index.shown_seconds`).
    """
    text = text.split("\nStream mapping:", 1)[0].split("\nOutput #", 1)[0]
    found, length = _INPUT.search(text), _DURATION.search(text)
    duration = _seconds(length.group(1, 2, 3)) if length and length[1] is not None else 0.0
    start = float(length[4]) if length and length[4] is not None else 0.0
    matches = list(_STREAM.finditer(text))
    edges = [match.start() for match in matches[1:]] + [len(text)]
    each = [_stream(match, text[match.end() : edge]) for match, edge in zip(matches, edges, strict=False)]
    # One that is of several programs is listed with each.
    streams = sorted({stream.number: stream for stream in each}.values(), key=lambda stream: stream.number)
    if found and found[1] in JUMPING and length and length[5] is not None:
        fewest = _FEWEST_KBITS[any(stream.kind == "Video" for stream in streams)]
        duration = duration if int(length[5]) >= fewest else 0.0
    duration = min(duration, shown) if shown else duration
    container = found[1] if found else ""
    in_ogg = {stream.codec for stream in streams} if container == "ogg" else set()
    ends = ends or container.startswith(_ENDS) or "opus" in in_ogg
    estimated, encrypted = (
        _ESTIMATED in text or "flac" in in_ogg,
        container.startswith("matroska") and _KEY.search(text),
    )
    return Listing(container, duration, start, tuple(streams), estimated, ends, bool(encrypted))


def _stream(match: re.Match[str], below: str) -> Stream:
    rest = match[4]
    marked = _DISPOSITIONS.search(rest)
    marks = frozenset(re.findall(r"\(([a-z -]+)\)", marked[0])) if marked else frozenset()
    size, sound, turned, tagged, light = (
        _SIZE.search(rest), _HERTZ.search(rest), _ROTATION.search(below), _TAGGED.search(below), _LIGHT.search(rest),
    )  # fmt: skip
    width, height = (int(size[1]), int(size[2])) if size else (0, 0)
    cropped = _CROPPED.search(below)
    if cropped:
        left, right, top, bottom = map(int, cropped.groups())
        width, height = max(0, width - left - right), max(0, height - top - bottom)
    rotation = float(turned[1]) if turned else 0.0
    if round(rotation / 90) % 2:
        width, height = height, width
    return Stream(
        int(match[1]), match[2], match[3] or "", marks, width, height, rotation, bool(turned or cropped),
        _rate(rest, "fps", "tbr"), _rate(rest, "fps"),
        int(sound[1]) if sound else 0, (sound[2] or "").strip() if sound else "",
        _seconds(tagged.group(1, 2, 3)) if tagged else 0.0, Light(*light.groups()) if light else None,
    )  # fmt: skip


def _rate(text: str, *kinds: str) -> float:
    """The first of some rates that is stated, ``fps`` the mean and ``tbr`` the usual one.

    Neither may be the unit of the time stamps.
    """
    rates = {kind: float(value) * (1000 if thousands else 1) for value, thousands, kind in _RATE.findall(text)}
    return next((rates[kind] for kind in kinds if 0 < rates.get(kind, 0) <= MAX_FRAME_RATE), 0.0)


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds = (float(part or 0) for part in parts)
    return hours * 3600 + minutes * 60 + seconds
