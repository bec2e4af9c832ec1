"""CSV files that list clips."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from affekt.dataset import ClipTable, load_clips, read_source
from affekt.dataset.manifest import manifest_of
from affekt.errors import DataError

Manifest = Callable[[str], str]
Tree = Callable[[Iterable[str]], str]


def test_columns_become_fields_and_the_rest_attributes(manifest: Manifest) -> None:
    folder = manifest("Path,Label,subject,split,gender,age\na.mp4,ANG,p1,training,female,\nb.mp4,joy,p2,dev,,30\n")
    first, second = load_clips(folder)
    assert (first.id, first.uri) == ("a.mp4", f"{folder}/a.mp4")
    assert (first.label, first.subject, first.split) == ("angry", "p1", "train")
    assert (first.attributes, second.attributes) == ({"gender": "female"}, {"age": "30"})
    assert (second.label, second.split, second.where) == ("happy", "val", f"{folder}/manifest.csv:3")


def test_the_id_of_a_file_named_in_full_is_its_path_below_the_manifest(manifest: Manifest) -> None:
    folder = manifest("path,label\n")
    for column in ("clip", "path", "uri"):
        (clip,) = load_clips(manifest(f"{column},label\n{folder}/a.mp4,sad\n"))
        assert clip.id == "a.mp4"


def test_cells_that_a_row_lacks_are_blank(manifest: Manifest) -> None:
    (clip,) = load_clips(manifest("path,label,subject,split,age\na.mp4,sad\n"))
    assert (clip.subject, clip.split, clip.attributes) == ("", "", {})


def test_a_cell_may_hold_lines(manifest: Manifest, tmp_path: Path) -> None:
    folder = manifest('path,label,note\r\na.mp4,sad,"one\r\ntwo"\r\nb.mp4,joy,\r\n')
    first, second = load_clips(folder)
    assert first.attributes == {"note": "one\r\ntwo"}
    assert second.where == f"{folder}/manifest.csv:4"
    ClipTable((first,)).write(tmp_path / "table.csv")
    assert ClipTable.read(tmp_path / "table.csv").clips[0].attributes == first.attributes


@pytest.mark.parametrize("column", ["path", "uri", "clip"])
def test_the_file_may_stand_in_any_of_three_columns(manifest: Manifest, column: str) -> None:
    (clip,) = load_clips(manifest(f"label,{column}\nsad,a.mp4\n"))
    assert (clip.id, clip.subject, clip.split) == ("a.mp4", "", "")


def test_clip_beside_path_is_the_id(manifest: Manifest) -> None:
    (clip,) = load_clips(manifest("clip,path,label\nfirst,a.mp4,sad\n"))
    assert (clip.id, Path(clip.uri).name) == ("first", "a.mp4")


def test_the_csv_file_itself_is_a_data_set_under_any_name(manifest: Manifest, tmp_path: Path) -> None:
    folder = manifest("path,label\na.mp4,sad\n")
    (tmp_path / "manifest.csv").rename(tmp_path / "some clips.csv")
    (clip,) = load_clips(f"{folder}/some clips.csv")
    assert clip.uri == f"{folder}/a.mp4"


def test_paths_may_be_absolute_or_lead_out_of_the_folder(manifest: Manifest, tmp_path: Path) -> None:
    folder = manifest("path,label\n")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "mine.csv").write_text(f"path,label\n../a.mp4,sad\n{folder}/b.mp4,happy\n")
    assert [clip.id for clip in load_clips(f"{folder}/lists/mine.csv")] == ["../a.mp4", f"{folder}/b.mp4"]


def test_a_path_as_windows_writes_it_or_in_another_form_of_unicode(manifest: Manifest, tmp_path: Path) -> None:
    composed, apart = "caf\u00e9.mp4", "cafe\u0301.mp4"
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.mp4").touch()
    (tmp_path / apart).touch()
    assert [clip.id for clip in load_clips(manifest(f"path,label\ndeep\\a.mp4,sad\n{composed},sad\n"))] == [
        "deep/a.mp4", apart,
    ]  # fmt: skip
    (tmp_path / composed).touch()
    assert [clip.id for clip in load_clips(manifest(f"path,label\n{apart},sad\n{composed},sad\n"))] == [apart, composed]


def test_a_column_of_another_name_and_rows_without_a_split_are_told_with_their_place(manifest: Manifest) -> None:
    folder = manifest("path,emotion,split\na.mp4,sad,train\nb.mp4,sad,\n")
    read_as, without = read_source(folder).problems
    assert (read_as.code, read_as.where, read_as.severity) == ("column_read_as", f"{folder}/manifest.csv:1", "warning")
    assert (without.code, without.where) == ("no_split", f"{folder}/manifest.csv:3")
    assert "fill in train, val or test in all rows" in without.message


def test_bom_blank_lines_quotes_and_spaces_do_not_matter(manifest: Manifest) -> None:
    folder = manifest('\ufeffpath, label ,note\n\n a.mp4 , Sad ,"x, y"\n,,\nb.mp4,sad\n')
    assert [(clip.id, clip.label, clip.attributes) for clip in load_clips(folder)] == [
        ("a.mp4", "sad", {"note": "x, y"}),
        ("b.mp4", "sad", {}),
    ]


def test_a_table_that_was_written_is_a_data_set(manifest: Manifest, tmp_path: Path) -> None:
    table = load_clips(manifest("path,label,subject,split,gender\na.mp4,sad,p1,train,male\nb.mp4,fear,p2,val,\n"))
    (tmp_path / "elsewhere").mkdir()
    table.write(tmp_path / "elsewhere" / "table.csv")
    again = load_clips(str(tmp_path / "elsewhere" / "table.csv"))
    other = ClipTable.read(tmp_path / "elsewhere" / "table.csv")
    for clip, read, loaded in zip(table, again, other, strict=True):
        for field in ("id", "uri", "label", "subject", "split", "attributes"):
            assert getattr(clip, field) == getattr(read, field) == getattr(loaded, field)


def test_a_folder_holds_one_manifest_or_none(manifest: Manifest, tmp_path: Path) -> None:
    assert manifest_of(str(tmp_path / "nothing")) is None
    folder = manifest("")
    (tmp_path / "manifest.tsv").touch()
    assert manifest_of(folder) == f"{folder}/manifest.csv"  # whatever lies beside it
    (tmp_path / "manifest.csv").rename(tmp_path / "Manifest.csv.gz")
    with pytest.raises(DataError, match=r"Manifest\.csv\.gz, manifest\.tsv") as caught:
        manifest_of(folder)
    assert (caught.value.code, caught.value.where) == ("ambiguous", folder)


@pytest.mark.parametrize(
    ("row", "code", "part"),
    [
        ("b.mp4,bored,,", "unknown_label", "'bored'"),
        ("nope.mp4,sad,,", "missing_file", "nope.mp4"),
        ("a.mp4,sad,,", "duplicate_id", "line 2"),
        ("b.mp4,sad,,edge", "unknown_split", "unknown split 'edge'; expected train, val, test, or nothing"),
        ("b.mp4,sad,,Trian", "unknown_split", "unknown split 'Trian'; did you mean train?; expected"),
        ("b.mp4,,,train", "no_label", "no label"),
        (",sad,,", "no_path", "names no file"),
        ("b.mp4,sad,,,surplus", "bad_row", "5 cells"),
        ("http://host/b.mp4,sad,,", "unknown_scheme", "http://"),
        ("b.png,sad,,", "missing_file", "b.png"),
        (f"{'b' * 300}.mp4,sad,,", "missing_file", "there is no file"),  # longer than the name of a file can be
    ],
)
def test_a_bad_row_is_named_by_file_and_line(manifest: Manifest, row: str, code: str, part: str) -> None:
    folder = manifest(f"path,label,subject,split\na.mp4,sad,,\n{row}\nc.mp4,happy,,\n")
    found = [problem for problem in read_source(folder).problems if problem.code == code]
    assert [problem.where for problem in found] == [f"{folder}/manifest.csv:3"]
    assert part in found[0].message
    with pytest.raises(DataError, match=r"manifest\.csv:3"):
        load_clips(folder)


def test_what_a_row_does_not_say_is_blank(manifest: Manifest) -> None:
    source = read_source(manifest("path,label,split\na.mp4,bored,edge\nb.mp4,,train\n"))
    assert [(clip.label, clip.split) for clip in source.table] == [("", ""), ("", "train")]


def test_all_bad_rows_are_reported_together(manifest: Manifest) -> None:
    folder = manifest("path,label\na.mp4,bored\nb.mp4,sad\nnope.mp4,sad\nb.mp4,sad\n")
    with pytest.raises(DataError) as caught:
        load_clips(folder)
    text = str(caught.value)
    assert "3 errors" in text
    assert all(f"manifest.csv:{line}" in text for line in (2, 4, 5))


def test_an_unlabelled_test_clip_is_no_error(manifest: Manifest) -> None:
    table = load_clips(manifest("path,label,split\na.mp4,,test\nb.mp4,sad,train\n"))
    assert [clip.label for clip in table] == ["", "sad"]


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("where,label\na.mp4,sad\n", "missing_column", "path, uri or clip; found where, label"),
        ("path,feeling\na.mp4,sad\n", "missing_column", "named label or emotion; found path, feeling"),
        ("path;feeling\na.mp4;sad\n", "missing_column", "found path, feeling"),
        (f"{','.join('abcdefghijklmn')}\n", "missing_column", "found a, b, c, d, e, f, g, h, i, j, k, l and 2 more"),
        (",,\na.mp4,sad\n", "missing_column", "path, uri or clip; found a.mp4, sad"),
        ("path,label,label\na.mp4,sad,sad\n", "bad_row", "two columns"),
        ("", "empty", "empty"),
        ("path,label\n", "empty", "no clips"),
        ("path,label\na.png,sad\n", "no_clips", "faces="),
    ],
)
def test_a_file_that_is_no_manifest_says_why(manifest: Manifest, text: str, code: str, part: str) -> None:
    folder = manifest(text)
    with pytest.raises(DataError, match=part) as caught:
        load_clips(folder)
    assert caught.value.code == code
    assert str(caught.value.where).startswith(folder)


@pytest.mark.parametrize(
    ("text", "where"), [("", ""), ("where,label\n", ":1"), ("\n\npath,feeling\n", ":3"), ("path,label,label\n", ":1")]
)
def test_a_file_that_is_no_manifest_is_named_with_its_line(manifest: Manifest, text: str, where: str) -> None:
    folder = manifest(text)
    with pytest.raises(DataError) as caught:
        read_source(folder)
    assert caught.value.where == f"{folder}/manifest.csv{where}"


def test_a_cell_of_endless_length_is_not_readable(manifest: Manifest) -> None:
    folder = manifest(f"path,label\n{'a' * 200_000},sad\n")
    with pytest.raises(DataError, match="not a readable CSV file: field larger") as caught:
        read_source(folder)
    assert (caught.value.code, caught.value.where) == ("unreadable", f"{folder}/manifest.csv:2")


def test_a_file_that_is_not_text_says_so(manifest: Manifest, tmp_path: Path) -> None:
    folder = manifest("")
    (tmp_path / "manifest.csv").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(DataError, match="UTF-8") as caught:
        load_clips(folder)
    assert (caught.value.code, caught.value.where) == ("unreadable", f"{folder}/manifest.csv")


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("is_test", "the column 'is_test' tells no split here"),
        ("Test", "the column 'test' tells no split here"),
        ("heldout", "the column 'heldout' tells no split here"),
        ("Start_Time", "the column 'start_time' is not read: files are taken as a whole"),
        ("end", "the column 'end' is not read"),
        ("Exclude", "the column 'exclude' is not read: every row counts"),
        ("to_be_dropped", "the column 'to_be_dropped' is not read: every row counts"),
        ("is_used", "the column 'is_used' is not read: every row counts"),
        ("frame_start,frame_end", "the columns 'frame_start', 'frame_end' are not read: files are taken as a whole"),
        ("Begin Time - ss.msec", "the column 'begin time - ss.msec' is not read: files are taken as a whole"),
        ("Stop (s)", "the column 'stop (s)' is not read: files are taken as a whole"),
        ("offset", "the column 'offset' is not read: files are taken as a whole"),
        ("face_x,face_y,face_width", "the columns 'face_x', 'face_y', 'face_width' are not read: clips are searched"),
        ("BBox", "the column 'bbox' is not read: clips are searched for their most prominent face"),
        ("xmin,xmax", "the columns 'xmin', 'xmax' are not read: clips are searched"),
        ("fold", "the column 'fold' is not read: folds are made anew"),
        ("sample_weight", "the column 'sample_weight' is not read: every row counts alike"),
        ("audio_channel", "the column 'audio_channel' is not read: all channels are heard together"),
        ("angry,happy,sad", "the columns angry, happy, sad are not read"),
        ("keepsake", ""),
        ("sad", ""),
        ("gender", ""),
        ("friend", ""),
        ("start_word", ""),
        ("weight", ""),
        ("send", ""),
        ("boxer", ""),
        ("folder", ""),
        pytest.param(f"start{'s' * 60}x", "", marks=pytest.mark.timeout(20), id="very many units"),
    ],
)
def test_a_column_that_seems_to_say_what_is_learned_from_is_told(manifest: Manifest, column: str, told: str) -> None:
    problems = read_source(manifest(f"path,label,{column}\na.mp4,sad,0\nb.mp4,happy,1\n")).problems
    assert [problem.code for problem in problems] == ["column_not_read"] * bool(told)
    assert all(told in problem.message for problem in problems)


def test_rows_that_contradict_the_path_of_their_file_are_told_and_count(tree: Tree) -> None:
    folder = tree(["train/happy/1.mp4", "train/sad/2.mp4", "val/Anger/3.mp4", "val/takes/4.mp4"])
    rows = ["train/happy/1.mp4,sad,train", "train/sad/2.mp4,sad,val"]
    rows += ["val/Anger/3.mp4,angry,val", "val/takes/4.mp4,fear,val"]
    (Path(folder) / "manifest.csv").write_text("\n".join(["path,label,split", *rows]), encoding="utf-8")

    source = read_source(folder)

    assert [clip.label for clip in source.table] == ["sad", "sad", "angry", "fear"]
    assert [(problem.code, problem.severity) for problem in source.problems] == [
        ("label_by_path", "warning"),
        ("split_by_path", "warning"),
    ]
    assert "1 of 3 rows name another label" in source.problems[0].message
    assert "line 2: 'sad', 'happy' by train/happy/1.mp4" in source.problems[0].message
    assert "1 of 4 rows name another split" in source.problems[1].message


def test_names_of_a_known_data_set_are_held_against_its_manifest_and_common_folders_are_not(tree: Tree) -> None:
    names = ["Joy/03-01-03-01-01-01-01.mp4", "Joy/03-01-04-01-01-01-02.mp4"]
    folder = tree(names)
    for labels, told in ((("happy", "sad"), []), (("sad", "happy"), ["label_by_path"])):
        rows = [f"{name},{label}" for name, label in zip(names, labels, strict=True)]
        (Path(folder) / "manifest.csv").write_text("\n".join(["path,label", *rows]), encoding="utf-8")
        assert [problem.code for problem in read_source(folder).problems] == told


@pytest.mark.parametrize(("subject", "told"), [("", True), ("anna", False)])
def test_versions_of_one_recording_are_told_unless_they_share_a_subject(
    manifest: Manifest, subject: str, told: bool
) -> None:
    table = f"path,label,subject\na.mp4,sad,{subject}\na_noise.mp4,sad,{subject}\nb.mp4,happy,{subject}\n"
    folder = manifest(table)
    (Path(folder) / "a_noise.mp4").touch()
    assert ("made_of_others" in {problem.code for problem in read_source(folder).problems}) == told


AS_WRITTEN = ["Take 1.MP4", "take 1", "take 1.wav", "takes/take%201.mp4", "take\u00a01.mp4", "C:\\x\\take 1.mp4"]


@pytest.mark.parametrize("cell", [*AS_WRITTEN, "/old/take_1.mp4"])
def test_the_file_that_was_probably_meant_is_named(manifest: Manifest, tree: Tree, cell: str) -> None:
    tree(["takes/take 1.mp4", "takes/take 2.mp4"])
    (problem,) = read_source(manifest(f"path,label\n{cell},sad\n")).problems
    assert "; is 'data/takes/take 1.mp4' meant? correct the path or remove the row" in problem.message


@pytest.mark.parametrize("cell", ["take 3.mp4", "one.mp4"])
def test_no_file_is_guessed_where_none_or_two_could_be_meant(manifest: Manifest, tree: Tree, cell: str) -> None:
    tree(["takes/take 1.mp4", "first/one.mp4", "second/one.mp4"])
    (problem,) = read_source(manifest(f"path,label\n{cell},sad\n")).problems
    assert "meant" not in problem.message


@pytest.mark.parametrize(
    ("names", "code", "said"),
    [
        (["01-01-03-01-02-01-12.mp4", "02-01-03-01-02-01-12.mp4"], "several_forms", "2 rows are forms of 1 recording,"),
        (["1001_IEO_HAP_HI.flv", "wav/1001_IEO_HAP_HI.wav"], "several_forms", "1001_IEO_HAP_HI.flv, wav/1001_IEO_HAP"),
        (["take.mp4", "take.wav"], "same_name", "2 files have the name of another one but for the ending"),
        (["01-01-03-01-02-01-12.mp4", "01-01-03-01-02-01-13.mp4"], "", ""),
    ],
)
def test_rows_of_one_recording_in_several_forms_are_told(
    manifest: Manifest, tree: Tree, names: list[str], code: str, said: str
) -> None:
    tree(names)
    problems = read_source(manifest("path,label\n" + "".join(f"data/{name},happy\n" for name in names))).problems
    assert [problem.code for problem in problems] == [code] * bool(code)
    assert all(said.replace("wav/", "data/wav/") in problem.message for problem in problems)
