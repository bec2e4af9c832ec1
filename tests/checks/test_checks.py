"""Everything that is wrong with a data set is told at once."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from affekt.checks.findings import CheckReport, check_source

Rows = dict[str, tuple[str, str, str]]
GOOD: Rows = {
    f"{split}{number}.avi": (("angry", "sad")[number % 2], f"{split}-{number // 2}", split)
    for split in ("train", "val")
    for number in range(4)
}


@pytest.fixture(scope="session")
def good_clips(tmp_path_factory: pytest.TempPathFactory, make_clip: Any) -> Path:
    """Eight different clips, four in each split."""
    folder = tmp_path_factory.mktemp("good")
    for mark, name in enumerate(GOOD):
        make_clip(folder / name, mark=mark)
    return folder


@pytest.fixture
def clips(good_clips: Path, tmp_path: Path) -> Path:
    """A copy of them to spoil."""
    return Path(shutil.copytree(good_clips, tmp_path / "set"))


def check(folder: Path, **rows: tuple[str, str, str]) -> CheckReport:
    """The check of a manifest of the good rows, changed by ``rows`` (names without ending)."""
    table = GOOD | {f"{name}.avi": values for name, values in rows.items()}
    lines = [",".join((name, *values)) for name, values in table.items()]
    (folder / "manifest.csv").write_text("\n".join(["path,label,subject,split", *lines]) + "\n")
    return check_source(str(folder))


def codes(report: CheckReport) -> tuple[list[str], list[str]]:
    return [problem.code for problem in report.errors], [problem.code for problem in report.warnings]


def test_a_good_data_set_has_no_findings(clips: Path) -> None:
    report = check(clips)
    assert report.ok
    assert report.to_dict() == {
        "clips": 8,
        "labels": {"angry": 4, "sad": 4},
        "subjects": {"train-0": 2, "train-1": 2, "val-0": 2, "val-1": 2},
        "splits": {"train": 4, "val": 4},
        "errors": [],
        "warnings": [],
    }


def test_a_table_with_a_header_alone_is_an_error(tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("path,label,subject,split\n", encoding="utf-8")
    assert codes(check_source(str(table)))[0] == ["no_rows"]


def test_a_table_whose_rows_are_all_wrong_is_told_what_is_wrong_with_them(tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("path,label,subject,split\nnowhere.mp4,bored,p,train\n", encoding="utf-8")
    assert "no_rows" not in codes(check_source(str(table)))[0]


def test_many_mistakes_are_reported_in_one_go(clips: Path) -> None:
    (clips / "train0.avi").write_bytes(b"no film")
    (clips / "train1.avi").unlink()
    (clips / "val0.avi").write_bytes(b"")
    report = check(clips, train2=("bored", "train-1", "train"), val3=("sad", "train-0", "val"))
    assert Counter(codes(report)[0]) == {
        "unreadable": 2, "missing_file": 1, "unknown_label": 1, "subject_across_splits": 1,
    }  # fmt: skip
    assert {problem.where for problem in report.errors} == {f"{clips}/manifest.csv:{line}" for line in (2, 3, 4, 6, 9)}
    assert not report.ok
    assert report.to_dict()["clips"] == 8
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()
    assert set(report.to_dict()["errors"][0]) == {"code", "where", "message"}


def test_an_id_that_is_used_twice(clips: Path) -> None:
    check(clips)
    with (clips / "manifest.csv").open("a") as file:
        file.write("train0.avi,sad,p,train\n")
    assert codes(check_source(str(clips)))[0] == ["duplicate_id"]


@pytest.mark.parametrize(
    ("copy", "label", "errors", "warnings"),
    [
        ("train2", "angry", [], ["duplicate_content"]),
        ("train1", "sad", [], ["duplicate_content", "conflicting_labels"]),
        ("val0", "angry", ["duplicate_across_splits"], []),
        ("val1", "sad", ["duplicate_across_splits", "conflicting_labels"], []),
    ],
)
def test_equal_contents(clips: Path, copy: str, label: str, errors: list[str], warnings: list[str]) -> None:
    shutil.copy(clips / "train0.avi", clips / f"{copy}.avi")
    report = check(clips)
    assert codes(report) == (errors, warnings)
    for problem in (*report.errors, *report.warnings):
        assert "train0.avi (train, angry)" in problem.message
        assert f"{copy}.avi ({copy[:-1]}, {label})" in problem.message


def test_files_of_equal_size_but_other_content_are_not_duplicates(clips: Path) -> None:
    content = bytearray((clips / "train0.avi").read_bytes())
    (clips / "train1.avi").write_bytes(content)
    content[-1] ^= 1
    (clips / "train0.avi").write_bytes(content)
    assert codes(check(clips)) == ([], [])


def test_clips_without_sound_or_picture(clips: Path, make_clip: Any) -> None:
    make_clip(clips / "train0.avi", sound=False)
    make_clip(clips / "val0.avi", picture=False)
    report = check(clips)
    assert codes(report) == ([], ["no_sound", "no_video"])
    assert [problem.where for problem in report.warnings] == [f"{clips}/manifest.csv:{line}" for line in (2, 6)]


def test_a_clip_that_was_cut_off(clips: Path) -> None:
    content = (clips / "train0.avi").read_bytes()
    (clips / "train0.avi").write_bytes(content[:-500])
    assert codes(check(clips)) == ([], ["truncated"])


@pytest.mark.parametrize("seconds", [0.1, 2.0])
def test_lengths_far_from_the_others(clips: Path, make_clip: Any, seconds: float) -> None:
    make_clip(clips / "train0.avi", seconds=seconds)
    (warning,) = check(clips).warnings
    assert (warning.code, warning.where) == ("unusual_length", f"{clips}/manifest.csv:2")


def test_lengths_that_vary_everywhere_are_usual(clips: Path, make_clip: Any) -> None:
    for number, name in enumerate(GOOD):
        make_clip(clips / name, seconds=0.3 + 0.2 * number, mark=number)
    assert codes(check(clips)) == ([], [])


def test_a_class_that_a_split_lacks(clips: Path) -> None:
    lacks_train = check(clips, val0=("happy", "val-0", "val"))
    assert codes(lacks_train) == (["missing_class"], [])
    assert "happy" in lacks_train.errors[0].message
    lacks_val = check(clips, train0=("happy", "train-0", "train"))
    assert codes(lacks_val) == ([], ["missing_class"])


def test_uneven_classes(clips: Path) -> None:
    for number in range(16):
        content = (clips / "train0.avi").read_bytes()
        (clips / f"more{number}.avi").write_bytes(content + bytes([number]))
    more = {f"more{number}": ("angry", f"m{number}", "train") for number in range(16)}
    report = check(clips, **more)
    assert codes(report) == ([], ["class_imbalance"])
    assert "angry has 20 clips, sad only 4" in report.warnings[0].message


def test_subjects_that_nobody_names(clips: Path) -> None:
    assert codes(check(clips, train0=("angry", "", "train"))) == ([], ["no_subject"])


def test_a_picture_among_the_clips(clips: Path) -> None:
    cv2.imwrite(str(clips / "x.png"), np.zeros((4, 4, 3), np.uint8))
    check(clips)
    with (clips / "manifest.csv").open("a") as file:
        file.write("x.png,sad,p,train\n")
    assert codes(check_source(str(clips)))[0] == ["still_image"]


def test_what_cannot_be_read_at_all_is_one_error(tmp_path: Path) -> None:
    report = check_source(str(tmp_path / "absent"))
    assert report.to_dict() == {
        "clips": 0, "labels": {}, "subjects": {}, "splits": {},
        "errors": [
            {"code": "missing_file", "where": str(tmp_path / "absent"), "message": report.errors[0].message}
        ],
        "warnings": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "code"), [("faces.tar", "unreadable"), ("list.csv", "missing_column"), ("x.mp4", "unknown_layout")]
)
def test_a_file_that_is_no_data_set_is_one_error(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / name).write_text("nothing of the kind\n")
    assert codes(check_source(str(tmp_path / name))) == ([code], [])


def test_the_text_shows_counts_by_split_and_the_findings_by_code(clips: Path) -> None:
    for name in GOOD:
        (clips / name).unlink()
    text = check(clips).to_text()
    assert text.splitlines()[:4] == [
        "label  train  val  all", "angry      2    2    4", "sad        2    2    4", "all        4    4    8",
    ]  # fmt: skip
    assert "8 errors" in text and "missing_file (8)" in text
    assert "and 3 more" in text and "no warnings" in text


def test_face_images_are_checked_too(tmp_path: Path) -> None:
    for number in range(8):
        path = tmp_path / ("train", "val")[number % 2] / ("sad", "fear")[number // 4] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((8, 8), number, np.uint8))
    assert codes(check_source(str(tmp_path))) == ([], [])
    (tmp_path / "train" / "sad" / "0.png").write_bytes(b"no picture")
    shutil.copy(tmp_path / "train" / "sad" / "2.png", tmp_path / "val" / "fear" / "7.png")
    report = check_source(str(tmp_path))
    assert sorted(codes(report)[0]) == ["conflicting_labels", "duplicate_across_splits", "unreadable"]
    assert report.to_dict()["clips"] == 8


def test_the_javanese_clips_are_in_order(shared_data: Path) -> None:
    report = check_source(str(shared_data / "java_sed_av"))
    assert codes(report) == ([], [])
    assert report.to_dict()["splits"] == {"train": 120, "val": 48}


def test_the_duplicates_of_fer2013_are_found(shared_data: Path) -> None:
    report = check_source(str(shared_data / "fer2013_full.tar.gz"))
    assert report.to_dict()["splits"] == {"train": 28709, "val": 3589}
    assert report.to_dict()["labels"]["happy"] == 8110
    # Training and PublicTest; by the bytes of the files as by their pixels.
    assert Counter(codes(report)[0]) == {"duplicate_across_splits": 270, "conflicting_labels": 13}
    assert Counter(codes(report)[1]) == {"duplicate_content": 1003, "conflicting_labels": 34, "class_imbalance": 1}
