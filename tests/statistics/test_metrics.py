"""Figures of score vectors against the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from affekt.dataset import LABELS
from affekt.errors import DataError
from affekt.statistics.metrics import (
    Figures,
    accuracy_by,
    check_scores,
    evaluate_scores,
    largest_class_share,
    p_above_share,
)
from affekt.statistics.perfect_calibration import perfect_calibration

THREE = ("angry", "happy", "sad")


def answers(predicted: list[int | None], labels: int = 3, confidence: float = 0.8) -> np.ndarray:
    """Score vectors whose most probable label is the given one; None is no answer."""
    rows = np.full((len(predicted), labels), (1 - confidence) / (labels - 1))
    for row, label in enumerate(predicted):
        if label is None:
            rows[row] = np.nan
        else:
            rows[row, label] = confidence
    return rows


def test_figures_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 7, 300)
    scores = rng.dirichlet(np.ones(7), 300)
    predicted = scores.argmax(axis=1)
    found = evaluate_scores(truth, scores, LABELS)
    assert np.array_equal(found.confusion, confusion_matrix(truth, predicted))
    assert found.accuracy == pytest.approx((truth == predicted).mean())
    assert found.unweighted_average_recall == pytest.approx(recall_score(truth, predicted, average="macro"))
    assert found.macro_f1 == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert list(found.precision.values()) == pytest.approx(precision_score(truth, predicted, average=None))


def test_rows_of_the_confusion_matrix_are_the_true_labels() -> None:
    assert evaluate_scores([0, 0, 1], answers([0, 2, 1]), THREE).confusion == ((1, 0, 1), (0, 1, 0), (0, 0, 0))


def test_no_answer_counts_as_wrong_and_is_reported() -> None:
    found = evaluate_scores([0, 0, 1, 1], answers([0, None, 1, 1]), THREE)
    assert found.accuracy == 0.75
    assert (found.answered, found.no_answer) == (3, 1)
    assert found.recall["angry"] == 0.5
    assert found.confusion[0] == (1, 0, 0)
    assert found.support["angry"] == 2


def test_a_row_of_zeros_is_no_answer() -> None:
    scores = answers([0, 1])
    scores[1] = 0
    assert evaluate_scores([0, 0], scores, THREE).no_answer == 1


def test_labels_that_the_truth_lacks_are_left_out_of_the_averages() -> None:
    found = evaluate_scores([0, 0, 1, 1], answers([0, 0, 1, 2]), THREE)
    assert found.recall == {"angry": 1.0, "happy": 0.5, "sad": None}
    assert found.unweighted_average_recall == 0.75
    assert found.macro_f1 == pytest.approx((1 + 2 / 3) / 2)


def test_a_label_that_was_never_answered_has_no_precision_but_an_f1_of_zero() -> None:
    found = evaluate_scores([0, 1], answers([0, 0]), THREE)
    assert found.precision["happy"] is None
    assert found.f1["happy"] == 0.0


def test_recall_weighs_rare_labels_as_much_as_frequent_ones() -> None:
    found = evaluate_scores([0] * 90 + [1] * 10, answers([0] * 100), THREE)
    assert found.accuracy == 0.9
    assert found.unweighted_average_recall == 0.5
    low, high = found.unweighted_average_recall_ci95
    assert low < 0.5 < high


def test_clips_of_unknown_label_are_left_out() -> None:
    assert evaluate_scores([0, -1, -1], answers([0, 1, 2]), THREE).clips == 1


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    found = evaluate_scores([0] * 10, answers([0] * 6 + [1] * 4, confidence=0.95), THREE)
    assert found.expected_calibration_error == pytest.approx(0.35)
    (only,) = found.reliability
    assert (only.low, only.clips, only.accuracy) == (0.9, 10, 0.6)


def test_certain_answers_fall_into_the_last_bin() -> None:
    found = evaluate_scores([0, 0], answers([0, 0], confidence=1.0), THREE)
    assert found.reliability[0].high == 1.0
    assert found.expected_calibration_error == 0.0


def test_votes_are_scaled_to_probabilities() -> None:
    votes = evaluate_scores([0, 1], np.array([[8.0, 2, 0], [0, 5, 5]]), THREE)
    shares = evaluate_scores([0, 1], np.array([[0.8, 0.2, 0], [0, 0.5, 0.5]]), THREE)
    assert votes == shares


def test_the_document_is_plain_json() -> None:
    found = evaluate_scores([0, 1, 2], answers([0, None, 1]), THREE, ["a", "b", ""])
    document = found.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert Figures.from_dict(document) == found


def test_largest_class_share() -> None:
    assert largest_class_share([2, 2, 1, -1]) == pytest.approx(2 / 3)


def test_chance_of_doing_as_well_by_always_answering_the_largest_class() -> None:
    found = evaluate_scores([0] * 5 + [1] * 5, answers([0] * 5 + [1] * 5), THREE)
    assert found.p_above_largest_class == pytest.approx(0.5**10)


@pytest.mark.parametrize(
    ("truth", "scores", "code"),
    [
        ([0, 1], answers([0]), "wrong_shape"),
        ([0], answers([0], labels=4), "wrong_shape"),
        ([3], answers([0]), "unknown_label"),
        ([-2], answers([0]), "unknown_label"),
        ([-1], answers([0]), "no_truth"),
        ([], answers([]), "no_truth"),
        ([0], np.array([[1.2, -0.2, 0]]), "not_probabilities"),
        ([0], np.array([[np.inf, 0, 0]]), "not_probabilities"),
    ],
)
def test_wrong_input_is_named(truth: list[int], scores: np.ndarray, code: str) -> None:
    with pytest.raises(DataError) as error:
        evaluate_scores(truth, scores, THREE)
    assert error.value.code == code


def test_a_missing_subject_list_of_another_length_is_named() -> None:
    with pytest.raises(DataError, match="2 subjects, found 1") as caught:
        evaluate_scores([0, 1], answers([0, 1]), THREE, ["a"])
    assert caught.value.code == "wrong_shape"


@pytest.mark.parametrize(
    ("truth", "scores", "words"),
    [
        ([0, 1], answers([0], labels=4), r"\[2, 3\] for 2 clips and 3 labels, found \[1, 4\]"),
        ([0, 5], answers([0, 1]), r"from 0 to 2 \(-1 for unknown\), found 0 to 5"),
        ([-1], answers([0]), "no clip has a known label"),
        ([-1, 0, 0, 1], answers([0, 1, 0, 0]) - [[0], [0], [0.5], [0]], "in labelled row 1"),
        ([0, 0], np.array([[1.0, 0, 0], [np.inf, 0, 0]]), r"found \[inf, 0.0, 0.0\] in labelled row 1"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(truth: list[int], scores: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        evaluate_scores(truth, scores, THREE)


def test_what_numbers_come_as_does_not_matter() -> None:
    expected = evaluate_scores([0, 1, 1], answers([0, 1, None]), THREE)
    as_read = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [None, None, None]]
    assert evaluate_scores(np.array([0.0, 1.0, 1.0]), as_read, THREE) == expected  # type: ignore[arg-type]
    assert largest_class_share([0.0, 1.0, 1.0]) == 2 / 3  # type: ignore[list-item]


def test_rows_without_an_answer_are_no_matter_for_numpys_warnings() -> None:
    scores = answers([0, 1, 1])
    scores[1:] = [[0, 0, 0], [1, 0, 0]]
    with np.errstate(all="raise"):
        assert evaluate_scores([0, 0, 0], scores, THREE).no_answer == 1


def test_counts_are_whole_numbers_and_nobody_is_no_subject() -> None:
    found = evaluate_scores([0, 1, 1], answers([0, 1, None]), THREE)
    assert json.dumps(found.confusion) == "[[1, 0, 0], [0, 1, 0], [0, 0, 0]]"
    assert found.subjects == 0
    assert (found.largest_class, found.largest_class_share) == ("happy", 2 / 3)


def test_the_resampling_is_that_of_the_given_seed_and_number() -> None:
    rng = np.random.default_rng(2)
    truth, scores, people = rng.integers(0, 3, 90), rng.dirichlet(np.ones(3), 90), [str(n // 9) for n in range(90)]
    standard = evaluate_scores(truth, scores, THREE, people)
    assert standard == evaluate_scores(truth, scores, THREE, people, bootstrap=2000, confidence=0.95, seed=0)
    other = evaluate_scores(truth, scores, THREE, people, seed=1)
    for name in ("accuracy_ci95", "unweighted_average_recall_ci95"):
        assert getattr(other, name) != getattr(standard, name)
    how = {"bootstrap": 100, "confidence": 0.95}
    groups = [accuracy_by(scores[:, 0] > 0.4, ["f"] * 90, people, seed=seed, **how) for seed in (0, 0, 1)]  # type: ignore[arg-type]
    assert groups[0] == groups[1] != groups[2]


def test_the_interval_of_the_recall_is_no_narrower_than_with_two_more_right_and_wrong_of_each_label() -> None:
    found = evaluate_scores([0, 0, 0, 1, 1], answers([0, 0, 0, 1, 1]), THREE, confidence=0.9)
    shares = [(5 / 7, 7), (4 / 6, 6)]
    half = norm.ppf(0.95) * np.sqrt(sum(p * (1 - p) / n for p, n in shares)) / 2
    centre = sum(p for p, _ in shares) / 2
    assert found.unweighted_average_recall_ci95 == (pytest.approx(centre - half), 1.0)


def test_the_interval_of_the_recall_is_that_of_its_labels_on_many_clips() -> None:
    said = [0] * 600 + [1] * 200 + [1] * 120 + [2] * 280
    found = evaluate_scores([0] * 800 + [1] * 400, answers(said), THREE)
    half = norm.ppf(0.975) * np.sqrt(0.75 * 0.25 / 800 + 0.3 * 0.7 / 400) / 2
    assert found.unweighted_average_recall_ci95 == pytest.approx([0.525 - half, 0.525 + half], abs=half / 10)


@pytest.mark.parametrize(
    ("truth", "said", "confidence", "low", "high"),
    [
        # the second label is absent from a third of the resamples, which then have the recall of the first alone
        ([0, 0, 0, 0, 1], [0, 0, 0, 0, 0], 0.95, None, 1.0),
        ([0, 0, 0, 0, 1], [1, 1, 1, 1, 1], 0.95, 0.0, None),
        # a clip of each label: both are right and wrong in half of the resamples
        ([0, 1], [0, 0], 0.95, 0.0, 1.0),
        ([0, 1], [0, 0], 0.2, 0.5 - 0.0392, 0.5 + 0.0392),
    ],
)
def test_a_label_that_a_resample_lacks_is_left_out_of_its_recall(
    truth: list[int], said: list[int], confidence: float, low: float | None, high: float | None
) -> None:
    found = evaluate_scores(truth, answers(said), THREE, confidence=confidence).unweighted_average_recall_ci95
    for bound, expected in zip(found, (low, high), strict=True):
        assert expected is None or bound == pytest.approx(expected, abs=1e-3)


def test_with_one_label_the_recall_is_the_accuracy_among_few_subjects_too() -> None:
    people = ["a"] * 40 + ["b"] * 40 + ["c"] * 40
    found = evaluate_scores([0] * 120, answers([0] * 30 + [1] * 10 + [0] * 20 + [1] * 60), THREE, people)
    assert found.unweighted_average_recall_ci95 == pytest.approx(found.accuracy_ci95, abs=0.02)
    assert found.confidence == 0.95


def test_widening_ends_at_nothing_and_at_all() -> None:
    people = [str(row // 20) for row in range(140)]
    for wrong, bound in ((20, 1), (120, 0)):
        found = evaluate_scores([0] * 140, answers([1] * wrong + [0] * (140 - wrong)), THREE, people)
        assert found.accuracy_ci95[bound] == found.unweighted_average_recall_ci95[bound] == bound


@pytest.mark.parametrize("clips", range(10, 30))
def test_intervals_stay_below_one(clips: int) -> None:
    found = evaluate_scores([0] * clips, answers([0] * clips), THREE, bootstrap=10)
    assert found.accuracy_ci95[1] == found.unweighted_average_recall_ci95[1] == 1


def test_calibration_of_several_bins_weighs_them_by_their_clips() -> None:
    scores = np.concatenate([answers([0] * 6 + [1] * 2, confidence=0.75), answers([0, 1], confidence=0.45)])
    found = evaluate_scores([0] * 10, scores, THREE)
    assert found.expected_calibration_error == pytest.approx(0.0 * 0.8 + 0.05 * 0.2)
    assert found.mean_confidence == pytest.approx(0.69)
    assert [found_bin.to_dict() for found_bin in found.reliability] == [
        {"low": 0.4, "high": 0.5, "clips": 2, "confidence": pytest.approx(0.45), "accuracy": 0.5},
        {"low": 0.7, "high": 0.8, "clips": 8, "confidence": pytest.approx(0.75), "accuracy": 0.75},
    ]


def test_without_an_answer_there_is_nothing_to_calibrate() -> None:
    found = evaluate_scores([0], answers([None]), THREE)
    assert (found.expected_calibration_error, found.mean_confidence, found.reliability) == (None, None, ())


def test_a_largest_class_needs_a_known_label() -> None:
    assert largest_class_share([0, 0, 1]) == pytest.approx(2 / 3)
    with pytest.raises(DataError, match="known label") as caught:
        largest_class_share([-1])
    assert caught.value.code == "no_truth"


@pytest.mark.parametrize(("correct", "p"), [(0, 1.0), (1, 1 - 0.75**4), (4, 0.25**4)])
def test_chance_of_so_many_right_answers_or_more(correct: int, p: float) -> None:
    assert p_above_share(correct, 4, 0.25) == pytest.approx(p)


def test_accuracy_by_group_leaves_out_clips_of_unknown_group() -> None:
    found = accuracy_by(
        np.array([True, False, True, True]), ["f", "m", "f", ""], ["1", "2", "1", "3"],
        bootstrap=100, confidence=0.95, seed=0,
    )  # fmt: skip
    assert list(found) == ["f", "m"]
    assert {name: (group.clips, group.subjects, group.accuracy) for name, group in found.items()} == {
        "f": (2, 1, 1.0),
        "m": (1, 1, 0.0),
    }
    assert found["f"].interval_over == "clips" and 0 < found["f"].accuracy_ci95[0] < 1


def test_the_audio_model_of_the_2013_challenge(shared_data: Path) -> None:
    from affekt.score_table import ScoreTable

    table = ScoreTable.read(shared_data / "afew2013_scores" / "val.csv").only(["audio"])
    found = evaluate_scores(table.truth, table.scores[:, 0], table.labels, table.subjects)
    assert found.clips == 396
    assert found.accuracy == pytest.approx(0.29, abs=0.01)
    assert found.accuracy_ci95[0] > 0.24


def test_perfectly_calibrated_answers_have_the_error_that_is_told_beside_it() -> None:
    rng = np.random.default_rng(3)
    claimed = rng.uniform(0.5, 1, 60)
    scores = np.stack([claimed, 1 - claimed], axis=1)
    errors = []
    for _ in range(300):
        truth = (rng.random(60) >= claimed).astype(int)
        errors.append(evaluate_scores(truth, scores, ("a", "b"), bootstrap=2).expected_calibration_error)
    told = evaluate_scores(truth, scores, ("a", "b"), bootstrap=2).if_calibrated
    assert told is not None
    assert told.expected == pytest.approx(np.mean(errors), abs=0.01)
    inside = np.mean([told.band95[0] <= error <= told.band95[1] for error in errors])
    assert inside == pytest.approx(0.95, abs=0.04)


def test_more_answers_have_less_error_by_chance() -> None:
    few, many = (
        evaluate_scores(np.zeros(count, int), np.tile([0.7, 0.3], (count, 1)), ("a", "b"), bootstrap=2).if_calibrated
        for count in (20, 2000)
    )
    assert few is not None and many is not None
    assert many.expected < few.expected / 5


def test_rows_without_a_label_are_left_out_with_their_subjects() -> None:
    truth, scores, people = check_scores([0, -1, 1], np.eye(2)[[0, 1, 1]], ("a", "b"), ["x", "y", "z"])
    assert (truth.tolist(), scores.tolist(), people) == ([0, 1], [[1, 0], [0, 1]], ["x", "z"])


def test_the_calibration_to_be_expected_is_simulated_with_the_seed() -> None:
    eighths = np.random.default_rng(0).integers(0, 9, 30) / 8
    scores = np.stack([eighths, 1 - eighths], axis=1)
    found = evaluate_scores([0] * 30, scores, ("a", "b"), bootstrap=10, seed=3).if_calibrated
    expected = (perfect_calibration(scores.max(axis=1), seed=seed) for seed in (3, 0))
    assert [found == each for each in expected] == [True, False]
