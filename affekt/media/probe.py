"""What a media file says about itself: ffmpeg reads its header, nothing is decoded to the end."""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from imageio_ffmpeg import get_ffmpeg_exe

from affekt.errors import NO_FILE, MediaError
from affekt.media.ffmpeg_start import ENVIRONMENT, limited
from affekt.media.format_names import reason_of
from affekt.media.listing import JUMPING, read_listing
from affekt.media.movie_index import ENCRYPTED, edits_as_meant, is_encrypted, shown_seconds, states_end
from affekt.media.mp4_boxes import outer_boxes

#: Containers that a clip may come in. Anything else that ffmpeg would recognise is refused: among the rest are
#: playlists that name other files, and text that is "decoded" as pictures.
CONTAINERS = (
    "3gp,aac,ac3,aiff,amr,ape,apng,asf,au,avi,caf,dts,dv,eac3,flac,flv,gif,h264,hevc,ivf,m4a,matroska,mjpeg,mov,mp3,mp4,"
    "mpeg,mpegts,mpegvideo,mxf,nut,ogg,rm,tta,voc,w64,wav,webm,webp_anim,wtv,wv,yuv4mpegpipe"
)
#: Seconds for one file. A header takes milliseconds; this is for broken files and sleeping disks.
TIMEOUT = 20.0
_BATCH = 16  # files a process: the start of ffmpeg costs as much as the headers of ten clips
#: How far ffmpeg reads on in a file of which a stream begins later than it usually looks.
_FURTHER = ("-analyzeduration", "600M", "-probesize", "64M")

#: Where the description of a file begins: with what is said while it is opened.
_INPUT = re.compile(r"^(?:(?:\[|    Last message).*\n)*Input #\d+, ", re.MULTILINE)
_NOISE = re.compile(r"^(\[[^\]]*\] )?(At least one output file|Error opening input file|Error opening input files)")
#: The boxes of an MP4 file that hold pictures and sound, or say where they are.
_CONTENT = frozenset((b"moov", b"mdat", b"moof"))
#: Sizes in a RIFF file from which on its writer did not know better; they are those of the largest numbers.
_UNKNOWN = 0x7FFF0000
_CHANNELS = {"mono": 1, "stereo": 2}


@dataclass(frozen=True)
class MediaInfo:
    """The facts in a media file's header.

    Attributes:
        duration: seconds from the first time stamp to the end, or None where the container does not say.
        width: of the picture as it is shown (turned phones swap the two), pixels; 0 without a picture.
        height: likewise.
        has_video: whether there is a moving picture; the cover of a song is none.
        has_sound: whether there is a sound stream.
        frame_rate: frames a second, or None where unknown.
        sample_rate: of the sound, Hz; 0 without sound.
        channels: of the sound; 0 without sound or where the layout is none of mono and stereo.
        video_codec: ffmpeg's name of it, ``""`` without a picture.
        audio_codec: likewise.
        rotation: degrees by which the picture is to be turned.
        truncated: the container announces more bytes than the file has.
        videos, sounds: how many moving pictures and sounds there are; the other facts are of those that count.
        video_stream, sound_stream: the numbers of those in the file; -1 where there is none.
        sizes: width and height of each moving picture, the one that counts first.
        container: ffmpeg's names of it.
        estimated: the duration follows from the size, and may be far off.
    """

    duration: float | None
    width: int = 0
    height: int = 0
    has_video: bool = False
    has_sound: bool = False
    frame_rate: float | None = None
    sample_rate: int = 0
    channels: int = 0
    video_codec: str = ""
    audio_codec: str = ""
    rotation: float = 0.0
    truncated: bool = False
    videos: int = 0
    sounds: int = 0
    video_stream: int = -1
    sound_stream: int = -1
    sizes: tuple[tuple[int, int], ...] = ()
    container: str = ""
    estimated: bool = False


def probe(path: str | Path, *, timeout: float = TIMEOUT) -> MediaInfo:
    """Read the header of a media file; about 20 ms, nearly all of it the start of ffmpeg.

    Raises:
        MediaError: ``missing``, ``unreadable`` (no container that affekt takes, or damaged), or ``timeout``.
    """
    result = _probe_batch([Path(path)], timeout)[0]
    if isinstance(result, MediaError):
        raise result
    return result


def probe_all(
    paths: Sequence[str | Path], *, workers: int = 2, timeout: float = TIMEOUT
) -> Iterator[MediaInfo | MediaError]:
    """The header of every file, or the error that :func:`probe` would raise, in the order of ``paths``.

    Many files share one ffmpeg process, which is seven times faster than a process each.
    """
    files = [Path(path) for path in paths]
    batches = [files[first : first + _BATCH] for first in range(0, len(files), _BATCH)]
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for results in pool.map(lambda batch: _probe_batch(batch, timeout), batches):
            yield from results


def _probe_batch(paths: Sequence[Path], timeout: float) -> list[MediaInfo | MediaError]:
    results: list[MediaInfo | MediaError | None] = [_refused(path) for path in paths]
    todo = [number for number, result in enumerate(results) if result is None]
    together = len(todo)
    while todo:
        now = todo[:together]
        headers, failure = _headers([paths[number] for number in now], timeout)
        for number, header in zip(now, headers, strict=False):
            results[number] = _parse(_with_late_streams(header, paths[number], timeout), paths[number])
        todo = todo[len(headers) :]
        together = len(todo)
        if len(headers) == len(now):
            continue
        # ffmpeg stops at the first file that it cannot open: name it, and go on behind it.
        if failure.code == "timeout" and len(now) > 1:
            together = 1  # perhaps it is all of them that are slow: this one alone gets the whole time
            continue
        path = paths[todo[0]]
        message = failure.message
        if failure.code == "unreadable":
            message = f"ffmpeg cannot read it as a clip: {reason_of(path, message)}"
        results[todo[0]] = MediaError(message, code=failure.code, where=str(path))
        todo = todo[1:]
        together = len(todo)
    return [result for result in results if result is not None]


def _refused(path: Path) -> MediaError | None:
    """What is wrong with a file before ffmpeg is asked."""
    try:
        size = path.stat().st_size
    except OSError:
        return MediaError(NO_FILE, code="missing", where=str(path))
    if not path.is_file():
        return MediaError("is not a file", code="unreadable", where=str(path))
    if size == 0:
        return MediaError("the file is empty", code="unreadable", where=str(path))
    if is_encrypted(path):
        return MediaError(ENCRYPTED, code="unreadable", where=str(path))
    return None


def _with_late_streams(header: str, path: Path, timeout: float) -> str:
    """The description of a file, with streams that begin later than ffmpeg usually looks: in transport streams, say."""
    listing = read_listing(header)
    whole = all(stream.width for stream in listing.videos) and all(stream.sample_rate for stream in listing.sounds)
    if whole or not listing.container.startswith(JUMPING):
        return header
    return next(iter(_headers([path], timeout, _FURTHER)[0]), header)


def _headers(paths: Sequence[Path], timeout: float, more: Sequence[str] = ()) -> tuple[list[str], MediaError]:
    """ffmpeg's description of each file up to the first that it cannot open, and what failed there."""
    command = [get_ffmpeg_exe(), "-hide_banner", "-nostdin"]
    for path in paths:
        # Pictures one behind the other, which ffmpeg takes for one: the name alone tells that they are a film.
        formats = CONTAINERS + ",jpeg_pipe" * (path.suffix.lower() in (".mjpeg", ".mjpg"))
        command += ["-protocol_whitelist", "file", "-format_whitelist", formats]
        command += [word for name, value in edits_as_meant(path).items() for word in (f"-{name}", value)]
        command += [*more, "-i", f"file:{path.absolute()}"]
    failure: MediaError | None = None
    try:
        run = subprocess.run(
            limited(command, timeout), env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout
        )
        text = run.stderr.decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        text = (error.stderr or b"").decode(errors="replace")
        failure = MediaError(f"its header could not be read within {timeout:g} s", code="timeout")
    starts = [match.start() for match in _INPUT.finditer(text)]
    headers = [text[start:end] for start, end in zip(starts, [*starts, len(text)][1:], strict=True)]
    reason = _reason(headers[-1] if headers else text)
    return headers, failure or MediaError(reason, code="unreadable")


def _reason(text: str) -> str:
    """The last thing that ffmpeg said, without addresses and the file's name."""
    lines = [line for line in text.splitlines() if line.strip() and not _NOISE.match(line)]
    last = re.sub(r"^\[[^\]]*\] ", "", lines[-1]).strip() if lines else "no reason given"
    if "not on whitelist" in text:
        return "not a container that clips come in"
    if "moov atom not found" in text:
        return "its index (the moov atom) is not there; the end of the file is probably missing"
    return last.removeprefix("Error opening input: ")


def _parse(header: str, path: Path) -> MediaInfo | MediaError:
    listing = read_listing(header, states_end(path), shown_seconds(path))
    if listing.encrypted:
        return MediaError(ENCRYPTED, code="unreadable", where=str(path))
    video = next((stream for stream in listing.videos if stream.width), None)
    sound = listing.sounds[0] if listing.sounds else None
    facts: dict[str, Any] = {}
    if video is not None:
        facts |= {
            "has_video": True, "video_codec": video.codec, "width": video.width, "height": video.height,
            "frame_rate": video.frame_rate or None, "rotation": video.rotation, "video_stream": video.number,
        }  # fmt: skip
    if sound is not None:
        facts |= {
            "has_sound": True, "audio_codec": sound.codec, "sample_rate": sound.sample_rate,
            "channels": _CHANNELS.get(sound.layout, 0), "sound_stream": sound.number,
        }  # fmt: skip
    length = listing.length_of(*(stream for stream in (video, sound) if stream is not None)) or listing.length
    sizes = tuple((stream.width, stream.height) for stream in listing.videos)
    return MediaInfo(
        length or None, truncated=is_truncated(path), videos=len(listing.videos), sounds=len(listing.sounds),
        sizes=sizes, container=listing.container, estimated=listing.estimated, **facts,
    )  # fmt: skip


def is_truncated(path: Path) -> bool:
    """Whether an AVI, WAV or MP4 file ends before its content does as it says: ffmpeg reads those without a word."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] == b"RIFF" and len(start) == 12:
            # Writers count a few bytes too many, or say nothing of the whole, whose content is there.
            ends = [_riff_end(start, 0), _content_end(file, size)]
            return all(end > size + 1 for end in ends)
        if start[4:8] != b"ftyp":
            return False
        return any(end > size and name in _CONTENT for name, _, end in outer_boxes(file, size))


def _riff_end(header: bytes, position: int) -> float:
    """Where a chunk says that it ends; nowhere where its writer did not know, as into a pipe."""
    announced = int.from_bytes(header[4:8], "little")
    return position + 8 + announced if 0 < announced < _UNKNOWN else 0


def _content_end(file: IO[bytes], size: int) -> float:
    """The same of the chunk with the samples or the pictures; infinity where the file ends before it."""
    position = 12
    while position + 12 <= size:
        file.seek(position)
        header = file.read(12)
        if header[:4] == b"data" or (header[:4], header[8:]) == (b"LIST", b"movi"):
            return _riff_end(header, position)
        position += 8 + int.from_bytes(header[4:8], "little") + header[4] % 2
    return math.inf


def in_fragments(path: Path) -> bool:
    """Whether an MP4 file is one in fragments, as cameras and streams write them: nothing tells its whole length."""
    with path.open("rb") as file:
        if file.read(8)[4:] != b"ftyp":
            return False
        return any(name == b"moof" for name, _, _ in outer_boxes(file, path.stat().st_size))
