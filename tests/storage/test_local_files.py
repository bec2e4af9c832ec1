"""Files on the local disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from affekt.errors import DataError
from affekt.storage import (
    download_folder,
    exists,
    is_remote,
    join,
    list_entries,
    list_files,
    open_local,
    read_bytes,
    upload_folder,
    write_bytes,
)


@pytest.mark.parametrize(
    ("uri", "parts", "whole"),
    [
        ("data", ("a", "b.mp4"), "data/a/b.mp4"),
        ("data", ("/mnt/b.mp4",), "/mnt/b.mp4"),
        ("s3://bucket/data", ("a/b.mp4",), "s3://bucket/data/a/b.mp4"),
        ("s3://bucket/data/", ("../b.mp4",), "s3://bucket/b.mp4"),
        ("s3://bucket/manifest.csv", ("..",), "s3://bucket/"),
        ("s3://bucket", ("manifest.csv",), "s3://bucket/manifest.csv"),
        ("s3://bucket/data", ("s3://other/b.mp4",), "s3://other/b.mp4"),
        ("data", ("s3://other/b.mp4",), "s3://other/b.mp4"),
    ],
)
def test_join(uri: str, parts: tuple[str, ...], whole: str) -> None:
    assert join(uri, *parts) == whole


def test_only_s3_is_remote() -> None:
    assert is_remote("s3://bucket/key")
    assert not is_remote("data/clips")
    with pytest.raises(DataError, match="gs:// is not supported") as caught:
        is_remote("gs://bucket/key")
    assert caught.value.code == "unknown_scheme"


def test_files_below_a_folder_are_listed_by_path_with_their_sizes(tmp_path: Path) -> None:
    for name in ("b/2.txt", "b/1.txt", "a.txt", "b/c/3.txt"):
        write_bytes(tmp_path / name, name.encode())
    assert [(entry.path, entry.size) for entry in list_entries(tmp_path)] == [
        ("a.txt", 5),
        ("b/1.txt", 7),
        ("b/2.txt", 7),
        ("b/c/3.txt", 9),
    ]
    assert list_files(tmp_path)[0] == str(tmp_path / "a.txt")


def test_written_bytes_are_read_again_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.bin"
    write_bytes(target, b"old")
    write_bytes(target, b"newer")
    assert read_bytes(target) == b"newer"
    assert read_bytes(target, first=3) == b"new"
    assert list((tmp_path / "new").iterdir()) == [target]


def test_a_write_that_fails_leaves_the_old_content(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    (target / "kept").mkdir(parents=True)
    with pytest.raises(DataError):
        write_bytes(target, b"a folder is in the way")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_local_file_is_opened_where_it_is(tmp_path: Path) -> None:
    write_bytes(tmp_path / "clip.mp4", b"x")
    with open_local(tmp_path / "clip.mp4") as path:
        assert path == tmp_path / "clip.mp4"
    assert path.exists()


@pytest.mark.parametrize("call", [read_bytes, list_entries, lambda uri: open_local(uri).__enter__()])
def test_what_is_missing_is_named(tmp_path: Path, call) -> None:
    with pytest.raises(DataError, match="check the path") as caught:
        call(tmp_path / "absent")
    assert (caught.value.code, caught.value.where) == ("missing_file", str(tmp_path / "absent"))


def test_a_folder_is_copied_whole(tmp_path: Path) -> None:
    write_bytes(tmp_path / "from" / "deep" / "a", b"1")
    write_bytes(tmp_path / "from" / "b", b"2")
    upload_folder(tmp_path / "from", tmp_path / "to")
    assert [entry.path for entry in list_entries(tmp_path / "to")] == ["b", "deep/a"]
    assert exists(tmp_path / "to") and not exists(tmp_path / "else")


def test_a_folder_with_content_is_not_replaced(tmp_path: Path) -> None:
    write_bytes(tmp_path / "from" / "a", b"1")
    write_bytes(tmp_path / "to" / "precious", b"2")
    with pytest.raises(DataError, match="not an empty folder"):
        download_folder(tmp_path / "from", tmp_path / "to")
    assert read_bytes(tmp_path / "to" / "precious") == b"2"
