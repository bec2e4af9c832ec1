"""Archives of face images: their limits, what is not taken from them, and what they cost in memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from affekt.checks import check_source
from affekt.dataset import archives, faces, read_faces
from affekt.dataset.faces import read_face_source
from affekt.errors import DataError


def png(value: int, side: int = 8) -> bytes:
    return bytes(cv2.imencode(".png", np.full((side, side), value, np.uint8))[1])


def tar_of(path: Path, files: dict[str, bytes], *, links: dict[str, str] | None = None) -> str:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return str(path)


def zip_of(path: Path, files: dict[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return str(path)


FACES = {"set/train/happy/a.png": png(1), "set/train/sad/b.png": png(2), "set/eval/sad/c.png": png(3)}


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_class_folders_in_an_archive_read_from_several_threads(tmp_path: Path, make) -> None:
    found = read_faces(make(tmp_path / ("x.zip" if make is zip_of else "x.tar"), FACES))
    assert [(face.label, face.split) for face in found] == [("sad", "val"), ("happy", "train"), ("sad", "train")]
    with ThreadPoolExecutor(4) as pool:
        values = list(pool.map(lambda face: int(face.load()[0, 0, 0]), found * 50))
    assert values == [3, 1, 2] * 50


def test_the_pictures_of_an_archive_are_not_held_in_memory(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    files = {f"sad/{number}.png": noise.bytes(1 << 20) for number in range(24)}
    archive = tar_of(tmp_path / "x.tar", files)
    tracemalloc.start()
    found = read_faces(archive)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 24
    assert kept < 2 << 20 and peak < 8 << 20
    assert found[3].content() == files[found[3].id]


def test_a_picture_that_is_too_large_is_left_out_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "MAX_PICTURE_BYTES", 1000)
    found, problems = read_face_source(zip_of(tmp_path / "x.zip", {**FACES, "set/eval/sad/d.png": bytes(5000)}))
    assert len(found) == 3
    (problem,) = problems
    assert (problem.code, problem.where.endswith("#set/eval/sad/d.png")) == ("too_large", True)


@pytest.mark.parametrize(
    ("module", "limit", "value"),
    [(faces, "MAX_ARCHIVE_BYTES", 100), (archives, "MAX_MEMBERS", 2), (archives, "MAX_UNPACKED", 100)],
)
def test_an_archive_over_a_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module, limit: str, value: int
) -> None:
    monkeypatch.setattr(module, limit, value)
    for archive in (zip_of(tmp_path / "x.zip", FACES), tar_of(tmp_path / "x.tar", FACES)):
        with pytest.raises(DataError, match="unpack it and give the folder") as caught:
            read_faces(archive)
        assert caught.value.code == "too_large"


@pytest.mark.parametrize("stated", [None, 1])
@pytest.mark.parametrize("large", [False, True])
def test_a_zip_of_too_many_files_is_refused_before_they_are_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool, stated: int | None
) -> None:
    """A million files, of a hundred megabytes, took a gigabyte."""
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2 if large else 1000)
    whole = bytearray(
        Path(zip_of(tmp_path / "x.zip", {f"happy/{number}.png": b"" for number in range(50)})).read_bytes()
    )
    assert (b"PK\x06\x06" in whole) == large
    if stated:  # a number of entries that is a lie
        for sign, place, size in ((b"PK\x05\x06", 10, 2), (b"PK\x06\x06", 32, 8)):
            if (at := whole.rfind(sign)) >= 0:
                whole[at + place : at + place + size] = stated.to_bytes(size, "little")
    (tmp_path / "x.zip").write_bytes(whole + b"behind it")
    monkeypatch.setattr(archives, "MAX_MEMBERS", 49)
    read: list[object] = []
    monkeypatch.setattr(zipfile, "ZipFile", read.append)

    with pytest.raises(DataError, match="holds more than 49 files") as caught:
        read_faces(str(tmp_path / "x.zip"))

    assert caught.value.code == "too_large"
    assert not read


def test_a_member_that_is_larger_than_it_says_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = Path(zip_of(tmp_path / "x.zip", {"sad/a.png": bytes(1 << 20)}))
    content = path.read_bytes()
    # The size stands in the local header and in the directory at the end.
    path.write_bytes(content.replace((1 << 20).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(DataError) as caught:
        read_faces(str(path))
    assert caught.value.code == "unreadable"


def test_links_in_an_archive_are_told(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "x.tar", FACES, links={"set/train/sad/l.png": "b.png", "set/up": "../.."})
    found, problems = read_face_source(archive)
    assert len(found) == 3
    (problem,) = problems
    assert problem.message.startswith("2 entries of the archive are links and not followed")


def test_two_tables_of_pixels_in_an_archive_are_asked_about(tmp_path: Path) -> None:
    table = b"emotion,pixels\n0,1 2 3 4\n"
    with pytest.raises(DataError, match=r"several tables of pixels \(train.csv, icml.csv\)"):
        read_faces(zip_of(tmp_path / "x.zip", {"train.csv": table, "icml.csv": table}))


def test_pictures_beside_a_table_of_pixels_are_told(tmp_path: Path) -> None:
    found, problems = read_face_source(
        zip_of(tmp_path / "x.zip", {**FACES, "a.csv": b"emotion,pixels\nhappy,1 2 3 4\n2.0,1 2 3 4\n"})
    )
    assert [face.label for face in found] == ["happy", "fear"]
    assert [problem.message for problem in problems] == ["left out beside the table of pixels: 3 picture files"]


def test_what_else_lies_beside_a_table_of_pixels_is_told(tmp_path: Path) -> None:
    files = {"fer.csv": b"emotion,pixels\nhappy,1 2 3 4\n", "test.csv": b"pixels\n1 2 3 4\n", "README": b"x"}
    (tmp_path / "folder").mkdir()
    for name, content in files.items():
        (tmp_path / "folder" / name).write_bytes(content)
    for source in (zip_of(tmp_path / "x.zip", files), str(tmp_path / "folder")):
        found, (problem,) = read_face_source(source)
        assert len(found) == 1
        assert problem.code == "left_out" and "1 .csv" in problem.message and "README" in problem.message


def test_a_tar_that_was_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    content = Path(tar_of(tmp_path / "x.tar", {f"sad/{number}.png": png(number) for number in range(3)})).read_bytes()
    whole = content.rstrip(b"\0")
    cut = tmp_path / "cut.tar"
    for size in range(700, len(whole), 100):
        cut.write_bytes(content[:size])
        with pytest.raises(DataError, match="not a readable archive") as caught:
            read_faces(str(cut))
        assert caught.value.code == "unreadable"


@pytest.mark.parametrize("packing", ["", "gz", "xz"])
def test_archives_that_were_joined_are_refused_and_not_read_in_part(tmp_path: Path, packing: str) -> None:
    parts = []
    for label in ("sad", "happy"):
        with tarfile.open(tmp_path / label, f"w:{packing}") as archive:
            member = tarfile.TarInfo(f"{label}/a.png")
            member.size = len(png(1))
            archive.addfile(member, io.BytesIO(png(1)))
        parts.append((tmp_path / label).read_bytes())
    (tmp_path / "joined.tar").write_bytes(b"".join(parts))
    with pytest.raises(DataError, match="perhaps another archive"):
        read_faces(str(tmp_path / "joined.tar"))


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_an_archive_that_was_packed_in_several_streams_is_whole(tmp_path: Path, ending: str, pack) -> None:
    content = Path(tar_of(tmp_path / "x.tar", FACES)).read_bytes()
    packed = tmp_path / f"faces.tar.{ending}"
    packed.write_bytes(pack(content[:1000]) + pack(content[1000:]))
    assert len(read_faces(str(packed))) == len(FACES)


def test_an_encrypted_archive_says_so(tmp_path: Path) -> None:
    path = Path(zip_of(tmp_path / "x.zip", FACES))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag in the directory
    path.write_bytes(content)
    with pytest.raises(DataError, match="encrypted"):
        read_faces(str(path))


def test_names_that_are_no_text_or_lead_outside_are_no_files_on_this_disk(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "x.tar", {**FACES, "../sad/out.png": png(4), "set/train/sad/caf\udce9.png": png(5)})
    before = set(tmp_path.rglob("*"))
    found, problems = read_face_source(archive)
    assert "bad_name" in {problem.code for problem in problems}
    assert len(found) <= 4
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_where_an_archive_was_made_hides_nothing_in_it(tmp_path: Path, make) -> None:
    """A dot in front had been taken for that of hidden files, and pictures were left out."""
    names = ("../train/happy/1.png", "./train/./sad/2.png", "/test//happy/3.png", "test/../test/sad/4.png")
    made = make(tmp_path / ("x.zip" if make is zip_of else "x.tar"), {name: png(1) for name in names})

    found, problems = read_face_source(made)

    ids = ["test/happy/3.png", "test/test/sad/4.png", "train/happy/1.png", "train/sad/2.png"]
    assert [face.id for face in found] == ids
    assert not problems


def test_a_zip_of_windows_has_folders_too(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "faces.zip", {"train\\happy\\1.png": png(1), "test\\sad\\2.png": png(2)})
    found = read_faces(path)
    assert [(face.id, face.label, face.split) for face in found] == [
        ("test/sad/2.png", "sad", "test"), ("train/happy/1.png", "happy", "train"),
    ]  # fmt: skip
    assert [int(face.load()[0, 0, 0]) for face in found] == [2, 1]


@pytest.mark.parametrize(
    ("names", "said"),
    [(["happy/a.mp4", "sad/b.wav"], "holds 2 clips and no pictures; unpack it"), ([], "found nothing")],
)
def test_an_archive_without_pictures_says_what_to_do(tmp_path: Path, names: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_faces(zip_of(tmp_path / "x.zip", dict.fromkeys(names, b"x")))


def test_an_archive_of_another_kind_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "x.7z").write_bytes(b"7z\xbc\xaf\x27\x1c")
    assert "unpack an archive of another kind" in check_source(str(tmp_path / "x.7z")).problems[0].message
