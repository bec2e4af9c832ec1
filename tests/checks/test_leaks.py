"""Copies and people on both sides of a fold: who is named, how often, and what is no leak."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from affekt.checks.leaks import content_digests, leaks_of, refuse_copies, refuse_leaks
from affekt.dataset import Clip, ClipTable
from affekt.errors import DataError


def pairs(count: int) -> tuple[ClipTable, dict[str, str]]:
    """So many contents, each in train and in val, of people who share nothing else."""
    clips, digests = [], {}
    for number in range(count):
        for split in ("train", "val"):
            clips.append(Clip(f"{split}{number}", f"{split}{number}.mp4", "sad", f"{split}-{number}", split))
            digests[clips[-1].id] = f"d{number}"
    return ClipTable(tuple(clips)), digests


@pytest.mark.parametrize("workers", [0, 1])
def test_contents_are_digested_by_clip(tmp_path: Path, workers: int) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(name.encode())
    clips = [Clip(f"id-{name}", str(tmp_path / name)) for name in "ab"]
    expected = {f"id-{name}": hashlib.sha256(name.encode()).hexdigest() for name in "ab"}
    assert content_digests(clips, workers) == expected


@pytest.mark.parametrize(("name", "code"), [("/proc", "missing_file"), ("/proc/self/mem", "unreadable")])
def test_a_file_that_cannot_be_read_is_named(name: str, code: str) -> None:
    with pytest.raises(DataError) as caught:
        content_digests([Clip("folder", name)])
    assert (caught.value.code, caught.value.where) == (code, name)


def test_a_copy_is_named_with_split_and_subject_and_by_its_last_place() -> None:
    first = Clip("a", "a.mp4", subject="p1", split="train", where="m.csv:2")
    (problem,) = leaks_of([first, Clip("b", "b.mp4", split="val", where="m.csv:9")], {"a": "x", "b": "x"})
    assert (problem.code, problem.where) == ("duplicate_across_splits", "m.csv:9")
    assert problem.message == "exactly the same content: a (train, p1), b (val); keep one of them"
    (problem,) = leaks_of([first, Clip("b", "b.mp4", split="test")], {"a": "x", "b": "x"})
    assert problem.where == "b.mp4"  # where no table names it


def test_a_copy_on_no_side_or_without_a_digest_is_no_leak() -> None:
    train, val = Clip("a", "a.mp4", split="train"), Clip("b", "b.mp4", split="val")
    assert leaks_of([train, Clip("c", "c.mp4")], {"a": "x", "c": "x"}) == []
    assert leaks_of([train, val], {"a": "x"}) == []
    assert leaks_of([train, val], {"a": "x", "b": "y"}) == []


def test_of_many_copies_ten_are_named() -> None:
    clips = [Clip(f"c{number}", "x", split=("train", "val")[number % 2]) for number in range(12)]
    (problem,) = leaks_of(clips, {clip.id: "x" for clip in clips})
    assert "c9 (val) and 2 more" in problem.message and "c10" not in problem.message


@pytest.mark.parametrize(("count", "told"), [(1, "1 leak"), (20, "20 leaks"), (21, "21 leaks")])
def test_refused_copies_are_counted_and_twenty_are_listed(count: int, told: str) -> None:
    table, digests = pairs(count)
    for refuse in (refuse_copies, lambda table, digests: refuse_leaks({"fold 1": table}, digests)):
        with pytest.raises(DataError) as caught:
            refuse(table, digests)
        assert caught.value.code == "duplicate_across_splits"
        lines = caught.value.message.splitlines()
        assert lines[0].startswith(told)
        assert sum("exactly the same content" in line for line in lines) == min(count, 20)
        assert (lines[-1] == f"  … and {count - 20} more") == (count > 20)


def test_people_on_both_sides_are_no_copies() -> None:
    table = ClipTable((Clip("a", "a", "sad", "p", "train"), Clip("b", "b", "sad", "p", "val")))
    refuse_copies(table, {"a": "x", "b": "y"})
    with pytest.raises(DataError, match="'p'") as caught:
        refuse_leaks({"one": table}, {"a": "x", "b": "y"})
    assert caught.value.code == "subject_across_splits"


def test_a_leak_of_several_folds_is_told_once_with_the_folds() -> None:
    clips = [Clip("a", "a", "sad", "p", "train", "m:2"), Clip("b", "b", "sad", "q", "val", "m:3")]
    other = [Clip("a", "a", "sad", "p", "val", "m:2"), Clip("b", "b", "sad", "q", "train", "m:3")]
    folds = {f"f{number}": ClipTable(tuple(clips if number % 2 else other)) for number in range(5)}
    with pytest.raises(DataError) as caught:
        refuse_leaks(folds, {"a": "x", "b": "x"})
    assert (caught.value.code, caught.value.where) == ("duplicate_across_splits", "m:3")
    first, line = caught.value.message.splitlines()
    assert (
        first.startswith("1 leak ")
        and line.startswith("  m:3: exactly")
        and line.endswith("(in f0, f1, f2 and 2 more)")
    )


def test_where_nothing_leaks_nothing_is_refused() -> None:
    table, _ = pairs(3)
    own = {clip.id: clip.id for clip in table}
    refuse_copies(table, own)
    refuse_leaks({"one": table}, own)
