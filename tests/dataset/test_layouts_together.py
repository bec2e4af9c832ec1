"""What several layouts say of one file, put together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from affekt.dataset.layouts import put_together, told_of
from affekt.extensions import FileFacts, LayoutSpec, Tree, layout_specs

FIRST = LayoutSpec("first", "first names", "x", read_path=lambda path: None)
SECOND = replace(FIRST, name="second", title="second names")


def test_what_one_layout_leaves_blank_another_fills_in():
    told = put_together(
        [(FIRST, FileFacts(split="val")), (SECOND, FileFacts("ANG", "05", attributes={"gender": "male"}))]
    )
    assert (told.label, told.subject, told.split, told.attributes) == ("angry", "05", "val", {"gender": "male"})
    assert told.fault is None


@pytest.mark.parametrize(
    ("one", "other", "code"),
    [
        (FileFacts("happy"), FileFacts("sad"), "label_conflict"),
        (FileFacts(subject="01"), FileFacts(subject="02"), "subject_conflict"),
        (FileFacts(split="train"), FileFacts(split="val"), "split_conflict"),
        (FileFacts(attributes={"gender": "male"}), FileFacts(attributes={"gender": "female"}), "gender_conflict"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_two_layouts_that_say_different_things_are_an_error_in_either_order(one, other, code, turned):
    claims = [(FIRST, one), (SECOND, other)]
    fault = put_together(claims[::-1] if turned else claims).fault
    assert fault is not None
    assert fault[0] == code
    assert "by first names" in fault[1] and "by second names" in fault[1]


def test_spellings_of_one_label_do_not_contradict_each_other():
    told = put_together([(FIRST, FileFacts("Anger")), (SECOND, FileFacts("ang"))])
    assert (told.label, told.fault) == ("angry", None)


def test_a_label_that_is_none_is_an_error_that_names_the_layout():
    told = put_together([(FIRST, FileFacts("bored", subject="01"))])
    assert told.fault is not None
    assert told.fault[0] == "unknown_label"
    assert "by first names it is 'bored'" in told.fault[1]
    assert (told.label, told.subject) == ("", "01")


def test_recordings_of_two_layouts_are_never_taken_for_copies_of_each_other():
    one, other = (put_together([(spec, FileFacts("sad", recording="1"))]) for spec in (FIRST, SECOND))
    assert one.recording != other.recording


def test_a_folder_that_is_no_label_does_not_matter_where_another_layout_tells_one():
    claims = [(FIRST, FileFacts(stranger="Actor_05")), (SECOND, FileFacts("sad"))]
    assert put_together(claims).stranger == ""
    assert put_together(claims[:1]).stranger == "Actor_05"


class Files:
    """A data set whose labels stand in a file of their own."""

    paths = ("clips/1.mp4", "clips/2.mp4", "labels.json")

    def read(self, path: str) -> bytes:
        assert path == "labels.json"
        return json.dumps({"1.mp4": ["joy", "p1"], "2.mp4": ["fear", "p2"]}).encode()


def read_labels(tree: Tree) -> Mapping[str, FileFacts]:
    if "labels.json" not in tree.paths:
        return {}
    rows = json.loads(tree.read("labels.json"))
    return {f"clips/{name}": FileFacts(label, subject) for name, (label, subject) in rows.items()}


def test_a_layout_may_read_the_labels_from_a_file_of_the_set(monkeypatch):
    specs = {**layout_specs(), "listed": LayoutSpec("listed", "labels.json", "clips/1.mp4", read_tree=read_labels)}
    monkeypatch.setattr("affekt.dataset.layouts.layout_specs", lambda: specs)
    told = told_of(Files(), Files.paths[:2])
    assert [(item.label, item.subject, item.fault) for item in told] == [("happy", "p1", None), ("fear", "p2", None)]
