"""Figures of score vectors against the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from affekt.dataset import LABELS
from affekt.errors import DataError
from affekt.statistics.metrics import accuracy_by, evaluate_scores, largest_class_share

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
    assert found["confusion"] == confusion_matrix(truth, predicted).tolist()
    assert found["accuracy"] == pytest.approx((truth == predicted).mean())
    assert found["unweighted_average_recall"] == pytest.approx(recall_score(truth, predicted, average="macro"))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert list(found["precision"].values()) == pytest.approx(precision_score(truth, predicted, average=None))


def test_rows_of_the_confusion_matrix_are_the_true_labels() -> None:
    assert evaluate_scores([0, 0, 1], answers([0, 2, 1]), THREE)["confusion"] == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_no_answer_counts_as_wrong_and_is_reported() -> None:
    found = evaluate_scores([0, 0, 1, 1], answers([0, None, 1, 1]), THREE)
    assert found["accuracy"] == 0.75
    assert (found["answered"], found["no_answer"]) == (3, 1)
    assert found["recall"]["angry"] == 0.5
    assert found["confusion"][0] == [1, 0, 0]
    assert found["support"]["angry"] == 2


def test_a_row_of_zeros_is_no_answer() -> None:
    scores = answers([0, 1])
    scores[1] = 0
    assert evaluate_scores([0, 0], scores, THREE)["no_answer"] == 1


def test_labels_that_the_truth_lacks_are_left_out_of_the_averages() -> None:
    found = evaluate_scores([0, 0, 1, 1], answers([0, 0, 1, 2]), THREE)
    assert found["recall"] == {"angry": 1.0, "happy": 0.5, "sad": None}
    assert found["unweighted_average_recall"] == 0.75
    assert found["macro_f1"] == pytest.approx((1 + 2 / 3) / 2)


def test_a_label_that_was_never_answered_has_no_precision_but_an_f1_of_zero() -> None:
    found = evaluate_scores([0, 1], answers([0, 0]), THREE)
    assert found["precision"]["happy"] is None
    assert found["f1"]["happy"] == 0.0


def test_recall_weighs_rare_labels_as_much_as_frequent_ones() -> None:
    found = evaluate_scores([0] * 90 + [1] * 10, answers([0] * 100), THREE)
    assert found["accuracy"] == 0.9
    assert found["unweighted_average_recall"] == 0.5
    low, high = found["unweighted_average_recall_ci95"]
    assert low < 0.5 < high


def test_clips_of_unknown_label_are_left_out() -> None:
    assert evaluate_scores([0, -1, -1], answers([0, 1, 2]), THREE)["clips"] == 1


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    found = evaluate_scores([0] * 10, answers([0] * 6 + [1] * 4, confidence=0.95), THREE)
    assert found["expected_calibration_error"] == pytest.approx(0.35)
    (only,) = found["reliability"]
    assert (only["low"], only["clips"], only["accuracy"]) == (0.9, 10, 0.6)


def test_certain_answers_fall_into_the_last_bin() -> None:
    found = evaluate_scores([0, 0], answers([0, 0], confidence=1.0), THREE)
    assert found["reliability"][0]["high"] == 1.0
    assert found["expected_calibration_error"] == 0.0


def test_votes_are_scaled_to_probabilities() -> None:
    votes = evaluate_scores([0, 1], np.array([[8.0, 2, 0], [0, 5, 5]]), THREE)
    shares = evaluate_scores([0, 1], np.array([[0.8, 0.2, 0], [0, 0.5, 0.5]]), THREE)
    assert votes == shares


def test_the_document_is_plain_json() -> None:
    found = evaluate_scores([0, 1, 2], answers([0, None, 1]), THREE, ["a", "b", ""])
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_largest_class_share() -> None:
    assert largest_class_share([2, 2, 1, -1]) == pytest.approx(2 / 3)


def test_chance_of_doing_as_well_by_always_answering_the_largest_class() -> None:
    found = evaluate_scores([0] * 5 + [1] * 5, answers([0] * 5 + [1] * 5), THREE)
    assert found["p_above_largest_class"] == pytest.approx(0.5**10)


@pytest.mark.parametrize(
    ("truth", "scores", "code"),
    [
        ([0, 1], answers([0]), "wrong_shape"),
        ([0], answers([0], labels=4), "wrong_shape"),
        ([3], answers([0]), "unknown_label"),
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
    with pytest.raises(DataError, match="2 subjects, found 1"):
        evaluate_scores([0, 1], answers([0, 1]), THREE, ["a"])


def test_accuracy_by_group_leaves_out_clips_of_unknown_group() -> None:
    found = accuracy_by(
        np.array([True, False, True, True]), ["f", "m", "f", ""], ["1", "2", "1", "3"],
        bootstrap=100, confidence=0.95, seed=0,
    )  # fmt: skip
    assert {name: (group["clips"], group["accuracy"]) for name, group in found.items()} == {
        "f": (2, 1.0),
        "m": (1, 0.0),
    }


def test_the_audio_model_of_the_2013_challenge(shared_data: Path) -> None:
    from affekt.score_table import ScoreTable

    table = ScoreTable.read(shared_data / "afew2013_scores" / "val.csv").only(["audio"])
    found = evaluate_scores(table.truth, table.scores[:, 0], table.labels, table.subjects)
    assert found["clips"] == 396
    assert found["accuracy"] == pytest.approx(0.29, abs=0.01)
    assert found["accuracy_ci95"][0] > 0.24
