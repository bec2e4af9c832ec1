"""Is one set of answers better than another on the same clips."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, norm

from affekt.errors import DataError
from affekt.statistics.paired import Paired, compare_paired, mcnemar_p


def right_or_wrong(right: np.ndarray | list[int]) -> np.ndarray:
    """Score vectors for clips that are all of label 0."""
    return np.where(np.asarray(right, dtype=bool)[:, None], [0.9, 0.1], [0.1, 0.9])


def compare(a: list[int], b: list[int], subjects: list[str] | None = None, **how: float) -> Paired:
    return compare_paired(np.zeros(len(a), dtype=int), right_or_wrong(a), right_or_wrong(b), subjects, **how)  # type: ignore[arg-type]


def test_the_difference_is_that_of_the_accuracies() -> None:
    found = compare([1, 0, 0, 0], [1, 1, 1, 0])
    assert found.difference == 0.5
    assert (found.accuracy_a, found.accuracy_b) == (0.25, 0.75)
    assert (found.only_a_right, found.only_b_right) == (0, 2)


def test_swapping_the_sides_mirrors_the_outcome() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, (2, 80)).tolist()
    people = [str(i // 8) for i in range(80)]
    one, other = compare(a, b, people), compare(b, a, people)
    assert one.difference == -other.difference
    assert one.mcnemar_p == other.mcnemar_p
    assert one.ci95[0] == pytest.approx(-other.ci95[1])
    assert one.probability_better == pytest.approx(1 - other.probability_better, abs=1e-3)


@pytest.mark.parametrize(("only_a", "only_b", "p"), [(0, 0, 1.0), (3, 3, 1.0), (0, 5, 0.0625), (1, 9, 0.021484375)])
def test_mcnemar_is_the_exact_binomial_test(only_a: int, only_b: int, p: float) -> None:
    assert mcnemar_p(only_a, only_b) == pytest.approx(p)


def test_a_model_against_itself_is_undecided() -> None:
    right = [1, 0, 1, 1] * 20
    found = compare(right, right, [str(i // 8) for i in range(80)])
    assert found.difference == 0
    assert found.ci95[0] < 0 < found.ci95[1]
    assert found.mcnemar_p == 1
    assert found.probability_better == pytest.approx(0.5)


@pytest.mark.parametrize("clips", [1, 2, 3])
def test_a_handful_of_clips_decides_nothing(clips: int) -> None:
    found = compare([0] * clips, [1] * clips)
    assert found.ci95[0] <= 0
    assert found.probability_better < 0.99


@pytest.mark.parametrize("gained", range(1, 12))
def test_the_interval_and_the_exact_test_do_not_contradict_each_other(gained: int) -> None:
    found = compare([1] * 20 + [0] * gained, [1] * 20 + [1] * gained)
    if found.ci95[0] > 0:
        assert found.mcnemar_p <= 0.05


def test_a_gain_with_everybody_is_believed() -> None:
    found = compare([1, 0, 0, 0] * 30, [1, 1, 0, 0] * 30, [str(i // 12) for i in range(120)])
    assert found.ci95[0] > 0.1
    assert found.probability_better > 0.99


def test_a_gain_with_one_person_of_six_is_not() -> None:
    people = [str(i // 20) for i in range(120)]
    found = compare([0] * 120, [1] * 20 + [0] * 100, people)
    assert found.mcnemar_p < 0.001  # as if the clips were unrelated
    assert found.ci95[0] <= 0
    assert found.interval_over == "subjects"


def test_equal_models_are_seldom_told_apart() -> None:
    rng = np.random.default_rng(5)
    people = [str(i // 24) for i in range(168)]
    alarms = 0
    for run in range(120):
        skill = np.repeat(np.clip(0.5 + 0.15 * rng.standard_normal(7), 0, 1), 24)
        a, b = (rng.random((2, 168)) < skill).astype(int).tolist()
        low, high = compare(a, b, people, bootstrap=300, seed=run).ci95  # type: ignore[misc]
        alarms += not low <= 0 <= high
    assert alarms / 120 <= 0.09


def test_no_answer_is_wrong_on_either_side() -> None:
    a, b = right_or_wrong([1, 1]), right_or_wrong([1, 1])
    a[0] = np.nan
    assert compare_paired([0, 0], a, b).difference == 0.5


def test_sides_of_different_length_are_an_error() -> None:
    with pytest.raises(DataError):
        compare_paired([0, 0], right_or_wrong([1, 1]), right_or_wrong([1]))


def test_all_that_is_said_of_two_sides() -> None:
    found = compare([1, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1, 1], ["a", "a", "b", "", "", "", "", ""])
    centre, error = 7 / 10, math.sqrt(8 - 7**2 / 10) / 10  # seven clips won, half a clip more in each of four cells
    assert found.to_dict() == {
        "clips": 8,
        "subjects": 2,
        "accuracy_a": 0.125,
        "accuracy_b": 1.0,
        "difference": 0.875,
        "ci95": [pytest.approx(centre - norm.ppf(0.975) * error), 1.0],
        "confidence": 0.95,
        "only_a_right": 0,
        "only_b_right": 7,
        "mcnemar_p": 2 * 0.5**7,
        "probability_better": 2000.5 / 2001,
        "interval_over": "subjects",
    }


def test_a_difference_stays_between_minus_one_and_one() -> None:
    won, lost = compare([0] * 8, [1] * 8).ci95, compare([1] * 8, [0] * 8).ci95
    assert won[1] == 1 and lost[0] == -1
    assert won[0] == -lost[1] == pytest.approx(8 / 10 - norm.ppf(0.975) * math.sqrt(9 - 6.4) / 10)


def test_an_exact_test_at_its_level_rejects() -> None:
    assert compare([0, 0], [1, 1], confidence=0.5).ci95[0] > 0  # p is a half as well
    assert compare([0, 0], [1, 1], confidence=0.51).ci95[0] == 0


def test_a_tie_of_the_resamples_counts_half() -> None:
    found = compare([1, 1, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1, 1, 1, 1, 1], bootstrap=100_000)
    ahead = 1 - binom.cdf(5, 10, 0.8) + binom.pmf(5, 10, 0.8) / 2  # resamples in which b is right on six clips or more
    assert found.probability_better == pytest.approx(ahead, abs=0.001)


def test_resamples_that_are_all_ahead_do_not_make_it_certain() -> None:
    assert compare([0] * 40, [1] * 40, bootstrap=9).probability_better == 9.5 / 10


def test_the_resampling_is_that_of_the_given_seed_and_number() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, (2, 80)).tolist()
    people = [str(i // 8) for i in range(80)]
    standard = compare(a, b, people)
    assert standard == compare(a, b, people, bootstrap=2000, confidence=0.95, seed=0)
    assert compare(a, b, people, seed=1) != standard
    assert compare(a, b, people, bootstrap=200) != standard


@pytest.mark.parametrize("clips", range(1, 40))
def test_a_p_value_is_never_above_one(clips: int) -> None:
    assert mcnemar_p(clips, clips + 1) <= 1


def test_what_is_no_table_of_scores_is_named() -> None:
    with pytest.raises(DataError) as caught:
        compare_paired([0, 0], np.zeros(2), np.zeros(2))
    assert caught.value.code == "wrong_shape"


def test_picture_and_sound_together_beat_sound_alone_on_the_2013_challenge(shared_data: Path) -> None:
    from affekt.score_table import ScoreTable

    table = ScoreTable.read(shared_data / "afew2013_scores" / "val.csv").only(["convnet_svm", "audio"])
    average = np.nanmean(table.scores, axis=1)
    against_audio = compare_paired(table.truth, table.scores[:, 1], average)
    against_picture = compare_paired(table.truth, table.scores[:, 0], average)
    assert against_audio.ci95[0] > 0.05
    assert against_picture.ci95[0] < 0 < against_picture.difference
