"""Subjects who are numbers are the same people in whichever way a table program wrote the numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from affekt.dataset import read_faces
from affekt.dataset.manifest import read_manifest
from affekt.dataset.numbered_subjects import whole_subjects
from affekt.score_table import ScoreTable


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["7.0", "", "12.0"], ["7", "", "12"]),
        (["7,0", "12,0"], ["7", "12"]),
        (["7.0", "7"], ["7", "7"]),
        (["7", "07"], None),
        (["7.0", "7.1"], None),
        (["7.0", "Anna"], None),
        (["1.000", "2.000"], None),
        (["", ""], None),
    ],
)
def test_fractions_of_none_are_taken_off_where_all_are_numbers(written: list[str], read: list[str] | None) -> None:
    assert whole_subjects(written) == read


def test_a_manifest_that_gains_a_row_without_a_subject_keeps_its_people(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.mp4").touch()
    before, after = tmp_path / "before.csv", tmp_path / "after.csv"
    before.write_text("path,label,subject\na.mp4,sad,7\nb.mp4,happy,12\n")
    after.write_text("path,label,subject\na.mp4,sad,7.0\nb.mp4,happy,12.0\nc.mp4,sad,\n")  # as pandas writes it then

    known, _ = read_manifest(str(before))
    grown, problems = read_manifest(str(after))

    assert [clip.subject for clip in grown] == [clip.subject for clip in known] + [""]
    assert [(problem.code, problem.severity) for problem in problems] == [("subjects_read_as", "warning")]


def test_so_does_a_score_table(tmp_path: Path) -> None:
    table = tmp_path / "scores.csv"
    table.write_text("clip,label,subject,a_happy,a_sad\nx,happy,7.0,.7,.3\ny,sad,12.0,.2,.8\nz,sad,,.2,.8\n")
    assert list(ScoreTable.read(table).subjects) == ["7", "12", ""]


def test_so_does_a_table_of_pixels(tmp_path: Path) -> None:
    table, pixels = tmp_path / "faces.csv", " ".join(str(value % 256) for value in range(48 * 48))
    table.write_text(f"emotion,pixels,Usage,subject\n3,{pixels},Training,7.0\n4,{pixels},PublicTest,12.0\n")
    assert [face.subject for face in read_faces(str(table))] == ["7", "12"]
