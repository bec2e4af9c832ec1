"""A member's confusion matrices beside its score table."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from affekt.report import figures
from affekt.report.confusions import write_confusions
from affekt.score_table import ScoreTable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    nan = np.nan
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [nan, nan], [0.3, 0.7], [0.6, 0.4]])[:, None, :]
    table = ScoreTable(
        ("a", "b", "c", "d", "e"), ("happy", "sad"), ("vgg",), scores, np.array([0, 0, 1, 1, -1]), ("",) * 5,
        ("train", "train", "train", "val", "test"),
    )  # fmt: skip
    table.write(tmp_path / "scores.csv")
    return tmp_path


def test_each_split_with_labels_has_a_picture(folder: Path) -> None:
    assert [path.name for path in write_confusions(folder)] == ["confusion-train.png", "confusion-val.png"]
    for path in folder.glob("*.png"):
        picture = cv2.imread(str(path))
        assert picture is not None and min(picture.shape[:2]) > 100


def test_the_cells_are_counts_and_a_clip_without_an_answer_has_its_own_column(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    real = figures.confusion_matrix

    def note(confusion: list[list[int]], labels: tuple[str, ...], *, no_answer: list[int], form: str) -> bytes:
        drawn.append((confusion, labels, no_answer))
        return real(confusion, labels, no_answer=no_answer, form=form)

    monkeypatch.setattr(figures, "confusion_matrix", note)
    write_confusions(folder)
    assert drawn == [
        ([[1, 1], [0, 0]], ("happy", "sad"), [0, 1]),
        ([[0, 0], [0, 1]], ("happy", "sad"), [0, 0]),
    ]
