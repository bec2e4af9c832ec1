"""The check before a training or an evaluation: which findings stop it, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from affekt.checks import CheckReport, check_before, remarks
from affekt.checks.before import FILE_FAULTS, _passes
from affekt.dataset.problems import Problem
from affekt.dataset.several import joined
from affekt.errors import DataError

MakeClip = Callable[..., Path]
HEADER = "path,label,subject,split\n"
CLEAN = "a.mp4,happy,1,train\nb.mp4,sad,1,train\nd.mp4,sad,2,val\n"
COPIED = CLEAN + "c.mp4,happy,2,val\n"
SHARED = CLEAN.replace("d.mp4,sad,2", "d.mp4,sad,1")


@pytest.fixture
def data(tmp_path: Path, make_clip: MakeClip) -> Callable[[str], str]:
    """Write a manifest over the clips a.mp4 to d.mp4, of which c.mp4 has the content of a.mp4."""
    for mark, name in enumerate("abd"):
        make_clip(tmp_path / f"{name}.mp4", mark=mark)
    (tmp_path / "c.mp4").write_bytes((tmp_path / "a.mp4").read_bytes())

    def write(rows: str) -> str:
        (tmp_path / "manifest.csv").write_text(HEADER + rows, encoding="utf-8")
        return str(tmp_path)

    return write


def test_clean_data_pass_with_their_warnings(data):
    report = check_before(data(CLEAN), learns=True)
    assert report.ok
    assert "missing class (1)" in remarks(report, "my data") and "'my data'" in remarks(report, "my data")


def test_what_a_training_alone_asks_for_is_not_told_before_an_evaluation(data):
    where = data("a.mp4,happy,1,\nb.mp4,sad,2,\n")
    assert "too few subjects (1)" in remarks(check_before(where, learns=True), "x")
    assert not remarks(check_before(where, learns=False), "x")


def test_that_each_subject_has_one_label_is_not_told_before_an_evaluation(data, make_clip, tmp_path):
    for mark in range(6):
        make_clip(tmp_path / f"{mark}.mp4", mark=mark)
    where = data("".join(f"{n}.mp4,{('happy', 'sad', 'angry')[n // 2]},{n // 2},\n" for n in range(6)))
    assert "one label each (1)" in remarks(check_before(where, learns=True), "x")
    assert "one label each" not in (remarks(check_before(where, learns=False), "x") or "")


def test_a_copy_of_a_validation_clip_is_not_learned_from(data):
    with pytest.raises(DataError, match="exactly the same content") as error:
        check_before(data(COPIED), learns=True)
    assert error.value.code == "duplicate_across_splits"


@pytest.mark.parametrize("how", [{"learns": False}, {"learns": True, "images": True}])
def test_copies_are_told_and_not_refused_where_nothing_is_learned_from_clips(data, how):
    assert "duplicate across splits (1)" in remarks(check_before(data(COPIED), **how), "x")


def test_a_subject_in_two_splits_is_refused_unless_that_is_allowed(data):
    where = data(SHARED)
    with pytest.raises(DataError, match="a person must be in one split only"):
        check_before(where, learns=True)
    check_before(where, learns=True, allow_shared_subjects=True)


def test_a_file_that_cannot_be_read_stops_nothing(data, tmp_path):
    where = data(CLEAN)
    (tmp_path / "b.mp4").write_bytes(b"no clip")
    assert "unreadable (1)" in remarks(check_before(where, learns=True), "x")


def test_one_fault_in_many_rows_is_told_once_with_its_count(data, tmp_path):
    for number in range(40):
        (tmp_path / f"x{number}.mp4").write_bytes((tmp_path / "a.mp4").read_bytes())
    with pytest.raises(DataError) as error:
        check_before(data("".join(f"x{number}.mp4,hapy,{number},train\n" for number in range(40))), learns=True)
    lines = str(error.value).splitlines()
    assert "  unknown_label (40)" in lines
    assert len(lines) < 20 and any("35 more" in line for line in lines)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [("happy,1,train", r"'hapy'; did you mean happy\?"), ("sad,2,val", r"unknown split 'vall'; did you mean val\?")],
)
def test_a_wrong_word_gets_a_guess(data, wrong, says):
    rows = CLEAN.replace(wrong, wrong.replace("happy", "hapy").replace("val", "vall"))
    with pytest.raises(DataError, match=says):
        check_before(data(rows), learns=True)


LEAKS = ("duplicate_across_splits", "conflicting_labels", "subject_across_splits")


def passing(*, learns: bool, images: bool = False, shared: bool = False) -> set[str]:
    """Which of the errors that a check knows do not stop this work."""
    codes = (*FILE_FAULTS, *LEAKS, "missing_class", "unknown_label", "missing_file", "duplicate_id", "no_rows")
    return {code for code in codes if _passes(Problem(code, "m:2", "x"), learns, images, shared)}


def test_what_stops_which_work():
    always = {"missing_class", *FILE_FAULTS}
    assert {"unreadable", "timeout", "nothing_usable", "empty", "missing", "too_large", "truncated"} == FILE_FAULTS
    assert passing(learns=True) == always
    assert passing(learns=True, shared=True) == {*always, "subject_across_splits"}
    for how in ({"learns": False}, {"learns": True, "images": True}, {"learns": False, "images": True}):
        assert passing(**how) == passing(**how, shared=True) == {*always, *LEAKS}


def test_one_refusal_is_told_as_it_is_and_several_by_their_codes(data, tmp_path):
    where = data(CLEAN.replace("sad,2", "happi,2"))
    with pytest.raises(DataError) as error:
        check_before(where, learns=True)
    assert (error.value.code, error.value.where) == ("unknown_label", f"{where}/manifest.csv:4")
    assert error.value.message.startswith("unknown label 'happi'")
    with pytest.raises(DataError) as error:
        check_before(data(CLEAN.replace("sad,2", "happi,2") + "x.mp4,sad,3,val\n"), learns=True)
    assert (error.value.code, error.value.where) == ("bad_rows", str(tmp_path))
    assert error.value.message.startswith("2 errors in this data set")
    absent = str(tmp_path / "absent")
    with pytest.raises(DataError) as error:
        check_before(absent, learns=False)
    assert (error.value.code, error.value.where) == ("missing_file", absent)


def test_images_among_several_data_sets_of_clips_are_called_that(data, tmp_path):
    faces = tmp_path / "faces" / "happy" / "1.png"
    faces.parent.mkdir(parents=True)
    faces.touch()
    with pytest.raises(
        DataError,
        match="data sets that are taken together are of clips; leave it out, or give face images with faces=",
    ) as error:
        check_before(joined([data(CLEAN), str(tmp_path / "faces")]), learns=True)
    assert error.value.where == str(tmp_path / "faces")


def test_remarks_count_by_kind_and_name_the_command():
    found = [Problem(code, "x", "y", "warning") for code in ("no_sound", "unusual_length", "no_sound")]
    said = remarks(CheckReport((), tuple(found)), "my data")
    assert said == "check: no sound (2), unusual length (1); `affekt check 'my data'` tells more"
    assert "`affekt check 'a + b'` tells more" in remarks(CheckReport((), tuple(found)), "a + b")
    assert remarks(CheckReport((), ()), "x") == ""
