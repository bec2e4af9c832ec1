"""Score tables: their CSV form, and joining."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from affekt.errors import DataError
from affekt.score_table import ScoreTable, join_tables, stack_tables

HEADER = "clip,label,subject,split,face_angry,face_happy"


def written(tmp_path, *rows, header=HEADER):
    path = tmp_path / "scores.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def table(clips=("a", "b"), model="face", truth=(0, 1), subjects=("1", "2"), splits=("train", "val")):
    rng = np.random.default_rng(0)
    scores = rng.dirichlet((1, 1), size=(len(clips), 1))
    return ScoreTable(clips, ("angry", "happy"), (model,), scores, np.array(truth), subjects, splits)


def test_a_table_that_was_written_reads_back_to_the_last_bit(tmp_path):
    before = table()
    before.write(tmp_path / "t.csv")
    after = ScoreTable.read(tmp_path / "t.csv")
    assert np.array_equal(before.scores, after.scores)
    assert (before.clips, before.subjects, before.splits) == (after.clips, after.subjects, after.splits)
    assert np.array_equal(before.truth, after.truth)


def test_ids_and_subjects_that_look_like_numbers_stay_text(tmp_path):
    read = ScoreTable.read(written(tmp_path, "000123,angry,01,train,.5,.5"))
    assert (read.clips, read.subjects) == (("000123",), ("01",))


def test_a_blank_score_means_no_answer(tmp_path):
    read = ScoreTable.read(written(tmp_path, "a,angry,1,train,,", "b,happy,1,train,.2,"))
    assert not read.available.any()


def test_label_subject_and_split_may_be_absent(tmp_path):
    read = ScoreTable.read(written(tmp_path, "a,.1,.9", header="clip,face_angry,face_happy"))
    assert read.truth[0] == -1
    assert read.splits == ("",)


def test_a_model_name_may_hold_underscores(tmp_path):
    read = ScoreTable.read(written(tmp_path, "a,.1,.9", header="clip,c3d_afew_1_angry,c3d_afew_1_happy"))
    assert read.models == ("c3d_afew_1",)


def test_other_columns_are_left_aside(tmp_path):
    read = ScoreTable.read(written(tmp_path, "a,12,.1,.9", header="clip,n_face_frames,face_angry,face_happy"))
    assert read.models == ("face",)


@pytest.mark.parametrize(
    ("rows", "header", "code", "said"),
    [
        (["a,angry,1,train,x,.5"], HEADER, "not_a_number", "row 2, column face_angry: 'x' is not a number"),
        (["a,,1,train,.5,.5"] * 2, HEADER, "duplicate_id", "row 3 names the clip 'a' a second time"),
        (
            ["d/a,,1,train,.5,.5", "./d//a,,1,train,.5,.5"],
            HEADER,
            "duplicate_id",
            "row 3 names the clip './d//a' a second time, after row 2",
        ),
        (["a,furious,1,train,.5,.5"], HEADER, "unknown_label", "row 2: label 'furious' is none of the scored labels"),
        (["a,3,1,train,.5,.5"], HEADER, "unknown_label", "row 2: label '3' is none"),
        (["a,sad,1,train,.5,.5"], HEADER, "unknown_label", "row 2: label 'sad' is none of the scored labels angry, "),
        (["a,.5"], "clip,face_angry,face_happy,voice_angry", "missing_column", "'voice' has no column for happy"),
        (["a,1"], "clip,label", "no_scores", "no score columns"),
        (["1,2"], "name,face_angry", "missing_column", "expected a column 'clip'"),
        (["a,1", "b,1,2"], "clip,face_angry", "bad_row", "row 3: 3 cells, but the header has 2 columns; put quotes"),
        (["a,1,2,3"], "clip,face_angry", "bad_row", "row 2: 4 cells, but the header has 2 columns"),
        ([",.5"], "clip,face_angry", "no_clip", "row 2 names no clip"),
        (["a,1,2"], "clip,face_happy,face_Joy", "bad_row", "'face_happy' and 'face_Joy' both are the scores of 'face'"),
        (["a,1"], "clip,face_bored", "no_scores", "found clip, face_bored"),
    ],
)
def test_a_bad_table_says_what_and_where(tmp_path, rows, header, code, said):
    path = written(tmp_path, *rows, header=header)
    with pytest.raises(DataError) as caught:
        ScoreTable.read(path)
    assert said in str(caught.value)
    assert (caught.value.code, caught.value.where) == (code, str(path))


def test_a_table_of_one_label_is_one(tmp_path):
    assert ScoreTable.read(written(tmp_path, "a,.5", header="clip,face_angry")).labels == ("angry",)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv: there is no") as caught:
        ScoreTable.read(tmp_path / "none.csv")
    assert caught.value.code == "not_found"


def test_a_written_table_looks_as_documented(tmp_path):
    one = table(clips=("a", "b"), truth=(1, -1), subjects=("1", ""), splits=("train", ""))
    one.scores[:] = [[[0.1, 0.9]], [[np.nan, np.nan]]]
    one.write(tmp_path / "t.csv")
    expected = [HEADER, "a,happy,1,train,0.10000000000000001,0.90000000000000002", "b,,,,,"]
    assert (tmp_path / "t.csv").read_text().splitlines() == expected
    same(ScoreTable.read(tmp_path / "t.csv"), one)


def test_the_smallest_difference_of_two_scores_is_kept(tmp_path):
    one = table()
    one.scores[:] = [[[np.nextafter(1, 0), 1 / 3]], [[1e-300, 2 / 3]]]
    one.write(tmp_path / "t.csv")
    assert np.array_equal(ScoreTable.read(tmp_path / "t.csv").scores, one.scores)


def test_a_table_without_rows_is_read_as_one(tmp_path):
    read = ScoreTable.read(written(tmp_path))
    assert (len(read), read.truth.dtype.kind) == (0, "i")


def test_a_clip_may_be_called_like_a_missing_value_and_a_split_like_a_number(tmp_path):
    read = ScoreTable.read(written(tmp_path, "NA,happy,3,007,.5,.5"))
    assert (read.clips, read.subjects, read.splits) == (("NA",), ("3",), ("007",))


def test_blank_cells_are_names_that_are_not_known(tmp_path):
    read = ScoreTable.read(written(tmp_path, "a,,,,.5,.5", "b,Anger,1,val,.5,.5"))
    assert (read.subjects, read.splits, read.truth.tolist()) == (("", "1"), ("", "val"), [-1, 0])


ROWS = table(clips=("a", "b", "c"), truth=(0, 1, -1), subjects=("1", "2", ""), splits=("train", "val", "train"))


def same(found, expected):
    """Two score tables are equal in all they hold."""
    for name in ("clips", "labels", "models", "subjects", "splits"):
        assert getattr(found, name) == getattr(expected, name), name
    assert found.truth.tolist() == expected.truth.tolist() and found.truth.dtype.kind == "i"
    assert np.array_equal(found.scores, expected.scores, equal_nan=True)


@pytest.mark.parametrize("keep", [[True, False, True], [0, 2], np.array([0, 2])], ids=["mask", "list", "array"])
def test_rows_are_kept_by_mask_or_number(keep):
    kept = ROWS.rows(keep)
    same(kept, ScoreTable(("a", "c"), ROWS.labels, ROWS.models, ROWS.scores[[0, 2]], ROWS.truth[[0, 2]], ("1", ""),
                          ("train", "train")))  # fmt: skip
    same(ROWS.split("train"), kept)
    same(ROWS.rows([2, 0]).rows([1, 0]), kept)


def test_no_row_at_all_is_a_table_too():
    assert len(ROWS.rows([])) == len(ROWS.split("test")) == len(ROWS.split("test").split("train")) == 0


def test_models_are_picked_in_the_order_given():
    both = join_tables([ROWS, replace(ROWS, models=("voice",), scores=ROWS.scores[:, :, ::-1])])
    same(both.only(["voice", "face"]), replace(both, models=("voice", "face"), scores=both.scores[:, ::-1]))
    same(both.only(["face"]), ROWS)
    with pytest.raises(DataError, match="no model named smell, touch; the table has face, voice") as caught:
        both.only(["smell", "face", "touch"])
    assert caught.value.code == "unknown_model"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"scores": np.zeros((3, 2, 2))}, r"shape \(3, 2, 2\), expected \(3, 1, 2\)"),
        ({"truth": np.zeros(2, int)}, "truth has 2 entries for 3 clips"),
        ({"subjects": ("1",)}, "subjects has 1 entry for 3 clips"),
        ({"splits": ()}, "splits has 0 entries for 3 clips"),
        ({"person": np.zeros((3, 2, 2))}, r"adapted scores have shape \(3, 2, 2\), expected \(3, 1, 2\)"),
        ({"distance": np.zeros((3, 2))}, r"distances have shape \(3, 2\), expected \(3, 1\)"),
    ],
)
def test_parts_of_other_lengths_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        replace(ROWS, **wrong)


def test_joining_three_tables_keeps_all_that_is_known_of_a_clip():
    parts = [ROWS, replace(ROWS, models=("voice", "both"), scores=np.repeat(ROWS.scores, 2, axis=1) / 2)]
    last = replace(ROWS, models=("last",), scores=ROWS.scores / 4)
    joined = join_tables([*parts, last])
    scores = np.concatenate([ROWS.scores, ROWS.scores / 2, ROWS.scores / 2, ROWS.scores / 4], axis=1)
    same(joined, replace(ROWS, models=("face", "voice", "both", "last"), scores=scores))
    same(join_tables([ROWS]), ROWS)
    same(join_tables([ROWS.rows([])]), ROWS.rows([]))


def test_adapted_scores_and_distances_go_where_their_rows_and_models_go():
    told = replace(ROWS, person=ROWS.scores / 3, distance=np.array([[1.0], [2.0], [3.0]]))
    silent = replace(ROWS, models=("voice",)).rows([0, 1])
    joined = join_tables([silent, told.rows([2, 0, 1])])
    assert joined.clips == ("a", "b", "c")
    np.testing.assert_array_equal(joined.person[:, 1], told.person[:, 0])
    np.testing.assert_array_equal(joined.distance, [[np.nan, 1], [np.nan, 2], [np.nan, 3]])
    assert np.isnan(joined.person[:, 0]).all()
    first_last = joined.only(["face", "voice"]).rows([2, 0])
    np.testing.assert_array_equal(first_last.distance, [[3, np.nan], [1, np.nan]])
    np.testing.assert_array_equal(first_last.person[:, 0], told.person[[2, 0], 0])
    further = replace(joined.only(["face", "voice"]), clips=("d", "e", "f"))
    plain = replace(joined, clips=("g", "h", "i"), person=None, distance=None)
    stacked = stack_tables([joined, further, plain])
    nothing = np.full((3, 2, 2), np.nan)
    np.testing.assert_array_equal(stacked.person, np.concatenate([joined.person, joined.person, nothing]))
    np.testing.assert_array_equal(stacked.distance, np.concatenate([joined.distance] * 2 + [nothing[:, :, 0]]))
    np.testing.assert_array_equal(stack_tables([plain, joined]).distance[3:], joined.distance)
    for table in (join_tables([silent, ROWS]), stack_tables([silent]), silent.only(["voice"])):
        assert (table.person, table.distance) == (None, None)
    for name in ("person", "distance"):  # one of the two alone
        alone = stack_tables([replace(joined, **{name: None})])
        assert [getattr(alone, each) is None for each in ("person", "distance")] == [name == "person", name != "person"]


def test_stacking_puts_tables_below_each_other_with_the_models_of_the_first():
    two = join_tables([ROWS, replace(ROWS, models=("voice",), scores=ROWS.scores / 2)])
    further = replace(two.only(["voice", "face"]), clips=("d", "e", "f"))
    stacked = stack_tables(table for table in (two, further))
    same(stacked.rows([0, 1, 2]), two)
    same(stacked.rows([3, 4, 5]), replace(two, clips=("d", "e", "f")))
    same(stack_tables([ROWS]), ROWS)


OTHER_LABELS = replace(ROWS, clips=("d", "e", "f"), labels=("angry", "sad"))


@pytest.mark.parametrize(
    ("put", "tables", "code", "words"),
    [
        (join_tables, [], "no_scores", "no score tables to join"),
        (stack_tables, [], "no_scores", "no score tables to stack"),
        (join_tables, [ROWS, OTHER_LABELS], "labels_differ", "'happy'.* and .*'sad'"),
        (stack_tables, [ROWS, OTHER_LABELS], "labels_differ", "'happy'.* and .*'sad'"),
        (join_tables, [ROWS, ROWS], "duplicate_model", "the model 'face'"),
        (join_tables, [ROWS, replace(ROWS, models=("v",), subjects=("1", "3", ""))], "rows_differ", "of clip 'b'"),
        (stack_tables, [ROWS, replace(ROWS, models=("v",))], "models_differ", "'face'.* and .*'v'"),
        (stack_tables, [ROWS, replace(ROWS, clips=("d", "b", "a"))], "duplicate_id", "the clip 'b'"),
    ],
)
def test_tables_that_do_not_go_together_are_refused(put, tables, code, words):
    with pytest.raises(DataError, match=words) as caught:
        put(tables)
    assert caught.value.code == code


def test_joining_aligns_rows_by_clip_not_by_position():
    face, voice = (
        table(),
        table(clips=("b", "a"), model="voice", truth=(1, 0), subjects=("2", "1"), splits=("val", "train")),
    )
    joined = join_tables([face, voice])
    assert joined.clips == ("a", "b")
    assert np.array_equal(joined.scores[0, 1], voice.scores[1, 0])


def test_a_clip_of_one_table_only_has_no_answer_of_the_other():
    joined = join_tables([table(), table(clips=("a",), model="voice", truth=(0,), subjects=("1",), splits=("train",))])
    assert joined.available.tolist() == [[True, True], [True, False]]


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (table(model="face"), "duplicate_model"),
        (table(model="voice", truth=(1, 1)), "rows_differ"),
        (table(model="voice", splits=("train", "train")), "rows_differ"),
    ],
)
def test_tables_that_contradict_each_other_are_refused(other, code):
    with pytest.raises(DataError) as caught:
        join_tables([table(), other])
    assert caught.value.code == code


def test_real_tables_are_read_as_they_are(shared_data):
    read = ScoreTable.read(shared_data / "afew2013_scores" / "val.csv")
    assert (len(read), read.models) == (396, ("convnet_mean", "convnet_svm", "audio"))
    assert read.available[:, 2].all()
    assert not read.available[:, 0].all()


def test_a_table_of_answers_is_not_taken_for_scores_with_their_truth(tmp_path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(
        "file,label,confidence,probability.sad,probability.happy,modalities,frames_with_face\na.mp4,sad,.7,.7,.3,,\n"
    )
    with pytest.raises(DataError, match="its label is what was answered") as told:
        ScoreTable.read(path)
    assert told.value.code == "answers"


@pytest.mark.parametrize("header", ["clip,predicted,angry,happy,sad", "Clip;predicted;angry;happy;sad"])
def test_the_answers_of_a_fusion_are_no_scores_to_fuse_and_the_error_says_what_to_give(tmp_path, header):
    path = tmp_path / "out.csv"
    row = "a.mp4,sad,.1,.2,.7" if "," in header else "a.mp4;sad;,1;,2;,7"
    path.write_text(f"{header}\n{row}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"answers of affekt fuse, .*; give the table that was fused") as told:
        ScoreTable.read(path)
    assert told.value.code == "answers"


def test_a_column_of_predictions_beside_scores_is_left_aside(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("clip,predicted,a_angry,a_sad\nx,sad,.1,.9\n", encoding="utf-8")
    assert ScoreTable.read(path).models == ("a",)


def test_subjects_are_the_same_however_their_accents_are_spelt(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("clip,subject,face_angry,face_sad\na,Zoé,.7,.3\nb,Zoe\u0301,.2,.8\n", encoding="utf-8")
    assert ScoreTable.read(path).subjects == ("Zoé", "Zoé")
