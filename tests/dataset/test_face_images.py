"""Still face images from all that FER2013 comes as."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from affekt.dataset import LABELS, read_faces
from affekt.dataset.faces import read_face_source
from affekt.errors import DataError, MediaError


def picture(value: int) -> np.ndarray:
    """A grey 48 x 48 gradient that starts at ``value``."""
    return ((np.arange(48 * 48).reshape(48, 48) + value) % 256).astype(np.uint8)


def row(emotion: object, value: int, usage: str) -> str:
    return f"{emotion},{' '.join(map(str, picture(value).ravel()))},{usage}\n"


KAGGLE = "emotion,pixels,Usage\n" + row(0, 1, "Training") + row(6, 2, "PublicTest") + row(3, 3, "PrivateTest")


@pytest.fixture
def class_folders(tmp_path: Path) -> Path:
    """Three pictures below ``faces/``."""
    for number, name in enumerate(("train/angry/a.png", "train/Happy/b.png", "PublicTest/sad/c.png")):
        path = tmp_path / "faces" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture(number))
    return tmp_path / "faces"


def pack(target: Path, mode: str, content: dict[str, bytes]) -> str:
    with tarfile.open(target, mode) as archive:  # type: ignore[call-overload]
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return str(target)


def test_the_kaggle_table(tmp_path: Path) -> None:
    (tmp_path / "fer2013.csv").write_text(KAGGLE)
    faces = read_faces(str(tmp_path / "fer2013.csv"))
    assert [(face.label, face.split) for face in faces] == [("angry", "train"), ("neutral", "val"), ("happy", "test")]
    assert len({face.id for face in faces}) == 3
    assert faces[1].uri.endswith("fer2013.csv:3")
    loaded = faces[1].load()
    assert (loaded.shape, loaded.dtype) == ((48, 48, 3), np.uint8)
    assert all(np.array_equal(loaded[:, :, channel], picture(2)) for channel in range(3))


def test_the_kaggle_table_with_other_columns_gzipped_in_a_folder_or_in_a_tar(tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_text(KAGGLE)
    expected = read_faces(str(tmp_path / "plain.csv"))
    spaced = "\ufeff" + KAGGLE.replace("emotion,pixels,Usage", "emotion, pixels, Usage")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "icml_face_data.csv.gz").write_bytes(gzip.compress(spaced.encode()))
    content = {"fer2013/README": b"text", "fer2013/fer2013.csv": KAGGLE.encode()}
    archive = pack(tmp_path / "fer2013.tar.gz", "w:gz", content)
    for uri in (str(tmp_path / "folder" / "icml_face_data.csv.gz"), str(tmp_path / "folder"), archive):
        found = read_faces(uri)
        assert [(face.id, face.label, face.split) for face in found] == [
            (face.id, face.label, face.split) for face in expected
        ]
        assert all(np.array_equal(a.load(), b.load()) for a, b in zip(found, expected, strict=True))


def test_a_folder_with_two_pixel_tables_is_asked_which(tmp_path: Path) -> None:
    for name in ("train.csv", "icml_face_data.csv"):
        (tmp_path / name).write_text(KAGGLE)
    with pytest.raises(DataError, match=r"icml_face_data\.csv.*train\.csv"):
        read_faces(str(tmp_path))


def test_a_kaggle_table_without_usage_names_no_split(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("emotion,pixels\n4,0 0 0 0\n")
    (face,) = read_faces(str(tmp_path / "train.csv"))
    assert (face.label, face.split, face.load().shape) == ("sad", "", (2, 2, 3))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (row(7, 0, "Training"), "unknown_label"),
        (row("x", 0, "Training"), "unknown_label"),
        (row(1, 0, "Sometimes"), "unknown_split"),
        ("1,1 2 3,Training\n", "bad_pixels"),
        ("1,1 2 3 256,Training\n", "bad_pixels"),
        ("1,,Training\n", "bad_pixels"),
    ],
)
def test_a_bad_row_of_the_kaggle_table_is_named(tmp_path: Path, line: str, code: str) -> None:
    (tmp_path / "fer2013.csv").write_text(KAGGLE + line)
    with pytest.raises(DataError, match=r"fer2013.csv:5") as caught:
        read_faces(str(tmp_path / "fer2013.csv"))
    assert caught.value.code == code


def test_class_folders(class_folders: Path) -> None:
    faces = read_faces(str(class_folders))
    assert [(face.id, face.label, face.split) for face in faces] == [
        ("PublicTest/sad/c.png", "sad", "val"),
        ("train/Happy/b.png", "happy", "train"),
        ("train/angry/a.png", "angry", "train"),
    ]
    assert np.array_equal(faces[2].load()[:, :, 0], picture(0))


@pytest.mark.parametrize(("name", "mode"), [("faces.tar.gz", "w:gz"), ("faces.tgz", "w:gz"), ("faces.tar", "w")])
def test_an_archive_of_class_folders_is_as_the_folders_are(class_folders: Path, name: str, mode: str) -> None:
    content = {f"./set/{path.relative_to(class_folders)}": path.read_bytes() for path in class_folders.rglob("*.png")}
    archive = pack(class_folders.parent / name, mode, {**content, "set/train/._x.png": b"", "set/notes.txt": b"x"})
    before = set(class_folders.parent.iterdir())
    packed = read_faces(archive)
    assert set(class_folders.parent.iterdir()) == before
    folders = read_faces(str(class_folders))
    assert [(face.id, face.label, face.split) for face in packed] == [
        (f"set/{face.id}", face.label, face.split) for face in folders
    ]
    assert all(np.array_equal(a.load(), b.load()) for a, b in zip(packed, folders, strict=True))
    assert packed[0].uri == f"{archive}#set/PublicTest/sad/c.png"


def test_a_manifest_of_pictures(class_folders: Path) -> None:
    (class_folders / "manifest.csv").write_text(
        "path,label,subject,split\ntrain/angry/a.png,sad,p1,val\n", encoding="utf-8"
    )
    (face,) = read_faces(str(class_folders))
    assert (face.label, face.subject, face.split, face.where) == (
        "sad", "p1", "val", f"{class_folders}/manifest.csv:2",
    )  # fmt: skip
    assert face.load().shape == (48, 48, 3)


def test_colours_come_as_red_green_blue(tmp_path: Path) -> None:
    (tmp_path / "sad").mkdir()
    blue_green_red = np.full((4, 4, 3), (10, 20, 200), np.uint8)
    cv2.imwrite(str(tmp_path / "sad" / "x.png"), blue_green_red)
    (face,) = read_faces(str(tmp_path))
    assert face.load()[0, 0].tolist() == [200, 20, 10]


def test_a_damaged_picture_is_an_error_of_its_own(class_folders: Path) -> None:
    (class_folders / "train" / "angry" / "a.png").write_bytes(b"not a picture")
    broken = read_faces(str(class_folders))[2]
    with pytest.raises(MediaError) as caught:
        broken.load()
    assert (caught.value.code, caught.value.where) == ("unreadable", broken.uri)


@pytest.mark.parametrize(("name", "code"), [("faces.tar.gz", "unreadable"), ("absent.tar.gz", "missing_file")])
def test_an_archive_that_is_none_says_so(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "faces.tar.gz").write_bytes(b"not an archive")
    with pytest.raises(DataError) as caught:
        read_faces(str(tmp_path / name))
    assert caught.value.code == code


def test_a_folder_of_unknown_names_is_answered_with_the_layouts(tmp_path: Path) -> None:
    (tmp_path / "portraits").mkdir()
    cv2.imwrite(str(tmp_path / "portraits" / "x.png"), picture(0))
    with pytest.raises(DataError, match=r"(?s)portraits/x.png.*one folder per label"):
        read_faces(str(tmp_path))


def test_fer2013_in_class_folders(shared_data: Path) -> None:
    faces = read_faces(str(shared_data / "fer2013"))
    assert Counter(face.split for face in faces) == {"train": 2932, "val": 640}
    assert {face.label for face in faces} == set(LABELS)
    assert faces[0].load().shape == (48, 48, 3)


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("exclude", "the column 'exclude' is not read: every row counts"),
        ("is_test", "the column 'is_test' tells no split here"),
        ("neutral,happiness", "the columns neutral, happiness are not read, though labels are called so"),
        ("image_name", ""),
    ],
)
def test_columns_of_a_table_of_pixels_that_seem_to_count_are_told(tmp_path: Path, column: str, told: str) -> None:
    rows = ((0, 1), (3, 0))
    cells = [f"{row(label, value, str(value)).strip()}" for label, value in rows]
    (tmp_path / "faces.csv").write_text(f"emotion,pixels,{column}\n" + "\n".join(cells))

    _, problems = read_face_source(str(tmp_path / "faces.csv"))

    assert [(problem.code, problem.severity) for problem in problems] == [("column_not_read", "warning")] * bool(told)
    assert all(told in problem.message for problem in problems)


def test_pictures_of_a_table_may_be_larger_than_those_of_fer2013(tmp_path: Path) -> None:
    """From 190 x 190 pixels on they had been called no readable CSV file."""
    large = np.random.default_rng(0).integers(100, 256, (224, 224), dtype=np.uint8)
    (tmp_path / "faces.csv").write_text(
        f"emotion,pixels\n3,{' '.join(map(str, large.ravel()))}\n" + f"4,{' '.join(map(str, picture(1).ravel()))}\n"
    )
    first, _ = read_faces(str(tmp_path / "faces.csv"))
    assert np.array_equal(first.load()[:, :, 0], large)
