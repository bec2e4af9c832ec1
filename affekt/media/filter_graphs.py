"""The filters of decoded pictures and sound in this process, the same as ffmpeg's, with PyAV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from affekt.media.ffmpeg_command import picture_filters, sound_filter
from affekt.media.levels import Levels
from affekt.settings import MediaSettings

#: The pixels whose values each stand for themselves, whatever the size of the picture.
_PLANAR = "yuv420p"
_VALUES = 256


class Kind(NamedTuple):
    """What the filters of pictures depend on: the size, and libav's format, matrix and range of values."""

    width: int
    height: int
    format: str
    colorspace: int
    color_range: int

    @classmethod
    def of(cls, frame: Any) -> Kind:
        """That of a decoded picture."""
        return cls(frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range))


def picture_graph(kind: Kind, base: Fraction, shape: int, side: int) -> Any:
    """The filters of pictures.

    Args:
        kind: of the pictures.
        base: of their time stamps, seconds.
        shape: of their pixels, 1 for square ones and 0 where nothing is said of it.
        side: the short side, pixels, to which larger ones are reduced.
    """
    # PyAV's own source knows nothing of a picture's range and matrix.
    source = {
        "video_size": f"{kind.width}x{kind.height}", "pix_fmt": kind.format,
        "time_base": f"{base.numerator}/{base.denominator}", "pixel_aspect": f"{shape}/1",
        "colorspace": kind.colorspace, "range": kind.color_range,
    }  # fmt: skip
    arguments = ":".join(f"{name}={value}" for name, value in source.items())
    return _row(lambda graph: graph.add("buffer", arguments), picture_filters(side), "buffersink")


def sound_graph(stream: Any, settings: MediaSettings) -> Any:
    """The filter of sound, for one stream."""
    return _row(
        lambda graph: graph.add_abuffer(template=stream, time_base=stream.time_base),
        [sound_filter(settings)],
        "abuffersink",
    )


def given(graph: Any) -> Iterator[Any]:
    """What a graph of sound has ready."""
    while True:
        try:
            yield graph.pull()
        except (BlockingIOError, EOFError):
            return


@lru_cache(64)
def levels_of(kind: Kind, side: int) -> tuple[Levels, ...] | None:
    """What the filters make of each value in each of the three planes.

    None where a pixel becomes anything but a function of its own value, as where pictures are reduced. The filters
    themselves say so, of a picture of noise.
    """
    if kind.format != _PLANAR or kind.width % 2 or kind.height % 2 or kind.width * kind.height < 4 * _VALUES:
        return None
    from av import VideoFrame  # heavy, and only where files are decoded in this process

    random = np.random.default_rng(0)
    before = random.permuted(np.resize(np.arange(_VALUES, dtype=np.uint8), kind.width * kind.height * 3 // 2))
    areas = kind.width * kind.height * np.array([4, 5, 6]) // 4
    for plane in np.split(before, areas[:2]):  # each holds all values
        plane[:_VALUES] = random.permutation(_VALUES)
    frame = VideoFrame.from_ndarray(before.reshape(-1, kind.width), format=kind.format)
    frame.colorspace, frame.color_range = kind.colorspace, kind.color_range
    frame.pts, frame.time_base = 0, Fraction(1, 1000)
    graph = picture_graph(kind, frame.time_base, 1, side)
    graph.vpush(frame)
    found = graph.vpull()
    if (found.width, found.height, found.format.name) != (kind.width, kind.height, _PLANAR):
        return None
    behind = found.to_ndarray().reshape(-1)
    levels = []
    for values, made in zip(np.split(before, areas[:2]), np.split(behind, areas[:2]), strict=True):
        table = np.zeros(_VALUES, np.uint8)
        table[values] = made
        if not np.array_equal(table[values], made):
            return None
        levels.append(Levels.of(table))
    return tuple(levels)


def _row(source: Callable[[Any], Any], filters: list[tuple[str, str]], sink: str) -> Any:
    """The filters in a row, behind what a function adds to the graph."""
    from av.filter import Graph  # heavy, see levels_of

    graph = Graph()
    graph.threads = 1
    last = source(graph)
    for name, arguments in [*filters, (sink, "")]:
        following = graph.add(name, arguments)
        last.link_to(following)
        last = following
    graph.configure()
    return graph
