"""What the index of an MP4 file says of encryption and of edits that have no length, or show nothing."""

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
