"""The search for weights, and which models answer together: by examples that can be reckoned by hand."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.errors import DataError
from affekt.fusion.methods.average import average
from affekt.fusion.methods.highest_confidence import highest_confidence
from affekt.fusion.methods.maximum import maximum
from affekt.fusion.methods.weighted_average import weighted_average
from affekt.fusion.vectors import answered, as_probabilities, groups, subsets_to_fit
from affekt.fusion.weights import find_weights, given_weights

GONE = [np.nan, np.nan]


def test_amounts_become_shares_and_what_is_no_answer_becomes_nan() -> None:
    found = as_probabilities(np.array([[[3, 1], [0, 0], GONE, [0, 0.5]]]))
    np.testing.assert_array_equal(found, [[[0.75, 0.25], GONE, GONE, [0, 1]]])
    assert answered(found).tolist() == [[True, False, False, True]]
    assert as_probabilities(np.ones((1, 1, 2), np.float32)).dtype == np.float64


def test_an_answer_with_a_gap_is_none() -> None:
    found = as_probabilities(np.array([[[0.5, np.nan]]]))
    assert np.isnan(found).all()
    assert answered(np.array([[[0.5, np.nan]]])).tolist() == [[False]]


@pytest.mark.parametrize("value", [-1e-9, np.inf, -np.inf])
def test_what_is_no_amount_is_refused_by_its_code(value: float) -> None:
    with pytest.raises(DataError, match="apply the softmax to logits") as caught:
        as_probabilities(np.array([[[0.5, value]]]))
    assert caught.value.code == "not_probabilities"


@pytest.mark.filterwarnings("error")
def test_no_warning_is_given_of_models_without_an_answer() -> None:
    as_probabilities(np.array([[[0.0, 0.0], GONE]]))


def test_rows_are_grouped_by_the_models_that_answer() -> None:
    present = np.array([[1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 1, 0]], dtype=bool)
    found = groups(present)
    assert {subset: rows.tolist() for subset, rows in found.items()} == {(0, 1): [0, 3], (2,): [2]}


@pytest.mark.parametrize(("row", "expected"), [([1, 0, 1], {(0, 2): [0]}), ([0, 0, 0], {})])
def test_a_single_row_is_grouped_in_the_same_way(row: list[int], expected: dict[tuple[int, ...], list[int]]) -> None:
    one, two = groups(np.array([row], dtype=bool)), groups(np.array([row, row], dtype=bool))
    assert {subset: rows.tolist() for subset, rows in one.items()} == expected
    assert {subset: rows.tolist() for subset, rows in two.items()} == {subset: [0, 1] for subset in expected}
    assert all(rows.dtype.kind == "i" for rows in one.values())  # they are row numbers
    assert all(type(model) is int for subset in (*one, *two) for model in subset)  # and become names in a file


def test_sets_of_one_modality_and_those_that_occur_are_fitted_the_larger_ones_first() -> None:
    models = ("svc", "vgg", "bilstm", "somebody else's", "joint", "random_forest")
    occurring = [[0, 0, 0, 1, 0, 0], [1, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]]
    found = subsets_to_fit(models, np.array(occurring, dtype=bool))
    assert found == [(0, 1, 2, 3, 4, 5), (0, 3), (0, 5), (1, 2), (0,), (3,)]


def test_models_without_an_answer_have_no_part_in_the_average() -> None:
    rows = np.array([[[0.2, 0.8], GONE, [0.6, 0.4]], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]])
    np.testing.assert_allclose(average(rows), [[0.4, 0.6], [0.6, 0.4]])
    np.testing.assert_allclose(weighted_average(rows, np.array([1.0, 5.0, 3.0])), [[0.5, 0.5], [4 / 9, 5 / 9]])


def test_a_label_that_no_model_gives_anything_stays_at_nothing() -> None:
    two = np.array([[[0.6, 0.4, 0.0], [0.2, 0.8, 0.0]], [[np.nan] * 3, [0.1, 0.2, 0.7]]])
    np.testing.assert_allclose(maximum(two), [[0.6 / 1.4, 0.8 / 1.4, 0], [0.1, 0.2, 0.7]])
    np.testing.assert_allclose(highest_confidence(two), [[0.2, 0.8, 0.0], [0.1, 0.2, 0.7]])


def test_each_row_has_a_surest_model_of_its_own() -> None:
    rows = np.array([[[0.6, 0.4], [0.2, 0.8]], [[0.9, 0.1], [0.5, 0.5]], [[0.6, 0.4], [0.3, 0.7]]])
    np.testing.assert_array_equal(highest_confidence(rows), [[0.2, 0.8], [0.9, 0.1], [0.3, 0.7]])


def test_of_equally_sure_models_the_first_answers() -> None:
    np.testing.assert_array_equal(highest_confidence(np.array([[[0.7, 0.3], [0.3, 0.7]]])), [[0.7, 0.3]])


def test_where_all_that_answer_weigh_nothing_their_mean_is_the_answer() -> None:
    rows = np.array([[GONE, [0.2, 0.8], [0.6, 0.4]], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]])
    np.testing.assert_allclose(weighted_average(rows, np.array([1.0, 0.0, 0.0])), [[0.4, 0.6], [0.9, 0.1]])


def test_weights_are_moved_in_steps_while_the_likelihood_grows() -> None:
    # log(0.2 + 0.7 w) + log(0.9 - 0.6 w) is greatest at w = 0.607, and both rows are right from 0.43 to 0.67
    rows = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.1, 0.9]]])
    np.testing.assert_allclose(find_weights(rows, np.array([0, 1])), [0.6, 0.4])


def test_right_answers_count_before_the_likelihood() -> None:
    # From w = 0.545 on the first row is right; the second never is, and likes the other direction more.
    rows = np.array([[[0.6, 0.4], [0.38, 0.62]], [[0.9, 0.1], [0.6, 0.4]]])
    np.testing.assert_allclose(find_weights(rows, np.array([0, 1])), [0.55, 0.45])


def test_a_weight_ends_at_nothing_and_never_below() -> None:
    rows = np.array([[[0.8, 0.2], [0.3, 0.7], [0.1, 0.9]]])
    np.testing.assert_allclose(find_weights(rows, np.array([0])), [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(find_weights(rows, np.array([1])), [0, 0, 1], atol=1e-12)


def test_a_truth_that_got_nothing_costs_as_much_as_a_millionth() -> None:
    # The second row is lost whatever the weights; the first decides.
    rows = np.array([[[0.6, 0.4], [0.9, 0.1]], [[0.0, 1.0], [0.0, 1.0]]])
    np.testing.assert_allclose(find_weights(rows, np.array([0, 0])), [0, 1], atol=1e-12)


def test_of_equally_good_steps_the_first_is_taken() -> None:
    rows = np.array([[[0.2, 0.8], [0.7, 0.3], [0.7, 0.3]]])
    np.testing.assert_allclose(find_weights(rows, np.array([0])), [0, 2 / 3, 1 / 3], atol=1e-12)


def test_without_a_gain_the_weights_stay_equal() -> None:
    rows = np.array([[[0.7, 0.3]] * 3])
    np.testing.assert_array_equal(find_weights(rows, np.array([0])), np.full(3, 1 / 3))


def test_the_search_takes_the_rule_that_is_asked_for() -> None:
    rows = np.array([[[0.9, 0.1], [0.2, 0.8]]])

    def other(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return weighted_average(probabilities, weights[::-1])

    np.testing.assert_allclose(find_weights(rows, np.array([0]), other), [0, 1], atol=1e-12)


def test_given_weights_are_shares_in_the_order_of_the_models() -> None:
    assert given_weights({"c": 1, "a": 3}, ("a", "b", "c")).tolist() == [0.75, 0, 0.25]
    assert given_weights({"b": 0.25}, ("a", "b")).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("weights", "code"),
    [
        ({"a": 1, "d": 1}, "unknown_model"),
        ({"a": -1, "b": 2}, "bad_weights"),
        ({"a": float("inf")}, "bad_weights"),
        ({"a": float("nan"), "b": 1}, "bad_weights"),
        ({"a": 0, "b": 0}, "bad_weights"),
        ({}, "bad_weights"),
    ],
)
def test_weights_that_are_none_have_a_code(weights: dict[str, float], code: str) -> None:
    with pytest.raises(DataError, match=r"a weight is given for d|numbers from 0 up") as caught:
        given_weights(weights, ("a", "b", "c"))
    assert caught.value.code == code


def test_unknown_models_are_named_beside_the_known() -> None:
    with pytest.raises(DataError, match="a weight is given for d, e; of models there are a, b"):
        given_weights({"d": 1, "a": 1, "e": 1}, ("a", "b"))


def test_scores_whose_sum_is_infinite_are_refused():
    """They were taken for a vector of zeros, whose first label counts as the answer."""
    with pytest.raises(DataError, match="their sum is infinite") as caught:
        as_probabilities(np.array([[[1.0, 2.0]], [[1.0e308, 1.7e308]]]))
    assert caught.value.code == "not_probabilities"
