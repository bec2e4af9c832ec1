"""What the header of a media file tells, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from affekt.errors import MediaError
from affekt.media.probe import MediaInfo, probe, probe_all


def test_picture_and_sound(tmp_path: Path, make_clip: Any) -> None:
    info = probe(make_clip(tmp_path / "a.mp4", seconds=0.5))
    assert info.duration == pytest.approx(0.5, abs=0.15)
    assert (info.has_video, info.width, info.height, info.frame_rate) == (True, 48, 32, 10)
    assert (info.has_sound, info.sample_rate, info.channels) == (True, 11025, 1)
    assert not info.truncated


@pytest.mark.parametrize(
    ("name", "streams"),
    [
        ("silent.mkv", (True, False)), ("voice.wav", (False, True)), ("a.webm", (True, True)), ("a.flv", (True, True)),
        ("-dash first, and 'quotes' %d.avi", (True, True)), ("a:b.avi", (True, True)), ("ünïcode.mov", (True, True)),
    ],
)  # fmt: skip
def test_streams_of_other_containers_and_names(
    tmp_path: Path, make_clip: Any, name: str, streams: tuple[bool, bool]
) -> None:
    plain = make_clip(tmp_path / f"made{Path(name).suffix}", picture=streams[0], sound=streams[1])
    plain.rename(tmp_path / name)
    info = probe(tmp_path / name)
    assert (info.has_video, info.has_sound) == streams


def test_a_phone_held_upright_swaps_width_and_height(tmp_path: Path, make_clip: Any) -> None:
    import subprocess

    from imageio_ffmpeg import get_ffmpeg_exe

    flat = make_clip(tmp_path / "flat.mp4")
    turned = tmp_path / "turned.mp4"
    command = [get_ffmpeg_exe(), "-v", "error", "-display_rotation", "90", "-i", str(flat), "-c", "copy", str(turned)]
    subprocess.run(command, check=True)
    info = probe(turned)
    assert (info.width, info.height, abs(info.rotation)) == (32, 48, 90)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "unreadable"),
        (b"not a film" * 100, "unreadable"),
        (b"RIFF\x00\x10\x00\x00AVI ", "unreadable"),
        (b"#EXTM3U\n#EXTINF:1,\nother.avi\n#EXT-X-ENDLIST\n", "unreadable"),
        (b"ffconcat version 1.0\nfile other.avi\n", "unreadable"),
        (None, "missing"),
    ],
    ids=["empty", "text", "header only", "playlist", "concat list", "absent"],
)
def test_what_is_no_clip_is_refused(tmp_path: Path, make_clip: Any, content: bytes | None, code: str) -> None:
    make_clip(tmp_path / "other.avi")
    if content is not None:
        (tmp_path / "x.avi").write_bytes(content)
    with pytest.raises(MediaError) as caught:
        probe(tmp_path / "x.avi")
    assert (caught.value.code, caught.value.where) == (code, str(tmp_path / "x.avi"))


def test_an_mp4_without_its_end_says_what_is_missing(tmp_path: Path, make_clip: Any) -> None:
    path = make_clip(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaError, match="end of the file"):
        probe(path)


@pytest.mark.parametrize("name", ["a.avi", "a.wav", "a.mp4"])
def test_a_file_shorter_than_its_header_says_is_truncated(tmp_path: Path, make_clip: Any, name: str) -> None:
    path = make_clip(tmp_path / name, picture=not name.endswith("wav"))
    assert not probe(path).truncated
    path.write_bytes(path.read_bytes()[:-500])
    assert probe(path).truncated


def test_many_files_come_back_in_order_with_errors_in_their_places(tmp_path: Path, make_clip: Any) -> None:
    good = make_clip(tmp_path / "good.avi", sound=False)
    bad = tmp_path / "bad.avi"
    bad.write_bytes(b"x" * 100)
    paths = [bad if number in (0, 5, 16, 17, 39) else good for number in range(40)]
    paths[20] = tmp_path / "absent.avi"
    results = list(probe_all(paths, workers=2))
    assert [isinstance(result, MediaInfo) for result in results] == [path == good for path in paths]
    assert all(str(path) == result.where for path, result in zip(paths, results, strict=True) if path != good)


def test_real_clips(shared_data: Path) -> None:
    edge = shared_data / "edge_media"
    info = probe(edge / "multi_person_1080p.mp4")
    assert (info.width, info.height, info.frame_rate, info.has_sound) == (1920, 1080, 25, True)
    assert not probe(edge / "no_audio_mpeg4.mp4").has_sound
    assert probe(edge / "face_noface.mov").video_codec == "hevc"
    with pytest.raises(MediaError, match="not a container"):
        probe(edge / "multiface.jpg")
