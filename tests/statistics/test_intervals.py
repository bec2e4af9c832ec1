"""The interval of an accuracy: what it covers, and what it must not pretend."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from affekt.statistics.intervals import Draws, bootstrap, count_outcomes, wilson
from affekt.statistics.metrics import evaluate_scores


def accuracy_interval(right: np.ndarray, subjects: list[str], seed: int = 0, draws: int = 300) -> tuple[float, float]:
    """The interval that evaluate_scores gives for clips of which these were answered rightly."""
    truth = np.zeros(len(right), dtype=int)
    scores = np.where(np.asarray(right, dtype=bool)[:, None], [0.9, 0.1], [0.1, 0.9])
    low, high = evaluate_scores(truth, scores, ("angry", "sad"), subjects, bootstrap=draws, seed=seed).accuracy_ci95
    return low, high


def coverage(people: int, clips: int, scatter: float, *, known: bool = True, runs: int = 150) -> float:
    """How often the 95 % interval holds the true accuracy of a population of people, 0.5."""
    rng = np.random.default_rng(people)
    hits = 0
    for run in range(runs):
        skill = np.clip(0.5 + scatter * rng.standard_normal(people), 0.02, 0.98)
        number = np.maximum(1, rng.poisson(clips, people))
        right = rng.random(number.sum()) < np.repeat(skill, number)
        subjects = [str(i) if known else "" for i in np.repeat(np.arange(people), number)]
        low, high = accuracy_interval(right, subjects, seed=run)
        hits += low <= 0.5 <= high
    return hits / runs


@pytest.mark.parametrize(
    ("people", "clips", "scatter", "least", "most"),
    [
        (2, 24, 0.1, 0.90, 1.0),
        (3, 24, 0.15, 0.87, 1.0),
        (7, 24, 0.15, 0.89, 0.99),
        (20, 20, 0.1, 0.89, 0.99),
        (60, 7, 0.0, 0.90, 0.99),
    ],
)
def test_it_covers_the_accuracy_on_further_people(
    people: int, clips: int, scatter: float, least: float, most: float
) -> None:
    assert least <= coverage(people, clips, scatter) <= most


def test_clips_taken_as_unrelated_would_cover_too_rarely() -> None:
    assert coverage(7, 24, 0.15, known=False) < 0.85


def test_two_people_who_do_equally_well_do_not_make_it_certain() -> None:
    low, high = accuracy_interval(np.array([1, 0] * 24), ["a"] * 24 + ["b"] * 24)
    assert high - low > 0.25


def test_it_is_never_narrower_than_for_unrelated_clips() -> None:
    right = np.array([1, 0] * 60)
    alike = accuracy_interval(right, [str(i // 10) for i in range(120)])  # every person has exactly half right
    alone = accuracy_interval(right, [""] * 120)
    assert alike[1] - alike[0] == pytest.approx(alone[1] - alone[0], abs=0.03)


@pytest.mark.parametrize("right", [0, 1])
def test_all_right_or_all_wrong_is_not_certain(right: int) -> None:
    low, high = accuracy_interval(np.full(14, right), ["a", "b"] * 7)
    assert high - low > 0.15
    assert (high if right else low) == right


def test_more_confidence_is_wider() -> None:
    truth, scores = np.zeros(60, dtype=int), np.tile([[0.9, 0.1], [0.1, 0.9], [0.8, 0.2]], (20, 1))
    people = [str(i // 6) for i in range(60)]
    narrow = evaluate_scores(truth, scores, ("angry", "sad"), people, confidence=0.8).accuracy_ci95
    wide = evaluate_scores(truth, scores, ("angry", "sad"), people, confidence=0.99).accuracy_ci95
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_the_same_seed_gives_the_same_interval() -> None:
    right, people = np.array([1, 0, 1] * 8), ["a", "b", "c"] * 8
    assert accuracy_interval(right, people, seed=4) == accuracy_interval(right, people, seed=4)


@pytest.mark.parametrize(
    ("subjects", "over"),
    [
        (["a", "b"] * 6, "subjects"),
        (["a"] * 12, "clips"),  # one person says nothing about others
        ([""] * 12, "clips"),
        ([str(i) for i in range(12)], "clips"),  # one clip each: the same thing
        (["a"] * 6 + [""] * 6, "subjects"),
    ],
)
def test_it_says_what_was_resampled(subjects: list[str], over: str) -> None:
    truth, scores = np.zeros(12, dtype=int), np.tile([[0.9, 0.1], [0.1, 0.9]], (6, 1))
    assert evaluate_scores(truth, scores, ("angry", "sad"), subjects).interval_over == over


def test_outcomes_are_counted_by_subject_and_a_clip_of_nobody_is_its_own_group() -> None:
    counts = count_outcomes(np.array([0, 1, 1, 0, 1]), ["b", "a", "b", "", ""], 2)
    assert sorted(counts.tolist()) == [[0, 1], [0, 1], [1, 0], [1, 1]]
    assert counts.sum() == 5


def test_the_interval_holds_the_estimate() -> None:
    counts = np.array([[1, 0], [0, 9], [0, 9], [0, 9], [0, 9], [0, 9]])
    drawn = bootstrap(counts, lambda c: c[:, 0] / c.sum(axis=1), draws=100, confidence=0.5, seed=0)
    low, high = drawn.interval(0.5)
    assert low <= drawn.estimate <= high


def share(counts: np.ndarray) -> np.ndarray:
    return counts[:, 1] / counts.sum(axis=1)


def spread(rights: list[int], clips: int, confidence: float = 0.95) -> float:
    """The standard deviation of the accuracy, drawn for subjects with so many right answers of so many clips."""
    counts = np.array([[clips - right, right] for right in rights])
    drawn = bootstrap(counts, share, draws=40_000, confidence=confidence, seed=1)
    assert drawn.over == "subjects"
    return float(drawn.values.std())


# People who get all right or all wrong: nothing varies within a person, only between them.
@pytest.mark.parametrize("subjects", [3, 4])
def test_few_subjects_are_widened_for_the_one_that_their_mean_takes(subjects: int) -> None:
    between = (1 / subjects) * (1 - 1 / subjects)
    expected = math.sqrt(between / subjects) * math.sqrt(subjects / (subjects - 1))
    assert spread([20] + [0] * (subjects - 1), 20) == pytest.approx(expected, rel=0.02)


# People who all get half right: nothing varies between them, only within.
@pytest.mark.parametrize("subjects", [3, 4])
def test_with_few_subjects_their_clips_are_drawn_too(subjects: int) -> None:
    expected = math.sqrt(0.25 / (subjects * 20)) * math.sqrt(subjects / (subjects - 1))
    assert spread([10] * subjects, 20) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("subjects", [5, 7])
def test_from_five_subjects_on_no_clips_are_drawn_but_the_spread_of_unrelated_clips_is_the_least(subjects: int) -> None:
    assert spread([10] * subjects, 20) == pytest.approx(math.sqrt(0.25 / (subjects * 20)), rel=0.02)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_seven_subjects_are_widened_by_students_t_too(confidence: float) -> None:
    between = (2 / 7) * (5 / 7)
    upper = 1 - (1 - confidence) / 2
    student = float(t.ppf(upper, 6) / norm.ppf(upper))
    expected = math.sqrt(between / 7) * math.sqrt(7 / 6) * student
    assert spread([20, 20, 0, 0, 0, 0, 0], 20, confidence) == pytest.approx(expected, rel=0.02)


def test_draws_lie_on_the_side_where_people_differ() -> None:
    counts = np.array([[0, 20]] * 6 + [[20, 0]])  # one of seven fails: below the estimate is more room than above
    drawn = bootstrap(counts, share, draws=2000, confidence=0.95, seed=0)
    assert drawn.estimate - drawn.values.min() > 1.5 * (drawn.values.max() - drawn.estimate)


@pytest.mark.parametrize("rows", [1, 7], ids=["clips", "subjects"])
def test_a_draw_that_does_not_define_the_figure_counts_as_the_estimate(rows: int) -> None:
    def recall(counts: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return np.where(counts[:, 1] > 0, 1.0, np.nan)

    counts = np.array([[1, 1]] + [[2, 0]] * (rows - 1))
    drawn = bootstrap(counts, recall, draws=200, confidence=0.95, seed=0)
    assert drawn.values.dtype == float and (drawn.values == 1).all()


def test_the_interval_is_that_of_the_percentiles() -> None:
    assert Draws(50.0, np.arange(101.0), "clips").interval(0.9) == pytest.approx((5, 95))
    assert Draws(200.0, np.arange(101.0), "clips").interval(0.9) == pytest.approx((5, 200))
    assert Draws(-1.0, np.arange(101.0), "clips").interval(0.9) == pytest.approx((-1, 95))


def test_where_fewer_than_five_draws_lie_beyond_an_end_it_is_that_of_their_spread() -> None:
    far = [-100.0, 100.0]
    assert Draws(0.0, np.array([*far, *[0.0] * 18]), "clips").interval(0.5) == (0, 0)  # a quarter of 20 is five
    reach = 0.67449 * np.sqrt(2 * 100**2 / 19)
    assert Draws(0.0, np.array([*far, *[0.0] * 17]), "clips").interval(0.5) == pytest.approx((-reach, reach), rel=1e-4)


def test_without_trials_a_share_can_be_anything() -> None:
    assert wilson(0, 0, 0.95) == (0, 1)


def test_a_share_is_never_above_one_nor_below_nothing() -> None:
    assert all(wilson(n, n, 0.95)[1] <= 1 and wilson(0, n, 0.95)[0] >= 0 for n in range(1, 40))


def test_wilson_interval_of_a_share() -> None:
    # 81 of 263, from Newcombe's (1998) comparison of intervals of one proportion
    assert wilson(81, 263, 0.95) == pytest.approx((0.2553, 0.3662), abs=5e-5)
