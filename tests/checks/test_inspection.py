"""What is read of each file: a header, a digest where another file can be the same, errors that stay with a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from affekt.checks import inspection
from affekt.checks.inspection import inspect_clips, inspect_faces
from affekt.dataset import Clip, read_faces
from affekt.dataset.faces import FaceImage

MakeClip = Callable[..., Path]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_only_files_of_equal_size_are_digested(tmp_path: Path, make_clip: MakeClip, workers: int) -> None:
    first = make_clip(tmp_path / "a.avi")
    (tmp_path / "b.avi").write_bytes(first.read_bytes())
    (tmp_path / "c.avi").write_bytes(first.read_bytes() + b"x")
    paths = [tmp_path / name for name in ("c.avi", "b.avi", "absent.avi", "a.avi", "gone.avi")]
    found = inspect_clips([Clip(path.name, str(path)) for path in paths], workers)
    assert [one.digest for one in found] == ["", digest(first), "", digest(first), ""]
    assert [one.info is not None for one in found] == [True, True, False, True, False]
    assert [one.error.code if one.error else "" for one in found] == ["", "", "missing", "", "missing"]


def test_empty_files_are_no_copies_of_each_other(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.avi").touch()
    found = inspect_clips([Clip(name, str(tmp_path / f"{name}.avi")) for name in "ab"])
    assert [(one.digest, one.info) for one in found] == [("", None)] * 2


def test_a_file_of_one_byte_can_have_a_copy(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.avi").write_bytes(b"x")
    found = inspect_clips([Clip(name, str(tmp_path / f"{name}.avi")) for name in "ab"])
    assert [one.digest for one in found] == [hashlib.sha256(b"x").hexdigest()] * 2
    assert all(one.error is not None for one in found)


def test_images_are_decoded_and_digested_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "_CHUNK", 2)
    faces = []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.full((8, 8), number, np.uint8))
        faces.append(FaceImage(path.name, str(path), "sad", ""))
    (tmp_path / "3.png").write_bytes(b"no picture")
    (tmp_path / "4.png").unlink()
    for workers in (0, 1):
        found = inspect_faces(faces, workers)
        assert [one.digest for one in found] == [*(digest(tmp_path / f"{number}.png") for number in range(4)), ""]
        assert [one.error is None for one in found] == [True, True, True, False, False]
        assert [one.info for one in found] == [None] * 5


def test_rows_of_pixels_are_digested(tmp_path: Path) -> None:
    rows = [" ".join([str(value)] * 2304) for value in (7, 9, 7)]
    lines = [f"{emotion},{row},Training" for emotion, row in zip((0, 3, 4), rows, strict=True)]
    (tmp_path / "fer.csv").write_text("\n".join(["emotion,pixels,Usage", *lines]) + "\n")
    first, second, third = inspect_faces(read_faces(str(tmp_path / "fer.csv")))
    assert first.digest == third.digest != second.digest and len(first.digest) == 64
    assert first.error is second.error is None


@pytest.mark.parametrize("count", [1, 16, 17])
def test_clips_elsewhere_come_back_in_their_places(
    tmp_path: Path, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    # As if the disk were an object store: what is fetched is a file of this machine.
    here = make_clip(tmp_path / "a.avi")
    monkeypatch.setattr(inspection, "is_remote", lambda uri: "far" in str(uri))
    clips = []
    for number in range(count):
        path = tmp_path / f"far{number}.avi"
        path.write_bytes(here.read_bytes() + bytes([number]))
        clips += [Clip(f"far{number}", str(path)), Clip(f"near{number}", str(here))]
    clips.append(Clip("gone", str(tmp_path / "far-gone.avi")))
    found = inspect_clips(clips, 1)
    far = [digest(tmp_path / f"far{number}.avi") for number in range(count)]
    assert [one.digest for one in found[:-1:2]] == far  # sizes of objects are not compared: each has its digest
    assert {one.digest for one in found[1::2]} == ({""} if count == 1 else {digest(here)})
    assert all(one.info for one in found[:-1]) and found[-1].info is None and found[-1].error is not None
