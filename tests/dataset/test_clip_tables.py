"""Tables of clips, and the words for what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from affekt.dataset import Clip, ClipTable
from affekt.dataset.clips import table_of
from affekt.dataset.problems import Problem, errors_of, grouped, raise_errors, some
from affekt.errors import DataError

TABLE = ClipTable(
    (
        Clip("a", "/x/a.mp4", "sad", "p1", "train", attributes={"note": "one\r\ntwo", "age": "3"}),
        Clip("b", "/x/b.mp4", attributes={"city": "Ulm"}),
    )
)


def test_a_table_is_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    TABLE.write(path)
    assert path.read_text(encoding="utf-8").splitlines()[0] == "clip,uri,label,subject,split,age,city,note"
    found = ClipTable.read(path)
    assert [clip.where for clip in found] == [f"{path}:3", f"{path}:4"]  # the first is two lines long
    for clip, read in zip(TABLE, found, strict=True):
        assert (read.id, read.uri, read.label, read.subject, read.split) == (
            clip.id, clip.uri, clip.label, clip.subject, clip.split,
        )  # fmt: skip
        assert read.attributes == clip.attributes


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (None, "missing_file", "there is no such file; expected a table of clips"),
        ("clip,label,split\n", "missing_column", "expected the columns clip, uri, .*; uri, subject is missing"),
        ("", "missing_column", "clip, uri, label, subject, split is missing"),
    ],
)
def test_what_is_no_table_of_clips_says_so(tmp_path: Path, text: str | None, code: str, words: str) -> None:
    path = tmp_path / "clips.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=words) as caught:
        ClipTable.read(path)
    assert (caught.value.code, caught.value.where) == (code, str(path))


def test_shards_share_the_clips_out_in_turn() -> None:
    table = table_of([Clip(name, "x") for name in "abcdefg"])
    assert ["".join(clip.id for clip in table.shard(number, 3)) for number in range(3)] == ["adg", "be", "cf"]


@pytest.mark.parametrize(
    ("first", "second", "words", "where"),
    [
        (Clip("a", "x", where="m.csv:2"), Clip("a", "y", where="m.csv:3"), "first by m.csv:2", "m.csv:3"),
        (Clip("a", "x"), Clip("a", "y"), "'a' is used twice .first by x", "y"),
    ],
)
def test_an_id_names_one_clip(first: Clip, second: Clip, words: str, where: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        table_of([first, Clip("b", "z"), second])
    assert (caught.value.code, caught.value.where) == ("duplicate_id", where)


def problems(code: str, count: int) -> list[Problem]:
    return [Problem(code, f"m.csv:{row}", "two\nlines") for row in range(count)]


def test_one_error_is_raised_as_it_is_and_warnings_are_not() -> None:
    warning = Problem("odd", "", "odd", "warning")
    assert errors_of([warning]) == ()
    raise_errors([warning], "here")
    with pytest.raises(DataError, match=r"^m\.csv:0: two\nlines$") as caught:
        raise_errors([warning, *problems("bad", 1)], "here")
    assert (caught.value.code, caught.value.where) == ("bad", "m.csv:0")


def test_several_errors_are_told_by_their_code() -> None:
    with pytest.raises(DataError) as caught:
        raise_errors([*problems("bad", 1), Problem("worse", "", "no place")], "here")
    assert (caught.value.code, caught.value.where) == ("bad_rows", "here")
    assert caught.value.message == (
        "2 errors in this data set (`affekt check` lists all):\n"
        "  bad (1)\n    m.csv:0: two\n    lines\n  worse (1)\n    no place"
    )


@pytest.mark.parametrize(("count", "lines", "last"), [(5, 11, "    lines"), (6, 12, "    … and 1 more")])
def test_of_many_errors_of_a_kind_five_are_shown(count: int, lines: int, last: str) -> None:
    told = "\n".join(grouped(problems("bad", count))).splitlines()
    assert (told[0], len(told), told[-1]) == (f"  bad ({count})", lines, last)


@pytest.mark.parametrize(
    ("names", "told"), [("abcde", "a, b, c, d, e"), ("abcdefg", "a, b, c, d, e and 2 more"), ("", "")]
)
def test_of_many_names_five_are_told(names: str, told: str) -> None:
    assert some(names) == told
