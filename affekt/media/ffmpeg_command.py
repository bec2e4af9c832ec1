"""The command line of ffmpeg over one file: which streams it decodes, within which limits, and into which pipes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg

from affekt.media.listing import MAX_FRAME_RATE, Light
from affekt.media.movie_index import edits_as_meant
from affekt.media.probe import CONTAINERS
from affekt.settings import MediaSettings

#: A still picture is a clip of one frame.
_CONTAINERS = CONTAINERS + ",bmp_pipe,jpeg_pipe,png_pipe,webp_pipe"
#: The short side of the decoded picture, in face crops: a face of a quarter of the picture still fills its crop.
PICTURE_IN_CROPS = 4
#: Pixels of a still picture, in ``media.max_pixels``: one picture costs little, and phones take twelve million of them.
STILL_PIXELS = 8
#: How files of still pictures begin: JPEG, PNG, BMP, and WebP that is not animated.
_STILLS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM")
#: Brightness of what is white without being a light, and of the brightest lights that are told apart, candela a square
#: metre (ITU-R BT.2408).
_WHITE, _BRIGHTEST = 203, 1000
#: Matrices and primaries that the filter knows by their names; others are taken for those that PQ and HLG come with.
_MATRICES = ("bt709", "bt470bg", "smpte170m", "bt2020nc", "bt2020c", "gbr")
_PRIMARIES = ("bt709", "bt470bg", "smpte170m")
#: In place of a stream's number: the first of its kind that is no cover.
FIRST = -1


@dataclass(frozen=True)
class Picture:
    """The pictures to decode, to standard output as YUV4MPEG2.

    Attributes:
        stream: number of the stream, or :data:`FIRST`.
        times: descriptor of the pipe for their time stamps.
        side: the short side, pixels, to which larger ones are reduced.
        size: width and height, where they shall all have the same.
        step: of so many pictures one is decoded to the end.
        light: of pictures of high dynamic range.
    """

    stream: int
    times: int
    side: int
    size: tuple[int, int] | None = None
    step: int = 1
    light: Light | None = None


@dataclass(frozen=True)
class Sound:
    """The sound to decode, all channels, as an AU file of 16 bits, or of floating point numbers.

    Attributes:
        stream: number of the stream, or :data:`FIRST`.
        times: descriptor of the pipe for its time stamps.
        samples: descriptor of the pipe for the file.
        floats: the samples are floating point numbers, and stay so.
    """

    stream: int
    times: int
    samples: int
    floats: bool = False


@cache
def ffmpeg_binary() -> str:
    """The path of the ffmpeg that the package imageio-ffmpeg brings."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def picture_side(settings: MediaSettings) -> int:
    """The short side of decoded pictures, pixels: no smaller than detection and crops need, and no larger."""
    return max(settings.detection_height, PICTURE_IN_CROPS * settings.face_size)


def max_pixels(path: Path, settings: MediaSettings) -> int:
    """How many pixels a picture of a file may have: those of the settings, and :data:`STILL_PIXELS` times that many
    where there is one picture alone, by the first bytes of the file.
    """
    with path.open("rb") as file:
        return settings.max_pixels * (STILL_PIXELS if is_still(file.read(64)) else 1)


def is_still(head: bytes) -> bool:
    """Whether the first bytes of a file are those of one picture."""
    if b"acTL" in head:  # of a PNG that is animated
        return False
    return head.startswith(_STILLS) or (head[:4] == b"RIFF" and head[8:15] == b"WEBPVP8" and head[15:16] != b"X")


def command_line(path: Path, settings: MediaSettings, picture: Picture | None, sound: Sound | None) -> list[str]:
    """The command line, through ffmpeg-python's graph of one input and one or two outputs."""
    source = ffmpeg.input(
        "fd:",
        protocol_whitelist="fd",
        format_whitelist=_CONTAINERS,
        max_pixels=max_pixels(path, settings),
        threads=1,
        t=settings.max_seconds + 1,
        **edits_as_meant(path),
    )
    outputs = []
    if picture is not None:
        outputs.append(_picture(source[_specifier("V", picture.stream)], picture, settings))
    if sound is not None:
        resample = "=".join(sound_filter(settings, floats=sound.floats))
        stamps = _stamps(sound.times) | ({"acodec": "pcm_f32be"} if sound.floats else {})
        stream = source[_specifier("a", sound.stream)]
        outputs.append(ffmpeg.output(stream, f"pipe:{sound.samples}", format="au", af=resample, **stamps))
    # A decoder that fails at most of its packets would end the others too, wherever they are at that moment.
    graph = ffmpeg.merge_outputs(*outputs).global_args(
        "-hide_banner", "-nostdin", "-nostats", "-loglevel", "info", "-filter_threads", "1", "-max_error_rate", "1"
    )
    return [str(part) for part in graph.compile(cmd=ffmpeg_binary())]


def picture_filters(
    side: int, size: tuple[int, int] | None = None, light: Light | None = None
) -> list[tuple[str, str]]:
    """The filters of pictures, each with its arguments: square pixels in full-range BT.601, of even sizes.

    Args:
        side: the short side, pixels, to which larger ones are reduced.
        size: width and height, where they shall all have the same.
        light: of pictures of high dynamic range, which become what a camera without it would have made of the scene.
    """
    if size is None:
        # An absurd aspect ratio is cut off.
        wide = "iw*clip(sar,0.25,4)"
        ratio = f"min(1,{side}/min({wide},ih))"
        width = f"max(2,2*round({wide}*{ratio}/2))"
        height = f"max(2,2*round(ih*{ratio}/2))"
    else:
        width, height = map(str, size)
    scale = f"w='{width}':h='{height}':flags=bilinear"
    if light is None:
        return [("scale", f"{scale}:out_range=pc:out_color_matrix=bt601"), ("setsar", "1"), ("format", "yuv420p")]
    return [("scale", scale), ("setsar", "1"), *_as_seen_without(light), ("format", "yuv420p")]


def _as_seen_without(light: Light) -> list[tuple[str, str]]:
    """High dynamic range brought to the usual one: what is darker than white stays, what is brighter is compressed."""
    primaries = light.primaries if light.primaries in _PRIMARIES else "bt2020"
    matrix = light.matrix if light.matrix in _MATRICES else "bt2020nc"
    return [
        # A container and the pictures in it need not say the same.
        ("setparams", f"color_trc={light.transfer}:color_primaries={primaries}:colorspace={matrix}"),
        ("zscale", f"t=linear:npl={_WHITE}"),
        ("format", "gbrpf32le"),
        ("zscale", "p=bt709"),
        ("tonemap", f"tonemap=mobius:peak={_BRIGHTEST / _WHITE:.2f}"),
        ("zscale", "t=bt709:m=470bg:r=pc"),
    ]


def sound_filter(settings: MediaSettings, *, floats: bool = False) -> tuple[str, str]:
    """The filter of sound with its arguments.

    Sound that pauses between its time stamps is filled with silence, so that what follows is in its place.
    """
    return "aresample", f"osr={settings.sample_rate}:osf={'flt' if floats else 's16'}:async=1"


def _specifier(kind: str, stream: int) -> str:
    return f"{kind}:0" if stream == FIRST else str(stream)


def _stamps(pipe: int) -> dict[str, str]:
    # The time base of the filters is as fine as the file's; that of the encoder would round to a frame rate.
    return {
        "stats_enc_pre": f"pipe:{pipe}",
        "stats_enc_pre_fmt": "{pts} {tb} {ptsi}",
        "enc_time_base": "filter",
    }


def _picture(stream: Any, picture: Picture, settings: MediaSettings) -> Any:
    select = f"select='not(mod(n,{picture.step}))'," if picture.step > 1 else ""
    filters = ",".join("=".join(filter) for filter in picture_filters(picture.side, picture.size, picture.light))
    return ffmpeg.output(
        stream,
        "pipe:1",
        format="yuv4mpegpipe",
        vf=f"{select}{filters}",
        fps_mode="passthrough",
        strict="-1",
        **_stamps(picture.times),
        **{"frames:v": int(settings.max_seconds * MAX_FRAME_RATE) + 1},
    )
