"""The folds of every evaluation protocol, and the leaks that are refused."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path

import pytest

from affekt.checks.leaks import content_digests, leaks_of, refuse_leaks
from affekt.dataset import LABELS, Clip, ClipTable, check_protocol, protocol_folds
from affekt.dataset.splits import place
from affekt.errors import DataError, SettingsError

DEALT = ("three_splits", "leave_one_subject_out", "folds:2", "folds:5")


def table(subjects: int, seed: int = 0, *, split: str = "") -> ClipTable:
    """Five to twelve clips of each subject, of any labels."""
    draw = random.Random(seed)
    return ClipTable(
        tuple(
            Clip(f"p{subject}-{number}", "x", draw.choice(LABELS), f"p{subject}", split)
            for subject in range(subjects)
            for number in range(draw.randint(5, 12))
        )
    )


def folds_of(clips: ClipTable, protocol: str, seed: int = 0):
    return protocol_folds(clips, protocol, seed=seed, val_share=0.2)


@pytest.mark.parametrize(("protocol", "seed"), list(itertools.product(DEALT, range(3))))
def test_every_clip_is_held_out_exactly_once(protocol, seed):
    clips = table(9, seed)
    held = Counter(clip.id for fold in folds_of(clips, protocol, seed) for clip in fold.table.select(split="test"))
    assert held == Counter(clip.id for clip in clips)


@pytest.mark.parametrize(("protocol", "seed"), list(itertools.product(DEALT, range(3))))
def test_no_subject_is_on_both_sides_of_a_fold(protocol, seed):
    for fold in folds_of(table(9, seed), protocol, seed):
        assert set(fold.held_out) == set(fold.table.select(split="test").subjects)
        assert not set(fold.held_out) & set(fold.table.select(split="train").subjects)


@pytest.mark.parametrize("protocol", DEALT)
def test_every_fold_holds_all_clips_in_their_order(protocol):
    clips = table(9)
    for fold in folds_of(clips, protocol):
        assert [clip.id for clip in fold.table] == [clip.id for clip in clips]


@pytest.mark.parametrize(("protocol", "count"), [("three_splits", 3), ("leave_one_subject_out", 9), ("folds:5", 5)])
def test_a_protocol_has_its_number_of_folds(protocol, count):
    folds = folds_of(table(9), protocol)
    assert len({fold.name for fold in folds}) == len(folds) == count


@pytest.mark.parametrize(("protocol", "word"), [("three_splits", "split"), ("folds:3", "fold")])
def test_folds_are_numbered_from_one(protocol, word):
    assert [fold.name for fold in folds_of(table(9), protocol)] == [f"{word} {number} of 3" for number in (1, 2, 3)]


def test_folds_have_about_the_same_share_of_each_label():
    # dealt without a look at the labels, one fold or another would hold none of the few who are afraid
    clips = ClipTable(tuple(Clip(f"{n}", "x", "fear" if n % 6 == 0 else "happy", f"p{n:02d}") for n in range(18)))
    for fold in folds_of(clips, "three_splits"):
        assert [clip.label for clip in fold.table.select(split="test")].count("fear") == 1


def test_a_fold_of_one_subject_bears_its_name():
    folds = folds_of(table(4), "leave_one_subject_out")
    assert [(fold.name, fold.held_out) for fold in folds] == [(f"p{n}", (f"p{n}",)) for n in range(4)]


def test_the_same_seed_gives_the_same_folds_and_another_seed_others():
    clips = table(12)
    first, again, other = (folds_of(clips, "three_splits", seed) for seed in (1, 1, 2))
    assert first == again
    assert [fold.held_out for fold in first] != [fold.held_out for fold in other]


def test_the_seed_decides_who_is_held_out_together_where_all_are_alike():
    clips = ClipTable(tuple(Clip(f"{n}", "x", "sad", f"p{n}") for n in range(12)))
    first, again, other = ([fold.held_out for fold in folds_of(clips, "folds:3", seed)] for seed in (1, 1, 2))
    assert first == again != other


def test_named_splits_do_not_matter_where_all_clips_are_dealt_out():
    assert folds_of(table(6, split="val"), "folds:3") == folds_of(table(6), "folds:3")


def test_fixed_keeps_the_splits_that_the_clips_name():
    clips = ClipTable(table(4, split="train").clips + tuple(Clip("t", "x", "happy", "q", "test") for _ in "1"))
    (fold,) = folds_of(clips, "fixed")
    assert (fold.table, fold.reported, fold.held_out) == (clips, "test", ("q",))


def test_fixed_makes_splits_where_none_are_named():
    (fold,) = folds_of(table(10), "fixed")
    assert fold.reported == "val"
    assert fold.held_out == tuple(name for name in table(10).subjects if place(name, 0) < 0.2)


def test_fixed_makes_the_splits_of_its_seed():
    clips = ClipTable(tuple(Clip(f"{n}", "x", "sad", f"p{n}") for n in range(12)))
    first, again, other = (folds_of(clips, "fixed", seed)[0].held_out for seed in (1, 1, 2))
    assert first == again != other


def test_fixed_evaluates_on_val_where_test_holds_no_labelled_clip_and_on_nothing_else():
    train = table(4, split="train").clips
    hidden, val = Clip("t", "x", "", "q", "test"), Clip("v", "x", "sad", "r", "val")
    (fold,) = folds_of(ClipTable((*train, hidden, val)), "fixed")
    assert (fold.reported, fold.held_out) == ("val", ("r",))
    with pytest.raises(DataError, match="neither the split test nor val holds a labelled clip") as caught:
        folds_of(ClipTable((*train, hidden)), "fixed")
    assert caught.value.code == "no_val"


def test_clips_without_a_label_take_no_part(caplog):
    clips = ClipTable((*table(4).clips, Clip("dark", "x", "", "p0", "test")))
    assert all("dark" not in {clip.id for clip in fold.table} for fold in folds_of(clips, "folds:2"))
    assert "they have no label: 1 clip" in caplog.text


def test_a_table_of_labelled_clips_of_known_people_is_dealt_without_a_word(caplog):
    folds_of(ClipTable(tuple(Clip(f"{n}", "x", "sad", f"p{n}") for n in range(6))), "folds:2")
    assert not caplog.text


def test_a_fold_that_cannot_teach_a_label_says_so(caplog):
    clips = [Clip("only", "x", "fear", "p0")] + [Clip(f"{n}", "x", "sad", f"p{n}") for n in range(4)]
    folds_of(ClipTable(tuple(clips)), "leave_one_subject_out")
    assert [record.getMessage() for record in caplog.records] == [
        "the fold 'p0' leaves no clip of fear to learn from; it cannot answer so"
    ]


def test_clips_of_nobody_are_people_of_their_own():
    clips = ClipTable(tuple(Clip(f"{n}", "x", "sad") for n in range(4)))
    assert [len(fold.table.select(split="test")) for fold in folds_of(clips, "folds:2")] == [2, 2]
    assert len(folds_of(clips, "folds:4")) == 4


def test_leaving_one_subject_out_needs_to_know_the_subjects():
    clips = ClipTable((*table(4).clips, Clip("whose", "x", "happy", where="m.csv:7")))
    with pytest.raises(DataError, match=r"no subject is named for 1 of 41 clips .whose.; fill in") as caught:
        folds_of(clips, "leave_one_subject_out")
    assert (caught.value.code, caught.value.where) == ("no_subject", "m.csv:7")
    with pytest.raises(DataError, match=r"^no subject is named for 1 of 1 clip .whose"):
        folds_of(ClipTable((Clip("whose", "x", "happy"),)), "leave_one_subject_out")


@pytest.mark.parametrize(
    ("protocol", "subjects", "words"),
    [
        ("leave_one_subject_out", 2, "the fold 'p0' leaves a single subject to learn from; at least two are needed"),
        ("leave_one_subject_out", 1, "the fold 'p0' leaves nobody to learn from"),
        ("folds:5", 4, "5 folds need as many subjects; the clips show 4"),
        ("folds:2", 3, "leaves a single subject to learn from"),
        ("three_splits", 2, "3 folds need as many subjects; the clips show 2"),
    ],
)
def test_too_few_subjects_are_refused(protocol, subjects, words):
    with pytest.raises(DataError, match=words) as caught:
        folds_of(table(subjects), protocol)
    assert caught.value.code == "too_few_subjects"


@pytest.mark.parametrize(
    "name", ["", "loso", "folds", "folds:", "folds:1", "folds:0", "folds:-2", "folds:2.5", "folds:K"]
)
def test_another_protocol_is_a_wrong_setting(name):
    with pytest.raises(SettingsError, match="leave_one_subject_out"):
        check_protocol(name)


def clips_of(folder: Path, contents: list[bytes]) -> list[Clip]:
    """Clips p0, p1 … of one subject each, with these contents."""
    clips = []
    for number, content in enumerate(contents):
        path = folder / f"{number}.mp4"
        path.write_bytes(content)
        clips.append(
            Clip(f"c{number}", str(path), "happy" if number % 2 else "sad", f"p{number}", where=f"m.csv:{number}")
        )
    return clips


def test_the_same_content_on_both_sides_of_a_fold_is_refused_and_named(tmp_path):
    clips = clips_of(tmp_path, [b"one", b"two", b"three", b"one", b"four"])
    folds = {fold.name: fold.table for fold in folds_of(ClipTable(tuple(clips)), "leave_one_subject_out")}
    with pytest.raises(DataError) as caught:
        refuse_leaks(folds, content_digests(clips))
    assert caught.value.code == "duplicate_across_splits"
    told = str(caught.value)
    assert all(word in told for word in ("c0", "c3", "p0", "p3", "1 leak between"))
    assert not any(word in told for word in ("c1", "c2", "c4"))


def test_a_subject_on_both_sides_of_a_fold_is_refused_and_named(tmp_path):
    clips = [Clip("a", "x", "happy", "mona", "train"), Clip("b", "x", "sad", "mona", "test")]
    with pytest.raises(DataError, match="mona") as caught:
        refuse_leaks({"mine": ClipTable(tuple(clips))}, {})
    assert caught.value.code == "subject_across_splits"
    assert "mine" in str(caught.value)


def test_a_subject_on_both_named_sides_is_refused_with_its_clips():
    clips = ClipTable((*table(4, split="train").clips, Clip("again", "x", "happy", "p2", "test")))
    folds = {fold.name: fold.table for fold in folds_of(clips, "fixed")}
    with pytest.raises(DataError, match=r"'p2' has .* clips in train and 1 clip in test"):
        refuse_leaks(folds, {})


def test_copies_on_one_side_are_no_leak(tmp_path):
    clips = clips_of(tmp_path, [b"one", b"one", b"two"])
    sides = ("train", "train", "test")
    dealt = [Clip(c.id, c.uri, c.label, c.subject, side) for c, side in zip(clips, sides, strict=True)]
    assert leaks_of(dealt, content_digests(dealt)) == []


@pytest.mark.parametrize("protocol", DEALT)
def test_clips_that_all_differ_leak_nowhere(tmp_path, protocol):
    clips = clips_of(tmp_path, [bytes([number]) for number in range(10)])
    folds = folds_of(ClipTable(tuple(clips)), protocol)
    refuse_leaks({fold.name: fold.table for fold in folds}, content_digests(clips))
    assert len(set(content_digests(clips).values())) == 10
