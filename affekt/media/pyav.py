"""Decodes plain, whole files with PyAV in this process, for processes of a pool of which one may die without harm.

What is decoded here is, picture by picture and sample by sample, what ffmpeg in a process of its own gives
(:mod:`affekt.media.ffmpeg_run`): of anything that is not plain, not whole or not understood nothing is decoded here,
and ffmpeg is asked. The libraries of another version may decode otherwise, so only those that were compared are used.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from affekt.media.downmix import Mix, mix
from affekt.media.ffmpeg_command import max_pixels, picture_side
from affekt.media.ffmpeg_log import FileReport, says_damage
from affekt.media.ffmpeg_run import FfmpegRun, out_of_time
from affekt.media.filter_graphs import Kind, given, levels_of, picture_graph, sound_graph
from affekt.media.frame_rate import step_for
from affekt.media.frames import Frames, Spill
from affekt.media.levels import Levels
from affekt.media.listing import MAX_FRAME_RATE, Listing, Stream, read_listing
from affekt.media.movie_index import shown_seconds
from affekt.media.pipes import MAX_PICTURE_BYTES, times_at
from affekt.media.probe import in_fragments, is_truncated
from affekt.settings import MediaSettings

#: The versions of PyAV and of the package with ffmpeg whose pictures and samples are equal.
COMPARED = {"av": "18.1.0", "imageio-ffmpeg": "0.8.1"}
#: The system and the processors on which they were compared: others have libraries that were built otherwise.
SYSTEM = ("linux", "x86_64")
#: Containers and codecs of which that was seen.
CONTAINERS = ("mov", "matroska")
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
VIDEO_CODECS = frozenset({"h264", "hevc", "vp9", "vp8", "mpeg4", "ffv1"})
AUDIO_CODECS = frozenset({"aac", "mp3", "opus", "vorbis", "flac", "pcm_s16le"})
#: The containers whose sound may end within its last packet, where this or the stream says that it ends.
_ENDS_WITHIN = "mov"
#: Codecs whose last packet ffmpeg keeps whole there.
_ENDS_LATER = frozenset({"opus"})
#: Frames that are decoded before any is looked at, and frames of sound that the filter is given before it is asked
#: what it has ready, at most; and bytes of such pictures, which the processor's caches shall hold.
_AT_ONCE, _AT_ONCE_BYTES = 24, 4 << 20
_allowed = False


class _NotPlain(Exception):
    """The file is one for ffmpeg."""


def allow() -> None:
    """Decode plain files in this process from here on. It must be one whose sudden end does no harm."""
    global _allowed
    _allowed = _compared()


@cache
def _compared() -> bool:
    if os.environ.get("IMAGEIO_FFMPEG_EXE") or (sys.platform, platform.machine()) != SYSTEM:
        return False
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return all(importlib.metadata.version(name) == version for name, version in COMPARED.items())
    return False


def run_pyav(path: Path, settings: MediaSettings, deadline: float) -> FfmpegRun | None:
    """What :func:`affekt.media.ffmpeg_run.run_ffmpeg` gives for a plain file; None for any other, and where it is not
    allowed.

    Raises:
        MediaError: ``timeout``.
    """
    if not _allowed or is_truncated(path) or in_fragments(path):
        return None
    import av.logging  # heavy, and only where it is allowed

    av.logging.set_level(av.logging.INFO)
    try:
        with path.open("rb") as file, av.logging.Capture() as said:
            options = {"fd": str(file.fileno()), "protocol_whitelist": "fd", "format_whitelist": _FORMATS}
            with av.open("fd:", options=options) as container:
                result = _run(container, path, settings, deadline)
    except (_NotPlain, av.FFmpegError, ValueError, OverflowError):
        return None
    return None if any(level <= av.logging.WARNING or says_damage(text) for level, _, text in said) else result


def _run(container: Any, path: Path, settings: MediaSettings, deadline: float) -> FfmpegRun:
    listing = read_listing(container.dumps_format(), shown=shown_seconds(path))
    shown, heard = _streams(container, listing, settings)
    video = container.streams[shown.number]
    audio = container.streams[heard.number] if heard else None
    pictures = _Pictures(video, path, settings)
    sound = _Sound(audio, settings, listing) if audio else None
    at_once = min(_AT_ONCE, 1 + _AT_ONCE_BYTES // max(1, shown.width * shown.height * 3 // 2))
    taken: list[tuple[_Pictures | _Sound, Any, int]] = []
    for packet in container.demux([stream for stream in (video, audio) if stream]):
        if time.monotonic() >= deadline:
            raise out_of_time(path, settings)
        if packet.is_corrupt:
            raise _NotPlain
        taker = pictures if packet.stream is video else sound
        assert taker is not None
        duration = packet.duration or 0
        taken += [(taker, frame, duration) for frame in packet.decode()]
        if len(taken) >= at_once:
            _take(taken)
    _take(taken)
    frames, times = pictures.ended(shown)
    mixed, start = sound.ended(heard.layout) if sound and heard else (Mix(np.empty(0, np.int16)), 0.0)
    return FfmpegRun(frames, times, mixed.samples, start, FileReport(listing), 0, apart=mixed.apart)


def _take(frames: list[tuple[_Pictures | _Sound, Any, int]]) -> None:
    """Give frames to what takes them; many at a time, since the decoder between them empties the processor's caches."""
    for taker, frame, duration in frames:
        if frame.is_corrupt or frame.pts is None:
            raise _NotPlain
        taker.take(frame, duration)
    frames.clear()


def _streams(container: Any, listing: Listing, settings: MediaSettings) -> tuple[Stream, Stream | None]:
    """The one picture and the one sound of a file.

    Raises:
        _NotPlain: there are others, or one is not as plain as what was compared.
    """
    videos, sounds = listing.videos, listing.sounds
    plain = (
        listing.container.startswith(CONTAINERS)
        and len(videos) == 1
        and len(listing.streams) == len(container.streams) == 1 + len(sounds) <= 2
        and videos[0].codec in VIDEO_CODECS
        and all(sound.codec in AUDIO_CODECS and not sound.layout.endswith("channels") for sound in sounds)
        and not (listing.container.startswith(_ENDS_WITHIN) and any(sound.codec in _ENDS_LATER for sound in sounds))
        and not videos[0].altered
        and videos[0].light is None
        and videos[0].frame_rate > 0
        and step_for(videos[0].mean_rate) == 1
        and container.start_time == 0
        and 0 < listing.length_of(*videos, *sounds) <= settings.max_seconds
    )
    if not plain:
        raise _NotPlain
    return videos[0], sounds[0] if sounds else None


class _Pictures:
    """The pictures of one stream, as they are decoded."""

    def __init__(self, stream: Any, path: Path, settings: MediaSettings) -> None:
        context = stream.codec_context
        pixels = max_pixels(path, settings)
        if context.width * context.height > pixels or stream.sample_aspect_ratio not in (None, 0, 1):
            raise _NotPlain
        context.thread_count, context.thread_type = 1, "NONE"
        context.options = {"max_pixels": str(pixels)}
        self._stream, self._side = stream, picture_side(settings)
        self._graph: Any = None
        self._levels: tuple[Levels, ...] | None = None
        self._most = int(settings.max_seconds * MAX_FRAME_RATE)
        self._seconds = settings.max_seconds
        self._kind: Kind | None = None
        self._frames: Frames | None = None
        self._times: list[float] = []

    def take(self, frame: Any, duration: int) -> None:
        kind = Kind.of(frame)
        if self._kind is None:
            self._kind, self._levels = kind, levels_of(kind, self._side)
            if self._levels is None:
                shape = int(self._stream.sample_aspect_ratio or 0)
                self._graph = picture_graph(kind, self._stream.time_base, shape, self._side)
        if kind != self._kind or frame.rotation:
            raise _NotPlain
        if self._graph is not None:
            self._graph.vpush(frame)
            frame = self._graph.vpull()
        self._keep(frame)

    def _keep(self, frame: Any) -> None:
        base = frame.time_base  # a new fraction each time
        seconds = frame.pts * base.numerator / base.denominator
        if self._frames is None:
            self._frames = Frames(frame.width, frame.height, Spill())
        frames = self._frames
        late = seconds >= self._seconds or (self._times and seconds <= self._times[-1])
        if late or len(frames) >= self._most or len(frames) * frames.stride > MAX_PICTURE_BYTES:
            raise _NotPlain
        planes = [np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size) for plane in frame.planes]
        frames.add(planes, self._levels)
        self._times.append(seconds)

    def ended(self, stream: Stream) -> tuple[Frames, np.ndarray]:
        """All of them, and their times."""
        if self._frames is None or len(self._frames) < 2:
            raise _NotPlain
        stamps = [(seconds, True) for seconds in self._times]
        return self._frames, times_at(stamps, len(stamps), stream.frame_rate)


class _Sound:
    """The sound of one stream, as it is decoded."""

    def __init__(self, stream: Any, settings: MediaSettings, listing: Listing) -> None:
        self._cut = listing.container.startswith(_ENDS_WITHIN)
        if self._cut and (stream.start_time != 0 or not stream.duration or stream.time_base * stream.rate != 1):
            raise _NotPlain
        self._end = stream.duration
        self._last: tuple[Any, int] | None = None
        self._graph = sound_graph(stream, settings)
        self._kind: tuple[Any, ...] = ()
        self._most = int((settings.max_seconds + 2) * settings.sample_rate)
        self._parts: list[np.ndarray] = []
        self._start = 0.0
        self._count = self._waiting = 0

    def take(self, frame: Any, duration: int) -> None:
        kind = (frame.sample_rate, frame.format.name, frame.layout.name)
        self._kind = self._kind or kind
        if kind != self._kind:
            raise _NotPlain
        if self._last:
            self._push(self._last[0])
        self._last = frame, duration

    def _push(self, frame: Any) -> None:
        self._graph.push(frame)
        self._waiting += 1
        if frame is None or self._waiting >= _AT_ONCE:  # asking once too often, as each time, costs as much as a frame
            self._waiting = 0
            self._pull()

    def _pull(self) -> None:
        for frame in given(self._graph):
            if not self._parts:
                self._start = frame.pts * frame.time_base.numerator / frame.time_base.denominator
            channels = frame.layout.nb_channels
            values = np.frombuffer(frame.planes[0], np.int16, frame.samples * channels)
            self._parts.append(values.reshape(-1, channels))
            self._count += frame.samples
            if self._count > self._most:
                raise _NotPlain

    def ended(self, layout: str) -> tuple[Mix, float]:
        """Its channels as one, and when it starts."""
        if self._last:
            frame, duration = self._last
            left = min(duration or frame.samples, self._end - frame.pts) if self._cut else frame.samples
            if left <= 0:
                raise _NotPlain
            self._push(_shortened(frame, left) if left < frame.samples else frame)
        self._push(None)
        if not self._count:
            raise _NotPlain
        return mix(np.concatenate(self._parts), layout), self._start


def _shortened(frame: Any, samples: int) -> Any:
    """The first samples of a frame."""
    from av import AudioFrame  # heavy, see run_pyav

    each = 1 if frame.format.is_planar else frame.layout.nb_channels
    values = np.ascontiguousarray(frame.to_ndarray()[:, : samples * each])
    short = AudioFrame.from_ndarray(values, format=frame.format.name, layout=frame.layout.name)
    short.sample_rate, short.pts, short.time_base = frame.sample_rate, frame.pts, frame.time_base
    return short
