"""Data sets that lie in S3 are read and checked as local ones are."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from affekt.checks.findings import check_source
from affekt.dataset import load_clips, read_faces, read_source
from affekt.dataset.manifest import manifest_of
from affekt.errors import DataError
from affekt.storage import upload_folder, write_bytes


def clip(path: Path, tone: int) -> bytes:
    """A short film with a tone."""
    source = ["-f", "lavfi", "-i", "testsrc=s=48x32:r=10:d=0.3", "-f", "lavfi", "-i", f"sine=f={tone}:d=0.3"]
    subprocess.run([get_ffmpeg_exe(), "-v", "error", "-y", *source, str(path)], check=True)
    return path.read_bytes()


def test_a_tree(bucket: str) -> None:
    for key in ("afew/Train_AFEW/Angry/1.avi", "afew/Val_AFEW/Sad/2.avi", "afew/notes.txt"):
        write_bytes(f"{bucket}/{key}", b"")
    table = load_clips(f"{bucket}/afew")
    assert [(item.id, item.uri, item.label, item.split) for item in table] == [
        ("Train_AFEW/Angry/1.avi", f"{bucket}/afew/Train_AFEW/Angry/1.avi", "angry", "train"),
        ("Val_AFEW/Sad/2.avi", f"{bucket}/afew/Val_AFEW/Sad/2.avi", "sad", "val"),
    ]


@pytest.mark.parametrize("uri", ["s3://clips/set", "s3://clips/set/", "s3://clips/set/manifest.csv"])
def test_a_manifest_names_objects_beside_it_and_elsewhere(bucket: str, uri: str) -> None:
    for key in ("set/a.mp4", "set/deep/b.mp4", "other/c.mp4", "other/d.mp4"):
        write_bytes(f"{bucket}/{key}", b"")
    rows = "a.mp4,sad,p1\ndeep/b.mp4,joy,p2\ns3://clips/other/c.mp4,fear,p3\n../other/d.mp4,fear,p4\n"
    write_bytes(f"{bucket}/set/manifest.csv", f"path,label,subject\n{rows}".encode())
    table = load_clips(uri)
    assert [item.id for item in table] == ["a.mp4", "deep/b.mp4", "s3://clips/other/c.mp4", "s3://clips/other/d.mp4"]
    assert [item.uri for item in table][2:] == [f"{bucket}/other/c.mp4", f"{bucket}/other/d.mp4"]
    assert table.subjects == ("p1", "p2", "p3", "p4")


@pytest.mark.parametrize("prefix", ["", "/setX"])
def test_ids_begin_behind_the_folder_of_the_manifest(bucket: str, prefix: str) -> None:
    write_bytes(f"{bucket}{prefix}/a.mp4", b"")
    write_bytes(f"{bucket}{prefix}/manifest.csv", b"path,label\na.mp4,sad\nb.mp4,sad\n")
    source = read_source(bucket + prefix)
    assert [item.id for item in source.table] == ["a.mp4", "b.mp4"]
    assert [problem.where for problem in source.problems] == [f"{bucket}{prefix}/manifest.csv:3"]


def test_the_manifest_of_a_prefix_may_have_another_ending_and_lies_in_no_folder_below(bucket: str) -> None:
    assert manifest_of(f"{bucket}/set") is None
    for key in ("set/manifest.d/x.csv", "set/Manifest.tsv"):
        write_bytes(f"{bucket}/{key}", b"")
    assert manifest_of(f"{bucket}/set") == f"{bucket}/set/Manifest.tsv"


def test_missing_objects_are_named_by_row(bucket: str) -> None:
    write_bytes(f"{bucket}/set/a.mp4", b"")
    rows = "a.mp4,sad\nb.mp4,sad\ns3://clips/elsewhere/c.mp4,sad\n"
    write_bytes(f"{bucket}/set/manifest.csv", f"path,label\n{rows}".encode())
    problems = read_source(f"{bucket}/set").problems
    assert [(problem.code, problem.where) for problem in problems] == [
        ("missing_file", f"{bucket}/set/manifest.csv:3"),
        ("missing_file", f"{bucket}/set/manifest.csv:4"),
    ]


def test_a_local_manifest_may_name_objects(bucket: str, tmp_path: Path) -> None:
    write_bytes(f"{bucket}/a.mp4", b"")
    (tmp_path / "mine.csv").write_text(f"uri,label\n{bucket}/a.mp4,sad\n{bucket}/b.mp4,sad\n")
    source = read_source(str(tmp_path / "mine.csv"))
    assert [problem.where for problem in source.problems] == [f"{tmp_path}/mine.csv:3"]


def test_missing_files_and_missing_objects_of_one_manifest_are_both_named(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(f"uri,label\nabsent.mp4,sad\n{bucket}/b.mp4,sad\n")
    source = read_source(str(tmp_path / "mine.csv"))
    assert [problem.where for problem in source.problems] == [f"{tmp_path}/mine.csv:2", f"{tmp_path}/mine.csv:3"]


def test_the_check_reads_headers_and_contents(bucket: str, tmp_path: Path) -> None:
    one, other = clip(tmp_path / "one.avi", 300), clip(tmp_path / "other.avi", 500)
    contents = {"train/sad/1.avi": one, "train/fear/2.avi": other, "val/sad/3.avi": one, "val/fear/4.avi": b"none"}
    for key, content in contents.items():
        write_bytes(f"{bucket}/set/{key}", content)
    report = check_source(f"{bucket}/set")
    assert report.to_dict()["clips"] == 4
    assert [(problem.code, problem.where) for problem in report.errors] == [
        ("duplicate_across_splits", f"{bucket}/set/val/sad/3.avi"),
        ("unreadable", f"{bucket}/set/val/fear/4.avi"),
    ]


def test_face_images_in_folders_in_an_archive_and_as_pixels(bucket: str, tmp_path: Path) -> None:
    picture = np.arange(16, dtype=np.uint8).reshape(4, 4)
    (tmp_path / "faces" / "train" / "sad").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "faces" / "train" / "sad" / "1.png"), picture)
    upload_folder(tmp_path / "faces", f"{bucket}/faces")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(tmp_path / "faces", arcname="faces")
    write_bytes(f"{bucket}/faces.tar.gz", packed.getvalue())
    values = " ".join(map(str, picture.ravel()))
    write_bytes(f"{bucket}/fer2013.csv", f"emotion,pixels,Usage\n4,{values},Training\n".encode())
    for uri in (f"{bucket}/faces", f"{bucket}/faces.tar.gz", f"{bucket}/fer2013.csv"):
        (face,) = read_faces(uri)
        assert (face.label, face.split) == ("sad", "train")
        assert np.array_equal(face.load()[:, :, 1], picture)


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("s3://no-such-bucket/set", "missing_bucket"),
        ("s3://clips/nothing", "missing_file"),
        ("s3://clips/x.csv", "missing_file"),
    ],
)
def test_a_data_set_that_is_not_there(bucket: str, uri: str, code: str) -> None:
    with pytest.raises(DataError) as caught:
        load_clips(uri)
    assert caught.value.code == code
    (error,) = check_source(uri).errors
    assert error.code == code
