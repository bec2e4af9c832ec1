"""Pictures and sounds of kinds that nothing decodes: told, and where there are others of a file, those count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from affekt.ensemble.seen import WARNINGS
from affekt.media.prepare import prepare_file
from affekt.media.probe import probe
from affekt.media.windows import windows_of
from affekt.settings import MediaSettings
from tests.media.conftest import voiced

MakeClip = Callable[..., Path]

PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=2")
CODECS = ("-c:v:0", "mjpeg", "-c:a:0", "alac")


def renamed(clip: Path, path: Path, codec: bytes) -> Path:
    """A copy of a QuickTime file in which a codec has a name that nobody knows."""
    path.write_bytes(clip.read_bytes().replace(codec, b"xq" + codec[2:]))
    return path


def test_a_film_whose_picture_cannot_be_decoded_is_no_sound_alone(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path
) -> None:
    """It was answered about from its voice without a word."""
    film = make_clip("film.mov", *PICTURE, *voiced(2), *CODECS)
    prepared = prepare_file(renamed(film, tmp_path / "film.mov", b"jpeg"), settings)
    assert prepared.flags == ("no_video", "undecoded_video") and prepared.voice
    assert "cannot be decoded" in WARNINGS["undecoded_video"]
    assert probe(tmp_path / "film.mov").video_codec == "none"
    sound = make_clip("sound.wav", *voiced(2))
    assert prepare_file(sound, settings).flags == ("no_video",)


@pytest.mark.parametrize("codec", [b"jpeg", b"alac"])
def test_windows_have_the_picture_and_the_sound_that_can_be_decoded(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path, codec: bytes
) -> None:
    """As the whole clip has them; no part of it could be decoded."""
    twice = ("-map", "0", "-map", "0", "-map", "1", "-map", "1", *CODECS, "-c:v:1", "libx264", "-c:a:1", "aac")
    clip = renamed(make_clip("twice.mov", *PICTURE, *voiced(2), *twice), tmp_path / "twice.mov", codec)

    found = [prepare_file(window.file, settings) for window in windows_of(clip, 1.0, settings)]

    assert [(len(part.times), part.voice) for part in found] == [(25, True), (25, True)]
