"""Score tables: their CSV form, and joining."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.errors import DataError
from affekt.score_table import ScoreTable, join_tables

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
    ("rows", "header", "said"),
    [
        (["a,angry,1,train,x,.5"], HEADER, "row 2, column face_angry: 'x' is not a number"),
        (["a,angry,1,train,.5,.5", "a,angry,1,train,.5,.5"], HEADER, "row 3 names the clip 'a' a second time"),
        (["a,furious,1,train,.5,.5"], HEADER, "row 2: label 'furious'"),
        (["a,.5"], "clip,face_angry", None),
        (["a,.5,.5,.5"], "clip,face_angry,face_happy,voice_angry", "model 'voice' has no column for happy"),
        (["a,1"], "clip,label", "no score columns"),
        (["1,2"], "name,face_angry", "expected a column 'clip'"),
    ],
)
def test_a_bad_table_says_what_and_where(tmp_path, rows, header, said):
    path = written(tmp_path, *rows, header=header)
    if said is None:
        assert ScoreTable.read(path).labels == ("angry",)
        return
    with pytest.raises(DataError) as caught:
        ScoreTable.read(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv"):
        ScoreTable.read(tmp_path / "none.csv")


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
