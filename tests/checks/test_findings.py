"""Each finding at its limit: from which length, share or copy on a data set is warned of, and what its text says."""

from __future__ import annotations

import pytest

from affekt.checks import findings
from affekt.checks.findings import CheckReport
from affekt.checks.inspection import Inspected
from affekt.dataset import LABELS, Clip
from affekt.dataset.problems import Problem
from affekt.errors import MediaError
from affekt.media.probe import MediaInfo


def clip(name: str = "a", label: str = "sad", subject: str = "p", split: str = "", where: str = "") -> Clip:
    return Clip(name, f"{name}.mp4", label, subject, split, where)


def both(duration: float | None = 1.0, **facts: object) -> Inspected:
    """A file with picture and sound."""
    return Inspected(MediaInfo(**{"duration": duration, "has_video": True, "has_sound": True, **facts}))  # type: ignore[arg-type]


def lengths(*seconds: float | None) -> list[str]:
    clips = [clip(str(number)) for number in range(len(seconds))]
    return [problem.where for problem in findings._lengths(clips, [both(length) for length in seconds])]


def test_half_and_twice_the_usual_length_is_usual_and_what_is_beyond_is_told() -> None:
    assert lengths(2.0, 2.0, 2.0, 2.0, 4.0, 1.0) == []
    assert lengths(2.0, 2.0, 2.0, 2.0, 4.01, 0.99) == ["4.mp4", "5.mp4"]


def test_fewer_than_five_clips_with_a_length_have_no_usual_one() -> None:
    assert lengths(2.0, 2.0, 2.0, 9.0) == lengths(2.0, 2.0, 2.0, None, 0.0, 9.0) == []
    assert lengths(2.0, 2.0, 2.0, 2.0, 9.0) == ["4.mp4"]


def test_where_lengths_vary_six_deviations_are_usual() -> None:
    # Steps of a fifth: with a tenth clip far off the median distance is 2.5 steps, and six deviations are 22.2 of them.
    varied = [1.2**step for step in range(-4, 5)]
    assert lengths(*varied, 1.2**22.6) == []
    assert lengths(*varied, 1.2**22.9) == ["9.mp4"]


def test_an_unusual_length_is_told_with_the_usual_one_and_its_row() -> None:
    clips = [clip(str(number), where=f"m.csv:{number}") for number in range(6)]
    inspected: list[Inspected | None] = [both(2.0) for _ in clips]
    inspected[3], inspected[5] = both(10.0), None
    (problem,) = findings._lengths(clips, inspected)
    assert (problem.code, problem.where, problem.severity) == ("unusual_length", "m.csv:3", "warning")
    assert "10.00 s long" in problem.message and "below 2.00 s" in problem.message


def test_a_length_that_is_guessed_from_the_size_is_not_called_unusual() -> None:
    clips = [clip(str(number)) for number in range(6)]
    guessed = Inspected(MediaInfo(1741.7, has_sound=True, estimated=True))
    assert not findings._lengths(clips, [both(2.0)] * 5 + [guessed])


@pytest.mark.parametrize(("videos", "told"), [(1, 1), (2, 0)])
def test_a_picture_of_an_unknown_kind_is_told_where_it_is_the_only_one(videos: int, told: int) -> None:
    facts = {"has_video": True, "has_sound": True, "audio_codec": "aac", "sounds": 1, "video_codec": "none"}
    problems = findings._media([clip("a")], [Inspected(MediaInfo(1.0, videos=videos, **facts))])
    found = [problem.message for problem in problems if problem.code == "unknown_codec"]
    assert found == ["its picture is of a kind that cannot be decoded; its voice alone will count; convert it"] * told


def duplicates(*clips: Clip) -> list[Problem]:
    return findings._duplicates(clips, [Inspected(digest="d") for _ in clips])


def test_of_one_file_that_is_listed_twice_nobody_is_told_to_remove_it(tmp_path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_bytes(b"")
    one, link, other = (Clip(name, str(tmp_path / f"{name}.mp4"), "sad") for name in ("a", "link", "b"))
    (problem,) = duplicates(one, link)
    assert "keep one" not in problem.message
    assert "all of them are one file: list it once" in problem.message
    assert "keep one of them" in duplicates(one, other)[0].message


def test_copies_are_told_by_their_last_row() -> None:
    first, second = clip("a", where="m:2", split="train"), clip("b", where="m:3")
    (problem,) = duplicates(first, second)
    assert (problem.code, problem.where, problem.severity) == ("duplicate_content", "m:3", "warning")
    assert "a (train, sad), b (sad)" in problem.message
    (problem,) = duplicates(clip("a", label=""), clip("b", split="val"))
    assert problem.where == "b.mp4" and "a (no label), b (val, sad)" in problem.message


def test_a_copy_with_two_labels_is_told_twice_with_one_severity() -> None:
    for split, severity in (("train", "warning"), ("val", "error")):
        found = duplicates(clip("a", "sad", split="train"), clip("b", "angry", split=split))
        assert [problem.severity for problem in found] == [severity, severity]
        assert found[1].code == "conflicting_labels" and "labelled angry and sad: a (" in found[1].message


def test_what_was_not_digested_is_no_copy() -> None:
    clips = [clip(name) for name in "abcd"]
    inspected = [Inspected(), Inspected(), None, Inspected(digest="d")]
    assert findings._duplicates(clips, inspected) == []
    assert [problem.code for problem in findings._duplicates(clips * 2, inspected * 2)] == ["duplicate_content"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, []),
        ({"has_sound": False, "has_video": False}, [("nothing_usable", "error")]),
        ({"has_sound": False}, [("no_sound", "warning")]),
        ({"has_video": False}, [("no_video", "warning")]),
        ({"truncated": True}, [("truncated", "warning")]),
        ({"videos": 1, "sounds": 1}, []),
        ({"videos": 2}, [("several_streams", "warning")]),
        ({"videos": 2, "sounds": 3}, [("several_streams", "warning")] * 2),
    ],
)
def test_what_a_header_tells(facts: dict[str, object], expected: list[tuple[str, str]]) -> None:
    for one, where in ((clip(where="m:7"), "m:7"), (clip(), "a.mp4")):
        found = findings._media([clip("none"), one], [None, both(**facts)])  # type: ignore[arg-type]
        assert [(problem.code, problem.severity) for problem in found] == expected
        assert {problem.where for problem in found} <= {where}


def test_several_streams_are_counted_by_their_kind() -> None:
    first, second = findings._media([clip()], [both(videos=2, sounds=3)])
    assert "2 pictures" in first.message and "3 sounds" in second.message


def test_an_error_of_a_file_names_the_file_once() -> None:
    broken = Inspected(error=MediaError("no container", code="unreadable"))
    (of_row,) = findings._media([clip(where="m:7")], [broken])
    (of_file,) = findings._media([clip()], [broken])
    assert (of_row.code, of_row.where, of_row.message) == ("unreadable", "m:7", "a.mp4: no container")
    assert (of_file.where, of_file.message, of_file.severity) == ("a.mp4", "no container", "error")


def classes(**counts: int) -> list[tuple[str, str, str]]:
    """The findings about so many clips a label, in no split."""
    clips = [clip(label=label) for label, count in counts.items() for _ in range(count)]
    return [(problem.code, problem.where, problem.severity) for problem in findings._classes(clips, "set")]


def test_five_to_one_is_uneven_and_less_is_not() -> None:
    assert classes(sad=9, angry=2) == []
    assert classes(sad=10, angry=2) == classes(angry=2, sad=10, happy=5) == [("class_imbalance", "set", "warning")]
    (problem,) = findings._classes([clip(label="sad")] * 10 + [clip(label="angry")] * 2 + [clip(label="")], "set")
    assert problem.message.startswith("sad has 10 clips, angry only 2;") and "how angry does" in problem.message


def test_one_label_alone_is_told() -> None:
    assert classes(sad=3) == [("one_label", "set", "warning")]
    assert classes() == []


def test_a_class_that_is_not_in_train_is_an_error_and_elsewhere_a_warning() -> None:
    clips = [clip(label=label, split="train") for label in ("sad", "fear")]
    for split in ("val", "test"):
        (problem,) = findings._classes([*clips, clip(label="sad", split=split)], "set")
        assert (problem.code, problem.where, problem.severity) == ("missing_class", "set", "warning")
        assert f"the {split} split has no clip of fear" in problem.message
    (problem,) = findings._classes(
        [clip(label="sad", split="train"), *[clip(label=x, split="val") for x in LABELS]], "s"
    )
    assert problem.severity == "error" and "of angry, disgust, fear, happy, surprise, neutral, which" in problem.message
    assert findings._classes([*clips, clip(label="", split="val")], "set") == []  # nothing labelled is there to lack


def test_clips_without_a_subject_are_counted() -> None:
    (problem,) = findings._subjects([clip(), clip(subject=""), clip(subject="")], "set")
    assert (problem.code, problem.where, problem.severity) == ("no_subject", "set", "warning")
    assert "for 2 of 3 clips" in problem.message
    assert findings._subjects([clip()], "set") == []


WARNING = Problem("no_subject", "set", "nobody is named", "warning")
ERROR = Problem("unreadable", "m:2", "is no film")


def test_a_report_tells_errors_from_warnings() -> None:
    report = CheckReport((("sad", "p", "val"), ("", "", "")), (WARNING, ERROR))
    assert (report.errors, report.warnings, report.ok) == ((ERROR,), (WARNING,), False)
    assert CheckReport((), (WARNING,)).ok
    assert report.headline == "2 clips, 1 error and 1 warning"
    assert CheckReport((), (WARNING, WARNING)).headline == "0 clips, no errors and 2 warnings"
    assert report.to_dict() == {
        "clips": 2, "labels": {"sad": 1}, "subjects": {"p": 1}, "splits": {"val": 1},
        "errors": [{"code": "unreadable", "where": "m:2", "message": "is no film"}],
        "warnings": [{"code": "no_subject", "where": "set", "message": "nobody is named"}],
    }  # fmt: skip


def test_the_table_has_what_there_is_and_names_what_is_not_known() -> None:
    rows = (("sad", "p", "val"), ("sad", "p", "train"), ("", "q", "train"), ("angry", "", ""))
    report = CheckReport(rows, ())
    assert report.table() == [
        ["label", "train", "val", "no split", "all"],
        ["angry", "0", "0", "1", "1"], ["sad", "1", "1", "0", "2"], ["no label", "1", "0", "0", "1"],
        ["all", "2", "1", "1", "4"],
    ]  # fmt: skip
    assert report.to_text().splitlines() == [
        "label     train  val  no split  all", "angry         0    0         1    1",
        "sad           1    1         0    2", "no label      1    0         0    1",
        "all           2    1         1    4", "2 subjects named", "", "no errors", "no warnings",
    ]  # fmt: skip
    assert CheckReport((), ()).table() == []
    assert CheckReport((), ()).to_text().splitlines() == ["no clips", "", "no errors", "no warnings"]
    assert "no subjects named" in CheckReport((("sad", "", ""),), ()).to_text()


def test_many_findings_of_a_kind_are_told_in_part_with_where_the_rest_is() -> None:
    lines = CheckReport((), (ERROR,) * 7 + (WARNING,)).to_text().splitlines()
    assert lines[2:4] == ["7 errors", "  unreadable (7)"] and lines[4:9] == ["    m:2: is no film"] * 5
    assert lines[9:11] == ["    … and 2 more (--json lists all)", "1 warning"]
    assert not any("--json" in line for line in lines[10:])
