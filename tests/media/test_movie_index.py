"""What a file says of encryption, and of edits that have no length, or show nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from affekt.errors import MediaError
from affekt.media.decode import decode
from affekt.media.probe import probe
from affekt.media.windows import windows_of
from affekt.settings import MediaSettings

MakeClip = Callable[..., Path]

PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=2")
TONE = ("-f", "lavfi", "-i", "sine=440:r=44100:d=2")
FAST = ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac")
KEY = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "1f" * 16, "-encryption_kid", "2a" * 16)


def edited(whole: bytes, seconds: int | None = None, media: int | None = None) -> bytes:
    """An MP4 file whose edits last as long, and begin in the media where, they are told."""
    made = bytearray(whole)
    at = 0
    while (at := made.find(b"elst", at + 1)) > 0:
        for place, value in ((at + 12, seconds), (at + 16, media)):
            if value is not None:
                made[place : place + 4] = value.to_bytes(4, "big", signed=True)
    return bytes(made)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("film.mp4", (*PICTURE, *TONE, *FAST)),
        ("fragments.mp4", (*PICTURE, *TONE, *FAST, "-movflags", "frag_keyframe+empty_moov")),
        ("sound.m4a", (*TONE, "-c:a", "aac", "-f", "mp4")),
    ],
)
def test_an_encrypted_file_is_called_so(
    make_clip: MakeClip, settings: MediaSettings, name: str, more: tuple[str, ...]
) -> None:
    """It had been accepted by its header, and refused for a fault of its decoder."""
    clip = make_clip(f"encrypted_{name}", *more, *KEY)
    for read in (probe, lambda path: decode(path, settings)):
        with pytest.raises(MediaError, match="is encrypted") as caught:
            read(clip)
        assert caught.value.code == "unreadable"


@pytest.mark.parametrize("kind", [b"drmi", b"encv"])
def test_a_film_of_which_the_sound_alone_is_not_encrypted_is_refused(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path, kind: bytes
) -> None:
    """Its voice had been answered about as if there were no picture."""
    whole = make_clip("to_protect.mp4", *PICTURE, *TONE, *FAST).read_bytes()
    clip = tmp_path / "protected.mp4"
    clip.write_bytes(whole.replace(b"avc1\0\0", kind + b"\0\0"))
    with pytest.raises(MediaError, match="is encrypted"):
        decode(clip, settings)


def element(name: bytes, content: bytes) -> bytes:
    """An element of EBML, with its size in eight bytes."""
    return name + (len(content) | 1 << 56).to_bytes(8, "big") + content


def with_a_key(webm: bytes) -> bytes:
    """A WebM file without an index, whose last track says that it is encrypted."""
    key = element(b"\x50\x35", b"\x47\xe1\x81\x05" + b"\x47\xe2\x90" + bytes(range(16)))
    kind = b"\x50\x31\x81\x00\x50\x32\x81\x01\x50\x33\x81\x01"
    said = element(b"\x6d\x80", element(b"\x62\x40", kind + key))
    tracks = webm.rindex(b"\x16\x54\xae\x6b", 0, webm.index(b"\x1f\x43\xb6\x75"))
    width = 9 - webm[tracks + 4].bit_length()
    start = tracks + 4 + width
    size = int.from_bytes(webm[tracks + 4 : start], "big") ^ 1 << 7 * width
    content = webm[start : start + size]
    at, entry = 0, 0
    while at < size:
        entry, digits = at, 9 - content[at + 1].bit_length()
        at += 1 + digits + (int.from_bytes(content[at + 1 : at + 1 + digits], "big") ^ 1 << 7 * digits)
    digits = 9 - content[entry + 1].bit_length()
    last = element(content[entry : entry + 1], content[entry + 1 + digits :] + said)
    return webm[:tracks] + element(webm[tracks : tracks + 4], content[:entry] + last) + webm[start + size :]


def test_an_encrypted_webm_is_called_so(make_clip: MakeClip, settings: MediaSettings, tmp_path: Path) -> None:
    codecs = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus", "-live", "1")
    plain = make_clip("to_protect.webm", *PICTURE, *TONE, *codecs)
    clip = tmp_path / "protected.webm"
    clip.write_bytes(with_a_key(plain.read_bytes()))
    for read in (probe, lambda path: decode(path, settings)):
        with pytest.raises(MediaError, match="is encrypted"):
            read(clip)
    assert probe(plain).videos == 1


def test_an_edit_without_a_length_goes_on_to_the_end_of_its_track(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path
) -> None:
    whole = make_clip("to_edit_open.mp4", *PICTURE, *TONE, *FAST)
    clip = tmp_path / "open.mp4"
    clip.write_bytes(edited(whole.read_bytes(), seconds=0))

    decoded, meant = decode(clip, settings), decode(whole, settings)

    assert decoded.times.tolist() == meant.times.tolist()
    assert decoded.sound.tolist() == meant.sound.tolist()
    assert probe(clip).duration == pytest.approx(2, abs=0.1)
    assert [len(decode(window.file, settings).times) for window in windows_of(clip, 1.0, settings)] == [25, 25]


@pytest.mark.parametrize("media", [-1, 1 << 24])
def test_edits_that_show_nothing_are_called_so(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path, media: int
) -> None:
    clip = tmp_path / "nothing.mp4"
    clip.write_bytes(edited(make_clip("to_edit_open.mp4", *PICTURE, *TONE, *FAST).read_bytes(), media=media))
    with pytest.raises(MediaError, match="edit list shows nothing"):
        decode(clip, settings)
