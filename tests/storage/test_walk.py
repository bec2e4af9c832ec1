"""What lies below a folder with links in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from affekt.storage import PassedOver, list_entries, list_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files in two folders, with room for links."""
    for name in ("happy/a", "sad/b"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True)
        path.write_text(name)
    (tmp_path / "beside").write_text("not of the data")
    return tmp_path / "data"


@pytest.mark.parametrize("target", ["..", ".", "../..", "/", "../../data", "../sad"])
def test_a_link_to_a_folder_above_is_passed_over(folder: Path, target: str) -> None:
    (folder / "sad" / "up").symlink_to(target)
    found = list_folder(folder)
    assert [entry.path for entry in found.entries] == ["happy/a", "sad/b"]
    assert found.passed_over == (PassedOver("sad/up", "link_loop"),)


def test_two_folders_that_link_to_each_other_are_read_once_more_and_not_for_ever(folder: Path) -> None:
    (folder / "sad" / "to").symlink_to("../happy")
    (folder / "happy" / "to").symlink_to("../sad")
    found = list_folder(folder)
    assert [entry.path for entry in found.entries] == ["happy/a", "happy/to/b", "sad/b", "sad/to/a"]
    assert [item.path for item in found.passed_over] == ["happy/to/to", "sad/to/to"]


def test_a_link_to_itself_and_one_to_nothing_are_passed_over(folder: Path) -> None:
    (folder / "happy" / "self").symlink_to("self")
    (folder / "happy" / "gone.mp4").symlink_to("/nowhere.mp4")
    found = list_folder(folder)
    assert {(item.path, item.kind) for item in found.passed_over} == {
        ("happy/self", "link_loop"),
        ("happy/gone.mp4", "broken_link"),
    }
    assert [entry.path for entry in list_entries(folder)] == ["happy/a", "sad/b"]


def test_links_to_files_and_to_folders_elsewhere_are_followed(folder: Path) -> None:
    (folder.parent / "more").mkdir()
    (folder.parent / "more" / "c").write_text("content")
    (folder / "sad" / "more").symlink_to(folder.parent / "more")
    (folder / "sad" / "linked").symlink_to("../happy/a")
    found = list_folder(folder)
    assert [(entry.path, entry.size) for entry in found.entries] == [
        ("happy/a", 7), ("sad/b", 5), ("sad/linked", 7), ("sad/more/c", 7),
    ]  # fmt: skip
    assert found.passed_over == ()


def test_the_folder_itself_may_be_a_link(folder: Path) -> None:
    (folder.parent / "link").symlink_to("data")
    assert [entry.path for entry in list_entries(folder.parent / "link")] == ["happy/a", "sad/b"]


def test_a_pipe_is_not_opened(folder: Path) -> None:
    os.mkfifo(folder / "sad" / "pipe.mp4")
    assert list_folder(folder).passed_over == (PassedOver("sad/pipe.mp4", "special_file"),)
