"""What to label next: where the champion is least sure, one clip of each person before a second one."""

from __future__ import annotations

import csv
import shutil

from affekt.ensemble import Ensemble
from affekt.steps.to_label import ToLabel, as_csv, next_to_label, spread


def to_label(clip: str, subject: str, margin: float) -> ToLabel:
    return ToLabel(clip, f"/clips/{clip}", subject, margin, "happy", 0.5, "sad", 0.5 - margin)


def test_each_person_comes_once_before_anybody_comes_twice():
    found = spread(
        [
            to_label("a1", "ann", 0.1),
            to_label("a2", "ann", 0.2),
            to_label("b1", "bob", 0.3),
            to_label("x", "", 0.4),
            to_label("y", "", 0.05),
        ]
    )
    assert [each.clip for each in found] == ["y", "a1", "b1", "x", "a2"]


def test_a_table_has_a_row_each():
    rows = list(csv.DictReader(as_csv([to_label("a,1", "ann", 0.1)], "weekly").splitlines()))
    assert [(row["schedule"], row["clip"], row["margin"], row["first"]) for row in rows] == [
        ("weekly", "a,1", "0.1", "happy")
    ]


def test_clips_without_a_label_are_asked_about(tmp_path, sample_clips, tiny_run):
    folder = tmp_path / "clips"
    shutil.copytree(sample_clips, folder)
    with (folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    waiting = {rows.pop()["path"]}  # no longer listed
    rows[0]["label"] = ""
    waiting.add(rows[0]["path"])
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    ensemble = Ensemble.load(tiny_run.ensemble)
    found = next_to_label(ensemble, str(folder), tiny_run.store, most=5)
    assert {each.clip for each in found} == waiting
    assert all(0 <= each.margin <= each.first_probability for each in found)
    assert len(next_to_label(ensemble, str(folder), tiny_run.store, most=1)) == 1


def test_no_cell_for_a_person_starts_a_formula() -> None:
    (row,) = csv.DictReader(as_csv([to_label("=1+1.mp4", "@ann", 0.1)], "weekly").splitlines())
    assert (row["clip"], row["subject"], row["margin"]) == ("'=1+1.mp4", "'@ann", "0.1")
