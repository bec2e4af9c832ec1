"""The index (``moov``) of an MP4 or QuickTime file: what is encrypted, and what the edit list of each track shows."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from affekt.media.mp4_boxes import children, outer_boxes

ENCRYPTED = (
    "is encrypted (DRM, Common Encryption), so that nothing can be decoded without its key; give a copy that is not "
    "protected"
)
_MOST_BYTES = 64 << 20
#: How samples are called that are encrypted: by Common Encryption, and by Apple.
_PROTECTED = frozenset((b"encv", b"enca", b"enct", b"encs", b"encm", b"drmi", b"drms"))
_PAUSE = -1
#: An edit: how many seconds it lasts, and from where in the media on, -1 for a pause.
Edit = tuple[float, int]


def is_encrypted(path: Path) -> bool:
    """Whether a track of a file says that its samples are encrypted."""
    return any(
        name in _PROTECTED
        for track in _tracks(index_of(path))
        for _, entries in _below(track, b"mdia", b"minf", b"stbl", b"stsd")
        for name, _ in children(entries[8:])
    )


def edits_of(path: Path) -> list[list[Edit]]:
    """The edits of each track; none of one without an edit list, and no track of another kind of file."""
    index = index_of(path)
    head = next((body for name, body in children(index) if name == b"mvhd"), bytes(1))
    scale = int.from_bytes(head[20:24] if head[0] else head[12:16], "big")
    if not scale:
        return []
    lists = [next((body for _, body in _below(track, b"edts", b"elst")), b"") for track in _tracks(index)]
    return [list(_edits(entries, scale)) if entries else [] for entries in lists]


def edits_as_meant(path: Path) -> dict[str, str]:
    """Options with which ffmpeg reads the edit lists of a file as they are meant; most need none.

    An edit without a length goes on to the end of its track, of which ffmpeg would show nothing; where a file is in
    fragments, all edits are so, and are understood.
    """
    if _in_fragments(path):
        return {}
    shown = ([length for length, media in edits if media != _PAUSE] for edits in edits_of(path))
    return {"advanced_editlist": "0"} if any(lengths and not any(lengths) for lengths in shown) else {}


def states_end(path: Path) -> bool:
    """Whether the length that ffmpeg states of a file is the time of its end: that is so of one in fragments, as where
    a broadcast was recorded amid it, but for one whose edits begin with a pause.
    """
    return _in_fragments(path) and not any(edits and edits[0][1] == _PAUSE for edits in edits_of(path))


def shown_seconds(path: Path) -> float:
    """How long a file is by its edits, from the first thing that they show; 0 where ffmpeg tells that itself.

    Where the edits of a track begin with a pause and end before its media do, ffmpeg counts that pause twice.
    """
    edits = edits_of(path)
    if not any(its and its[0][1] == _PAUSE for its in edits) or _in_fragments(path):
        return 0.0
    if any(media != _PAUSE and not length for its in edits for length, media in its):
        return 0.0
    lengths = [sum(length for length, _ in its) or _seconds(track) for its, track in _with_tracks(path, edits)]
    begins = [sum(length for length, _ in takewhile(lambda edit: edit[1] == _PAUSE, its)) for its in edits]
    return max(0.0, max(lengths) - min(begins))


def edited_away(path: Path) -> str:
    """A word for it where no edit of any track shows anything: all pause, or begin behind the end of their media."""
    edits = [
        media < 0 or media >= _duration(track) for its, track in _with_tracks(path, edits_of(path)) for _, media in its
    ]
    return "its edit list shows nothing of its pictures and sound" if edits and all(edits) else ""


def index_of(path: Path) -> bytes:
    """The content of the index; nothing of another kind of file, or of one that cannot be read."""
    try:
        with path.open("rb") as file:
            if file.read(8)[4:] != b"ftyp":
                return b""
            for name, start, end in outer_boxes(file, path.stat().st_size):
                if name == b"moov" and end - start <= _MOST_BYTES:
                    file.seek(start)
                    return file.read(end - start)
    except OSError:
        pass
    return b""


def _with_tracks(path: Path, edits: list[list[Edit]]) -> Iterator[tuple[list[Edit], bytes]]:
    return zip(edits, _tracks(index_of(path)), strict=False)


def _in_fragments(path: Path) -> bool:
    return any(name == b"mvex" for name, _ in children(index_of(path)))


def _tracks(index: bytes) -> list[bytes]:
    return [body for name, body in children(index) if name == b"trak"]


def _below(data: bytes, *names: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes at the end of a path of names."""
    first, *rest = names
    for name, body in children(data):
        if name == first:
            yield from _below(body, *rest) if rest else [(name, body)]


def _duration(track: bytes) -> int:
    """Of the media of a track, in its own units."""
    head = _media_head(track)
    return int.from_bytes(head[24:32] if head[0] else head[16:20], "big")


def _seconds(track: bytes) -> float:
    """The same in seconds; 0 where the units are not known."""
    head = _media_head(track)
    scale = int.from_bytes(head[20:24] if head[0] else head[12:16], "big")
    return _duration(track) / scale if scale else 0.0


def _media_head(track: bytes) -> bytes:
    return next((body for _, body in _below(track, b"mdia", b"mdhd")), bytes(1))


def _edits(entries: bytes, scale: int) -> Iterator[Edit]:
    form = struct.Struct(">QqI" if entries[0] else ">IiI")
    count = min(int.from_bytes(entries[4:8], "big"), (len(entries) - 8) // form.size)
    for number in range(count):
        length, media, _ = form.unpack_from(entries, 8 + number * form.size)
        yield length / scale, media
