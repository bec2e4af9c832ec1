"""The difference between two sets of answers by label and by subject."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.report.difference_bars import difference_bars
from affekt.statistics.differences import MOST_SUBJECTS, Difference, Differences, differences

LABELS = ("angry", "happy", "neutral")


def answers(right: np.ndarray, truth: np.ndarray) -> np.ndarray:
    said = np.where(right, truth, (truth + 1) % 3)
    return np.where(np.eye(3)[said] == 1, 0.8, 0.1)


@pytest.fixture
def found() -> Differences:
    truth = np.arange(120) % 2  # nobody is neutral
    people = ["anna"] * 60 + ["ben"] * 40 + [""] * 20
    a = answers(truth == 0, truth)
    b = answers((truth == 0) & (np.arange(120) < 60) | (truth == 1) & (np.arange(120) < 100), truth)
    return differences(truth, a, b, LABELS, people, bootstrap=200, seed=1)


def test_each_label_that_the_truth_holds_has_its_recalls(found):
    assert list(found.by_label) == ["angry", "happy"]
    assert (found.by_label["angry"].a, found.by_label["angry"].b) == (1.0, 0.5)
    happy = found.by_label["happy"]
    assert (happy.clips, happy.a, happy.b) == (60, 0.0, pytest.approx(50 / 60))
    assert happy.low < happy.difference <= happy.high


def test_each_known_subject_has_its_accuracies(found):
    assert (found.subjects, list(found.by_subject)) == (2, ["anna", "ben"])
    assert found.by_subject["anna"].difference == pytest.approx(0.5)
    assert found.by_subject["ben"].difference == pytest.approx(0.0)
    assert found.by_subject["anna"].low > 0 > found.by_subject["ben"].low


def test_of_many_subjects_those_that_move_the_whole_are_kept():
    count = MOST_SUBJECTS + 5
    truth, people = np.zeros(4 * count, int), [f"p{n // 4:03d}" for n in range(4 * count)]
    a = answers(np.zeros(4 * count, bool), truth)
    b = answers(np.arange(4 * count) >= 20, truth)  # the first five get nothing
    found = differences(truth, a, b, LABELS, people, bootstrap=50)
    assert (found.subjects, len(found.by_subject)) == (count, MOST_SUBJECTS)
    assert min(found.by_subject) == "p005"


def test_it_is_read_again_as_it_was_written(found):
    assert Differences.from_dict(found.to_dict()) == found


def test_bars_are_drawn_around_zero():
    gain, loss = Difference(40, 0.5, 0.7, 0.2, 0.1, 0.3), Difference(20, 0.5, 0.2, -0.3, -0.4, -0.2)
    parts = Differences({"angry": gain, "happy": loss}, {"anna": gain}, 0.95, 3)
    lines = difference_bars(Difference(60, 0.5, 0.53, 0.03, -0.1, 0.1), parts)
    zero = lines[1].index("|")
    drawn = [line for line in lines if line.startswith(("all", "angry", "happy", "anna"))]
    assert [line[zero] for line in drawn] == ["|"] * 4
    angry, happy = drawn[1], drawn[2]
    assert angry.index("o", 8) > zero > happy.index("o", 8)
    assert (angry.split()[1], angry.split()[-1]) == ("+20.0", "40")
    assert len({len(line) for line in drawn}) == 1
    assert lines[0].split() == ["points", "-40", "0", "+40", "clips"]
    assert lines[-1] == "and 2 further subjects, who move the whole less"
