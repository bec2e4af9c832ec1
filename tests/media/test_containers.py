"""Sounds and films in whatever container they come are taken, and what is none is called by its name."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import MediaError
from affekt.media.decode import decode
from affekt.media.ffmpeg_command import is_still
from affekt.media.format_names import format_name
from affekt.media.probe import probe
from affekt.settings import MediaSettings

MakeClip = Callable[..., Path]


@pytest.mark.parametrize("ending", ["aiff", "aifc", "au", "caf", "voc", "w64", "wv", "tta", "ac3", "eac3", "ra", "amr"])
def test_sounds_of_many_containers(make_clip: MakeClip, settings: MediaSettings, ending: str) -> None:
    rate = 8000 if ending == "amr" else 48000
    path = make_clip(f"tone.{ending}", "-f", "lavfi", "-i", f"sine=440:r={rate}:d=1", "-ac", "1")
    info = probe(path)
    assert (info.has_sound, info.has_video) == (True, False)
    assert len(decode(path, settings).sound) / settings.sample_rate == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("ending", ["apng", "mxf", "nut", "rm", "y4m", "ivf", "mjpeg"])
def test_films_of_many_containers(make_clip: MakeClip, settings: MediaSettings, ending: str) -> None:
    path = make_clip(f"film.{ending}", "-f", "lavfi", "-i", "testsrc2=s=176x144:r=25:d=1")
    assert probe(path).has_video
    decoded = decode(path, settings)
    assert (len(decoded.frames), decoded.seconds) == (25, pytest.approx(1, abs=0.05))


def test_an_animated_png_is_no_still_whatever_it_is_called(make_clip: MakeClip, settings: MediaSettings) -> None:
    made = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=1")
    animated = make_clip("moves.png", *made, "-f", "apng")
    still = make_clip("still.png", *made, "-frames:v", "1", "-update", "1")
    assert (is_still(animated.read_bytes()[:64]), is_still(still.read_bytes()[:64])) == (False, True)
    assert len(decode(animated, settings).frames) == 10
    assert len(decode(still, settings).frames) == 1


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"#EXTM3U\n#EXTINF:3,\nx.ts\n", "a playlist (M3U, HLS)"),
        (b".SoX" + bytes(90), "a sound of SoX"),
        (b"CWS\x06" + bytes(90), "a Flash film (SWF)"),
        (b"%PDF-1.7\n\xe2\xe3", "a document (PDF)"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><title>404", "a web page, perhaps that of a download that failed"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS, whose file `git lfs pull` fetches"),
        ("päth,label\n".encode(), "a text"),
        (bytes(900), "nothing but zeros"),
    ],
)
def test_what_is_no_clip_is_called_by_its_name(
    tmp_path: Path, settings: MediaSettings, content: bytes, name: str
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    for read in (probe, lambda path: decode(path, settings)):
        with pytest.raises(MediaError) as told:
            read(path)
        assert f"it is {name}, not a container that clips come in" in told.value.message


def test_a_container_that_nobody_knows_by_its_bytes_is_called_by_its_ending(make_clip: MakeClip) -> None:
    path = make_clip("tone.sbc", "-f", "lavfi", "-i", "sine=440:r=16000:d=1")
    with pytest.raises(MediaError, match=r"not a container that clips come in; its name ends in \.sbc"):
        probe(path)


def test_clips_and_what_cannot_be_read_have_no_such_name(make_clip: MakeClip, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "packed.mp4", "w") as archive:
        archive.writestr("clip.mp4", "x")
    assert format_name(tmp_path / "packed.mp4") == "a ZIP archive"
    clip = make_clip("plain.webm", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=0.3")
    assert [format_name(path) for path in (clip, tmp_path / "absent", tmp_path)] == ["", "", ""]


@pytest.mark.parametrize("later", [500, 20, -1])
def test_two_recordings_of_a_stream_that_were_joined_last_as_long_as_both(
    make_clip: MakeClip, pattern: list[str], settings: MediaSettings, tmp_path: Path, later: int
) -> None:
    """The time stamps jump between them: the length that they make was refused, or the rest said to be missing."""
    first = make_clip("joined_first.ts", *pattern)
    second = make_clip(f"joined_{later}.ts", *pattern, "-output_ts_offset", str(abs(later)))
    parts = (
        [first, second]
        if later > 0
        else [second, make_clip("joined_late.ts", *pattern, "-output_ts_offset", "900")][::-1]
    )
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    decoded = decode(joined, settings)
    assert (len(decoded.frames), decoded.truncated) == (150, False)
    assert decoded.seconds == pytest.approx(6, abs=0.2)
    assert (probe(joined).duration is None) == (later != 20)


@pytest.mark.parametrize("container", ["mkv", "webm"])
def test_of_a_film_that_was_written_behind_another_both_picture_and_sound_go_on_where_it_is_longer(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path, container: str
) -> None:
    """Its pictures had all been shown at the end of the first, beside no sound."""
    codecs = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus")
    parts = [
        make_clip(
            f"{seconds}_seconds.{container}",
            *("-f", "lavfi", "-i", f"testsrc2=s=64x48:r=25:d={seconds}"),
            *("-f", "lavfi", "-i", f"sine=440:r=48000:d={seconds}", *codecs),
        )
        for seconds in (2, 3)
    ]
    joined = tmp_path / f"joined.{container}"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))

    decoded = decode(joined, settings)

    assert np.diff(decoded.times) == pytest.approx(0.04, abs=2e-3)
    assert (len(decoded.times), decoded.seconds) == (pytest.approx(75, abs=2), pytest.approx(3, abs=0.1))
    assert decoded.report.damaged


@pytest.mark.parametrize(
    ("name", "codec"), [("dense.aac", ("aac", "-b:a", "256k")), ("dense.mp3", ("libmp3lame", "-q:a", "2"))]
)
def test_a_length_that_is_guessed_from_the_size_refuses_no_sound_and_calls_none_cut_off(
    make_clip: MakeClip, settings: MediaSettings, name: str, codec: tuple[str, ...]
) -> None:
    """Silence takes few bits, and what follows it had been taken for as much longer as it takes more of them."""
    sounds = ("-f", "lavfi", "-i", "anullsrc=r=44100:cl=mono:d=15", "-f", "lavfi", "-i", "anoisesrc=r=44100:d=15:a=0.3")
    joined = ("-filter_complex", "[0:a][1:a]concat=n=2:v=0:a=1", "-write_xing", "0")
    path = make_clip(name, *sounds, *(joined if name.endswith("mp3") else joined[:2]), "-c:a", *codec)

    decoded = decode(path, settings)

    assert (decoded.seconds, decoded.truncated) == (pytest.approx(30, abs=0.1), False)
