"""How a table is taken apart: its lines, its separator, the names of its columns, and what packs it."""

from __future__ import annotations

import codecs
import io
import itertools
import zipfile
from pathlib import Path
from typing import Any

import pytest

from affekt.dataset import table_lines
from affekt.dataset.tables import (
    Row,
    Table,
    folded,
    header_of,
    is_missing,
    is_table_name,
    known_columns,
    open_table,
    packing_of,
    separator_of,
    text_of,
)
from affekt.errors import DataError


def table(text: str) -> Table:
    return Table(io.StringIO(text, newline=""), "t.csv")


def test_blank_lines_before_the_header_are_counted_and_rows_have_their_lines() -> None:
    read = table("\n \n,,\nPath , My Label,,\nb.mp4,sad\n\n,,,\n c ,d,,\n")
    assert (read.line, read.header, read.names, read.separator) == (4, ["Path", "My Label"], ["path", "my_label"], ",")
    assert list(read.rows()) == [Row(5, ["b.mp4", "sad"]), Row(8, ["c", "d"])]


@pytest.mark.parametrize("stated", ["sep=;", "SEP=;", '"sep=;"', "sep=; "])
def test_a_stated_separator_counts_and_its_line_is_counted(stated: str) -> None:
    read = table(f"{stated}\na,b;c\n1;2\n")
    assert (read.separator, read.header, read.line) == (";", ["a,b", "c"], 2)
    assert list(read.rows()) == [Row(3, ["1", "2"])]


def test_blanks_after_a_separator_do_not_hinder_quotes_and_a_tab_is_no_blank() -> None:
    assert list(table('a,b\n1, "2,3"\n').rows()) == [Row(2, ["1", "2,3"])]
    assert list(table("a\tb\tc\n1\t\t3\n").rows()) == [Row(2, ["1", "", "3"])]


def test_missing_cells_are_blank_and_surplus_ones_an_error_that_names_the_separator() -> None:
    for sign, word in ((",", "a comma"), (";", "a semicolon"), ("\t", "a tab"), ("|", "a bar")):
        first, second, third = table(f"a{sign}b\n1\n1{sign}2{sign}3\n1{sign}2{sign}{sign}\n").rows()
        assert (first, third) == (Row(2, ["1", ""]), Row(4, ["1", "2"]))
        assert isinstance(second, DataError)
        assert (second.code, second.where) == ("bad_row", "t.csv:3")
        assert "3 cells, but the header has 2 columns" in second.message and word in second.message
    odd = next(iter(table("sep=:\na:b\n1:2:3\n").rows()))
    assert isinstance(odd, DataError) and "a value that holds :" in odd.message


@pytest.mark.parametrize("text", ["", "\n\n", ",,\n", "sep=;\n"])
def test_a_table_without_a_header_is_empty(text: str) -> None:
    with pytest.raises(DataError) as caught:
        table(text)
    assert (caught.value.code, caught.value.where) == ("empty", "t.csv")


def test_two_columns_of_one_name_are_an_error_and_two_without_a_name_are_not() -> None:
    with pytest.raises(DataError, match="the name a, b_c;") as caught:
        table("\nb-c,A,B C,a,d\n")
    assert (caught.value.code, caught.value.where) == ("bad_row", "t.csv:2")
    assert table("a,,,b\n").header == ["a", "", "", "b"]


def test_a_column_is_found_by_the_first_name_that_is_there() -> None:
    read = table("b,a,c\n")
    assert (read.column("x", "a", "b"), read.column("b", "a"), read.column("x")) == (1, 0, None)


def test_known_columns_and_a_sentence_for_each_that_is_called_otherwise() -> None:
    assert known_columns(table("path,Speaker,Label,x,Usage\n")) == (
        {"label": 2, "subject": 1, "split": 4},
        ["the column 'Speaker' is read as the subject", "the column 'Usage' is read as the split"],
    )
    assert known_columns(table("path\n")) == ({}, [])


@pytest.mark.parametrize(
    ("header", "separator"),
    [("a,b;c,d", ","), ("a;b;c,d", ";"), ("a\tb", "\t"), ("a|b", "|"), ('"a,b,c";d', ";"), ("alone", ","), ("", ",")],
)
def test_the_separator_is_what_the_header_has_most_of(header: str, separator: str) -> None:
    assert separator_of(header) == separator


def test_names_of_columns_are_folded() -> None:
    assert folded("  Emotion-Label  ") == folded("emotion__label") == folded("EMOTION label") == "emotion_label"
    assert folded("ｌａｂｅｌ") == "label"  # wide letters


def test_words_for_nothing() -> None:
    assert all(is_missing(word) for word in ("", " ", "NaN", " n/a ", "N.A.", "--", "?", "nil", "NaT", "missing"))
    assert not any(is_missing(word) for word in ("0", "no", "neutral", "---", "."))


@pytest.mark.parametrize(
    ("name", "whether"),
    [
        ("a.csv", True), ("A.TSV", True), ("x/a.csv.gz", True), ("a.tsv.XZ", True), ("a.csv.bz2", True),
        ("a.csv.zip", True), ("a.gz", False), ("a.txt", False), ("a.txt.gz", False), ("a.csv.rar", False),
        (".a.csv", False), ("__MACOSX/a.csv", False), ("csv", False),
    ],
)  # fmt: skip
def test_which_files_are_tables_by_their_names(name: str, whether: bool) -> None:
    assert is_table_name(name) is whether


def test_what_packs_a_file_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    import bz2
    import gzip
    import lzma

    packed = {".gz": gzip.compress(b"a"), ".bz2": bz2.compress(b"a"), ".xz": lzma.compress(b"a")}
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr("a", b"a")
    packed[".zip"] = (tmp_path / "z").read_bytes()
    assert {suffix: packing_of(content[:6]) for suffix, content in packed.items()} == {name: name for name in packed}
    assert packing_of(b"path,l") == packing_of(b"") == ""


@pytest.mark.parametrize(
    "content",
    [
        "ä,b\n".encode(), codecs.BOM_UTF8 + "ä,b\n".encode(),
        codecs.BOM_UTF16_LE + "ä,b\n".encode("utf-16-le"), codecs.BOM_UTF16_BE + "ä,b\n".encode("utf-16-be"),
    ],
)  # fmt: skip
def test_text_is_read_by_its_mark(content: bytes) -> None:
    assert text_of(io.BytesIO(content)).read() == "ä,b\n"  # type: ignore[arg-type]
    assert header_of(content) == ["ä", "b"]


def test_a_header_is_told_from_the_start_of_a_file() -> None:
    assert header_of(b"\n\nPath,Label\nx.mp4,ha") == ["path", "label"]
    assert header_of(b"") == header_of(b"a,a\n") == []
    assert header_of(b"a,b\n\xff\xfe") == ["a", "b"]  # cut within a sign


@pytest.mark.parametrize(("inside", "found"), [([], "none"), (["a.csv", "b.tsv"], "a.csv, b.tsv"), (["x.txt"], "none")])
def test_a_zip_holds_one_table(tmp_path: Path, inside: list[str], found: str) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        for name in inside:
            archive.writestr(name, "a,b\n1,2\n")
    with pytest.raises(DataError, match=f"found {found}$") as caught, open_table(tmp_path / "t.zip", "here"):
        pass
    assert (caught.value.code, caught.value.where) == ("unreadable", "here")


def test_what_is_damaged_further_down_is_an_error_with_its_place(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "t.csv"
    rows = b"".join(b"%d,x\n" % number for number in range(9000))
    damaged = {"not a CSV file in UTF-8": b"a,b\n" + rows + b"\xff\n", "ended": gzip.compress(b"a,b\n" + rows)[:-200]}
    for said, content in damaged.items():
        path.write_bytes(content)
        with pytest.raises(DataError, match=said) as caught, open_table(path, "here") as read:
            list(read.rows())
        assert (caught.value.code, caught.value.where) == ("unreadable", "here")


def test_signs_without_a_width_around_cells_and_names_do_not_matter() -> None:
    read = table("\u200bpath\u200e,label\ufeff\n\u200ba\u200cb.mp4\u00ad, sad\u00a0\u2060\n")
    assert read.names == ["path", "label"]
    assert list(read.rows()) == [Row(2, ["a\u200cb.mp4", "sad"])]


class Endless(io.RawIOBase):
    """A file of one line that does not end, as a packed one may hold; its beginning is given."""

    def __init__(self, beginning: bytes) -> None:
        self._rest, self.given = beginning, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = (self._rest + b"a," * len(buffer))[: len(buffer)]
        self._rest = b""
        buffer[: len(data)] = data
        self.given += len(data)
        assert self.given < 1 << 20, "it is read without an end"
        return len(data)


@pytest.mark.parametrize(("beginning", "line"), [(b"", 1), (b"path,label\n1.mp4,sad\n", 3)])
def test_a_line_without_an_end_is_refused_before_it_is_in_memory(
    monkeypatch: pytest.MonkeyPatch, beginning: bytes, line: int
) -> None:
    """A manifest of 4 MB, packed, took eleven gigabytes and ended without a word."""
    monkeypatch.setattr(table_lines, "MOST_SIGNS", 1 << 16)
    with pytest.raises(DataError, match="a row of more than") as caught:
        list(Table(text_of(io.BufferedReader(Endless(beginning))), "t.csv").rows())
    assert (caught.value.code, caught.value.where) == ("too_large", f"t.csv:{line}")


def test_so_is_a_row_of_lines_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_lines, "MOST_SIGNS", 1 << 12)
    many = itertools.chain(["path,label\n", '"a\n'], itertools.repeat('b","a\n', 5000))
    with pytest.raises(DataError, match="a row of more than"):
        list(Table(many, "t.csv").rows())


@pytest.mark.timeout(20)
def test_tens_of_thousands_of_columns_are_read_at_once() -> None:
    """Each had been compared with each."""
    names = ",".join(f"feature {number}" for number in range(100_000))
    assert len(table(f"{names}\n1\n").header) == 100_000
    with pytest.raises(DataError, match="two columns have the name feature_7;"):
        table(f"{names},feature 7\n1\n")


@pytest.mark.parametrize("written", ['="007"', '"=""007"""', ' ="007" '])
def test_what_keeps_a_table_program_from_reading_a_number_is_no_part_of_a_cell(written: str) -> None:
    """Subject ``007`` had been another person where the table was written so."""
    assert list(table(f"path,subject\na.mp4,{written}\n").rows()) == [Row(2, ["a.mp4", "007"])]
    assert list(table('path,subject\na.mp4,"="""\n').rows()) == [Row(2, ["a.mp4", '="'])]
