"""Tables as different programs write them are read as the same rows."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affekt.dataset import load_clips, read_faces, read_source
from affekt.dataset.faces import unit_of
from affekt.dataset.tables import header_of, open_table, separator_of
from affekt.errors import DataError
from affekt.score_table import ScoreTable

PLAIN = "clip,label,subject,split,face_angry,face_happy\na,angry,1,train,.25,.75\nb,happy,2,test,,\nc,,,,1,0\n"
TWO_ROWS = "path,label,subject,split\na.mp4,sad,p1,train\nb.mp4,happy,p2,val\n"
PIXELS = "emotion,pixels,Usage\n0,1 2 3 4,Training\n6,5 6 7 8,PrivateTest\n"


def zipped(content: bytes, name: str = "inside.csv") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


#: What a program does to the text of a table, and what to the bytes.
WRITTEN: dict[str, Callable[[str], bytes]] = {
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16 without a mark": lambda text: text.encode("utf-16-le"),
    "utf-16 the other way round": lambda text: text.encode("utf-16-be"),
    "utf-32": lambda text: text.encode("utf-32"),
    "windows": lambda text: text.replace("\n", "\r\n").encode(),
    "old mac": lambda text: text.replace("\n", "\r").encode(),
    "tabs": lambda text: text.replace(",", "\t").encode(),
    "semicolons": lambda text: text.replace(",", ";").encode(),
    "bars": lambda text: text.replace(",", "|").encode(),
    "excel": lambda text: ("sep=;\n" + text.replace(",", ";")).encode(),
    "commas behind rows": lambda text: text.replace("\n", ",\n").replace(",\n", "\n", 1).encode(),
    "commas behind all": lambda text: text.replace("\n", ",,\n").encode(),
    "blank lines": lambda text: ("\n\n" + text.replace("\n", "\n\n") + ",,\n").encode(),
    "blanks": lambda text: text.replace(",", " , ").encode(),
    "quotes": lambda text: "\n".join(
        ",".join(f'"{cell}"' for cell in line.split(",")) for line in text.splitlines()
    ).encode(),
    "blanks before quotes": lambda text: text.replace("label", ' "label"', 1).encode(),
    "capitals": lambda text: (text.partition("\n")[0].upper() + "\n" + text.partition("\n")[2]).encode(),
    "index of pandas": lambda text: "\n".join(
        f"{number - 1 if number else ''},{line}" for number, line in enumerate(text.splitlines())
    ).encode(),
}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zip": zipped,
}  # fmt: skip


@pytest.mark.parametrize("how", WRITTEN)
def test_a_score_table_is_read_however_it_is_written(tmp_path: Path, how: str) -> None:
    (tmp_path / "plain.csv").write_text(PLAIN)
    (tmp_path / "other.csv").write_bytes(WRITTEN[how](PLAIN))
    plain, other = ScoreTable.read(tmp_path / "plain.csv"), ScoreTable.read(tmp_path / "other.csv")
    assert np.array_equal(plain.scores, other.scores, equal_nan=True)
    assert plain.truth.tolist() == other.truth.tolist() == [0, 1, -1]
    assert (plain.clips, plain.labels, plain.subjects, plain.splits) == (
        other.clips, other.labels, other.subjects, other.splits,
    )  # fmt: skip
    assert [name.lower() for name in other.models] == ["face"]


@pytest.mark.parametrize("how", WRITTEN)
def test_a_manifest_is_read_however_it_is_written(manifest: Callable[[str], str], tmp_path: Path, how: str) -> None:
    folder = manifest("")
    (tmp_path / "manifest.csv").write_bytes(WRITTEN[how](TWO_ROWS))
    assert [(clip.id, clip.label, clip.subject, clip.split, clip.attributes) for clip in load_clips(folder)] == [
        ("a.mp4", "sad", "p1", "train", {}), ("b.mp4", "happy", "p2", "val", {}),
    ]  # fmt: skip


@pytest.mark.parametrize("how", WRITTEN)
def test_a_table_of_pixels_is_read_however_it_is_written(tmp_path: Path, how: str) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_bytes(WRITTEN[how](PIXELS))
    assert unit_of(str(path)) == "images"
    first, second = read_faces(str(path))
    assert (first.label, first.split, second.label, second.split) == ("angry", "train", "neutral", "test")
    assert second.load()[:, :, 1].tolist() == [[5, 6], [7, 8]]


@pytest.mark.parametrize("packing", PACKED)
def test_a_packed_table_is_unpacked(manifest: Callable[[str], str], tmp_path: Path, packing: str) -> None:
    folder, pack = manifest(""), PACKED[packing]
    (tmp_path / "manifest.csv").unlink()
    for name, text in (("scores", PLAIN), ("fer2013", PIXELS), ("manifest", TWO_ROWS)):
        (tmp_path / f"{name}.csv{packing}").write_bytes(pack(text.encode()))
    assert ScoreTable.read(tmp_path / f"scores.csv{packing}").clips == ("a", "b", "c")
    assert len(read_faces(str(tmp_path / f"fer2013.csv{packing}"))) == 2
    assert len(load_clips(str(tmp_path / f"manifest.csv{packing}"))) == len(load_clips(folder)) == 2


@pytest.mark.parametrize("name", ["manifest.tsv", "Manifest.CSV", "MANIFEST.csv.gz"])
def test_a_manifest_may_have_another_ending(manifest: Callable[[str], str], tmp_path: Path, name: str) -> None:
    folder = manifest("")
    (tmp_path / "manifest.csv").unlink()
    text = TWO_ROWS.replace(",", "\t").encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    assert len(load_clips(folder)) == 2
    (tmp_path / "manifest.csv.bz2").write_bytes(b"")
    with pytest.raises(DataError, match="several manifests"):
        read_source(folder)


def tarred(mode: str, files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


MODES = {"gz": "w:gz", "tgz": "w:gz", "bz2": "w:bz2", "tbz2": "w:bz2", "xz": "w:xz", "txz": "w:xz", "tar": "w"}


@pytest.mark.parametrize(
    "name", ["x.tar", "x.tar.gz", "x.tgz", "x.tar.bz2", "x.tbz2", "x.tar.xz", "x.txz", "x.zip", "X.ZIP"]
)
def test_an_archive_of_a_table_of_pixels(tmp_path: Path, name: str) -> None:
    content = PIXELS.replace("emotion,pixels,Usage", '"emotion","pixels","Usage"').encode()
    path = tmp_path / name
    kind = name.lower().rpartition(".")[2]
    files = {"a/README": b"x", "a/fer.csv": content}
    path.write_bytes(zipped(content, "a/fer.csv") if kind == "zip" else tarred(MODES[kind], files))
    assert [(face.label, face.split) for face in read_faces(str(path))] == [("angry", "train"), ("neutral", "test")]


@pytest.mark.parametrize("word", ["NaN", "nan", "NA", "n/a", "#N/A", "null", "NULL", "None", "<NA>", "-", "?", " "])
def test_words_for_missing_values(manifest: Callable[[str], str], tmp_path: Path, word: str) -> None:
    header = "clip,label,subject,split,face_angry,face_happy"
    (tmp_path / "t.csv").write_text(f"{header}\na,{word},{word},{word},{word},.5\n")
    table = ScoreTable.read(tmp_path / "t.csv")
    assert not table.available.any()
    assert (table.truth.tolist(), table.subjects, table.splits) == ([-1], ("",), ("",))
    folder = manifest(f"path,label,subject,split,age\na.mp4,sad,{word},{word},{word}\nb.mp4,happy,p2,{word},30\n")
    first, second = load_clips(folder)
    assert (first.subject, first.split, first.attributes) == ("", "", {})
    assert (second.subject, second.attributes) == ("p2", {"age": "30"})


@pytest.mark.parametrize("word", ["Unknown", "UNK", "unknown_speaker", "Not known", "unbekannt"])
def test_clips_of_people_whom_nobody_knows_are_not_one_persons(
    word: str, manifest: Callable[[str], str], tmp_path: Path
) -> None:
    source = read_source(manifest(f"path,label,SpkrID\na.mp4,sad,{word}\nb.mp4,happy,unknown 7\n"))
    assert [clip.subject for clip in source.table] == ["", "unknown 7"]
    assert "missing_word" in [problem.code for problem in source.problems]
    (tmp_path / "t.csv").write_text(f"clip,subject,face_angry,face_happy\na,{word},.5,.5\n")
    assert ScoreTable.read(tmp_path / "t.csv").subjects == ("",)


def test_of_many_warnings_alike_the_first_few_are_told(
    manifest: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    rows = "".join(f"{name}.mp4,sad,NA\n" for name in "abcdefgh")
    folder = manifest(f"path,Emotion,subject\n{rows}")
    for name in "efgh":
        (Path(folder) / f"{name}.mp4").write_bytes(b"")
    load_clips(folder)
    said = [record.getMessage() for record in caplog.records]
    assert sum("is read as a word for one who is not known" in line for line in said) == 5
    assert any(line.endswith("missing word: 3 more like it (`affekt check` lists all)") for line in said)
    assert any("the column 'Emotion' is read as the label" in line for line in said)


def test_a_subject_that_is_a_word_for_a_missing_value_is_told(manifest: Callable[[str], str]) -> None:
    (problem,) = read_source(manifest("path,label,subject\na.mp4,sad,NA\nb.mp4,happy,p2\n")).problems
    assert (problem.code, problem.severity) == ("missing_word", "warning")
    assert problem.where.endswith("manifest.csv:2")


def test_the_usual_names_of_columns_are_understood_and_told(manifest: Callable[[str], str]) -> None:
    rows = "Filename,Emotion,Speaker,Usage\na.mp4,Joy,p1,Training\nb.mp4,Sadness,p2,PublicTest\n"
    source = read_source(manifest(rows))
    assert [(clip.id, clip.label, clip.subject, clip.split) for clip in source.table] == [
        ("a.mp4", "happy", "p1", "train"), ("b.mp4", "sad", "p2", "val"),
    ]  # fmt: skip
    assert [problem.message for problem in source.problems] == [
        "the column 'Emotion' is read as the label",
        "the column 'Speaker' is read as the subject",
        "the column 'Usage' is read as the split",
    ]


@pytest.mark.parametrize("name", ["SpkrID", "SpeakerID", "participant_id", "Person ID", "speaker-name", "subj"])
def test_people_are_known_by_their_numbers_and_short_words(manifest: Callable[[str], str], name: str) -> None:
    """Nobody was named, and the same person could be on both sides of a split."""
    source = read_source(manifest(f"path,label,{name}\na.mp4,sad,p1\nb.mp4,happy,p2\n"))
    assert [clip.subject for clip in source.table] == ["p1", "p2"]
    assert [problem.message for problem in source.problems] == [f"the column {name!r} is read as the subject"]


def test_a_label_column_counts_before_an_emotion_column(manifest: Callable[[str], str]) -> None:
    (clip,) = load_clips(manifest("path,emotion,label\na.mp4,3,sad\n"))
    assert (clip.label, clip.attributes) == ("sad", {"emotion": "3"})


@pytest.mark.parametrize(
    "columns",
    [
        "face_Anger,face_Happiness",
        "face-ANG,face-HAP",
        "face.angry,face.joy",
        "face angry,face happy",
        "face/anger,face/Joyful",
    ],
)
def test_labels_in_columns_may_be_written_in_any_known_way(tmp_path: Path, columns: str) -> None:
    (tmp_path / "t.csv").write_text(f"Clip,Emotion,Split,{columns}\na,Anger,PrivateTest,.25,.75\n")
    table = ScoreTable.read(tmp_path / "t.csv")
    assert (table.models, table.labels, table.truth.tolist(), table.splits) == (
        ("face",), ("angry", "happy"), [0], ("test",),
    )  # fmt: skip


def test_columns_that_are_left_aside_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "t.csv").write_text("clip,n_frames,voice_mad,face_angry,face_pleasant_surprise\na,3,1,.5,.5\n")
    table = ScoreTable.read(tmp_path / "t.csv")
    assert (table.models, table.labels) == (("face",), ("angry", "surprise"))
    assert "left aside: n_frames, voice_mad" in caplog.text


def test_a_comma_may_stand_before_the_fraction_where_it_does_not_separate(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("clip;face_angry;face_happy\na;0,25;0,75\n")
    assert ScoreTable.read(tmp_path / "t.csv").scores.ravel().tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    ("cell", "amount"), [("25%", 0.25), ("2.5 %", 0.025), ('"0,25"', 0.25), ('"12,5 %"', 0.125), ("1e-3", 0.001)]
)
def test_a_score_may_be_written_in_hundredths_or_with_a_comma(tmp_path: Path, cell: str, amount: float) -> None:
    (tmp_path / "t.csv").write_text(f"clip,face_angry\na,{cell}\n")
    assert ScoreTable.read(tmp_path / "t.csv").scores.item() == pytest.approx(amount, rel=1e-12)


@pytest.mark.parametrize("cell", ["1_0", '"1,000"', '"12,345,678"', "25%%", "%", "0x1"])
def test_what_may_be_another_amount_is_none(tmp_path: Path, cell: str) -> None:
    (tmp_path / "t.csv").write_text(f"clip,face_angry\na,{cell}\n")
    with pytest.raises(DataError, match=r"row 2, column face_angry: .* is not a number"):
        ScoreTable.read(tmp_path / "t.csv")


def test_a_split_that_is_not_known_keeps_its_name_in_a_score_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("clip,split,face_angry\na,Fold A,1\nb,Dev,1\nc,test1,1\nd,test2,1\n")
    assert ScoreTable.read(tmp_path / "t.csv").splits == ("Fold A", "val", "test1", "test2")


def test_a_numbered_split_in_a_manifest_is_not_guessed_at(manifest: Callable[[str], str]) -> None:
    (problem,) = read_source(manifest("path,label,split\na.mp4,sad,test1\nb.mp4,sad,test\n")).problems
    assert (problem.code, problem.where.endswith(":2")) == ("unknown_split", True)


def test_rows_have_the_lines_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('\nsep=,\na,b\n1,"two\nlines"\n\n3\n4,5,6\n')
    with open_table(path, "t") as table:
        rows = list(table.rows())
    assert (table.line, table.header) == (3, ["a", "b"])
    assert [(row.line, row.cells) for row in rows if not isinstance(row, DataError)] == [
        (5, ["1", "two\nlines"]), (7, ["3", ""]),
    ]  # fmt: skip
    (wrong,) = (row for row in rows if isinstance(row, DataError))
    assert (wrong.code, wrong.where) == ("bad_row", "t:8")
    assert wrong.message == "3 cells, but the header has 2 columns; put quotes around a value that holds a comma"


def test_a_quote_behind_a_blank_opens_no_cell_between_tabs(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text('a\tb\n1\t "x\n2\ty\n')
    with open_table(tmp_path / "t.tsv", "t") as table:
        assert [row.cells for row in table.rows() if not isinstance(row, DataError)] == [["1", '"x'], ["2", "y"]]


def test_the_header_alone_tells_the_separator() -> None:
    assert separator_of('"a,b,c";d;e') == ";"
    assert separator_of("alone") == ","
    assert header_of(b"\xff\xfe" + "Emotion\tPixels\n3\t1 2".encode("utf-16-le")) == ["emotion", "pixels"]
    assert header_of(b'"first\nname",b\n1,2\n') == ["first_name", "b"]
    assert [header_of(b"\n" * blank + b"a,b\n") for blank in (7, 8)] == [["a", "b"], []]


@pytest.mark.parametrize(
    ("content", "said", "code", "where"),
    [
        (b"\x1f\x8bnot gzip", "not a readable CSV", "unreadable", "t"),
        (b"BZhx", "not a readable CSV", "unreadable", "t"),
        (zipped(b"x", "readme.txt"), "expected one table in it; found none", "unreadable", "t"),
        (b"a,b\n\xff", "UTF-8", "unreadable", "t"),
        (b"", "empty", "empty", "t"),
        (b"a,A\n", "two columns", "bad_row", "t:1"),
        (zipped(b"x", "xl/workbook.xml"), "a workbook of Excel; export it as CSV", "unreadable", "t"),
        (b"\xd0\xcf\x11\xe0" + bytes(60), "a workbook of an old Excel; export it as CSV", "unreadable", "t"),
        (b"PAR1" + bytes(60), "a Parquet file; export it as CSV", "unreadable", "t"),
        (b'\xef\xbb\xbf[\n {"path": "a.mp4"}]', "JSON; export it as CSV", "unreadable", "t"),
        (b'{"path": "a.mp4"}\n{"path": "b.mp4"}\n', "JSON; export it as CSV", "unreadable", "t"),
        (b"\n<!DOCTYPE html><title>404", "a web page, perhaps that of a download that failed", "unreadable", "t"),
        (b"(\xb5/\xfd" + bytes(60), "packed with Zstandard; unpack it", "unreadable", "t"),
    ],
    ids=[
        *(
            "no gzip",
            "no bzip2",
            "zip without a table",
            "no UTF-8",
            "empty",
            "a column twice",
            "xlsx",
            "xls",
            "Parquet",
        ),
        *("JSON", "JSON lines", "HTML", "Zstandard"),
    ],
)
def test_what_is_no_table_says_so(tmp_path: Path, content: bytes, said: str, code: str, where: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught, open_table(path, "t") as table:
        list(table.rows())
    assert (caught.value.code, caught.value.where) == (code, where)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_header_in_the_middle_is_told_for_what_it_is(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "joined.csv"
    path.write_text(f"Clip,f sad\na,1\n{mark}clip , F_Sad,\nb,0\n", encoding="utf-8")
    with open_table(path, "t") as table:
        first, told, last = table.rows()
    assert isinstance(told, DataError) and "is the header again" in told.message and told.where == "t:3"
    assert [row.cells for row in (first, last) if not isinstance(row, DataError)] == [["a", "1"], ["b", "0"]]


def test_a_data_set_that_is_no_table_is_called_by_its_name(tmp_path: Path) -> None:
    for name, content, said in (
        ("list.xlsx", zipped(b"x", "xl/workbook.xml"), "a workbook of Excel"),
        ("list.jsonl", b'{"path": "a.mp4"}', "JSON"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{said}; export it as CSV") as caught:
            read_source(str(tmp_path / name))
        assert caught.value.code == "unknown_layout"
