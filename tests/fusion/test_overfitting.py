"""The guard against scores that models gave to clips that they had learned from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from affekt.fusion.overfitting import overfitted, standard_error


def with_hits(table, shares):
    """The table with models that are right on exactly these shares of the rows, in the order of the rows."""
    scores = np.zeros_like(table.scores)
    for model, share in enumerate(shares):
        right = np.arange(len(table)) < round(share * len(table))
        answers = np.where(right, table.truth, (table.truth + 1) % len(table.labels))
        scores[np.arange(len(table)), model, answers] = 1
    return replace(table, scores=scores)


def test_the_standard_error_is_that_of_two_shares_with_the_same_true_value():
    hits = np.arange(40) < 30, np.arange(10) < 2
    # 32 of 50 are right in all: sqrt(0.64 * 0.36 * (1/40 + 1/10))
    assert standard_error(hits) == pytest.approx(0.169706, abs=1e-6)


@pytest.mark.parametrize(
    ("clips", "gap", "found"),
    [
        # a share of one half in all: three standard errors are 3 sqrt(1/4 * 2/n)
        (100, 0.20, False),  # 0.212
        (100, 0.22, True),
        (200, 0.14, False),  # 0.150
        (200, 0.16, True),
        (1000, 0.09, False),  # 0.067, but the gap is below a tenth
        (1000, 0.102, True),
    ],
)
def test_a_model_is_overfitted_from_a_tenth_and_three_standard_errors_on(make_table, clips, gap, found):
    train, test = (with_hits(make_table(clips, seed=s), [0.5 + sign * gap / 2, 0.5]) for s, sign in ((1, 1), (2, -1)))
    assert overfitted(train, test) == (["face"] if found else [])


def test_a_gap_of_exactly_a_tenth_is_none(make_table):
    assert overfitted(with_hits(make_table(1000), [0.1, 0.101]), with_hits(make_table(1000, seed=1), [0, 0])) == [
        "voice"
    ]


def test_a_gap_of_exactly_three_standard_errors_is_none(make_table):
    # All of five and none of four are right: three times sqrt(5/9 * 4/9 * (1/5 + 1/4)) is 1.
    none = with_hits(make_table(4, seed=1), [0, 0])
    assert overfitted(with_hits(make_table(5), [1, 1]), none) == []
    assert overfitted(with_hits(make_table(6), [1, 1]), none) == ["face", "voice"]


def test_a_model_that_is_better_on_the_test_rows_is_not_overfitted(make_table):
    assert overfitted(with_hits(make_table(200), [0.2, 0.2]), with_hits(make_table(200, seed=1), [0.9, 0.2])) == []


def test_rows_that_a_model_did_not_answer_or_nobody_labelled_do_not_count(make_table):
    train, test = with_hits(make_table(200), [0.8, 0.5]), with_hits(make_table(200, seed=1), [0.4, 0.5])
    assert overfitted(train, test) == ["face"]
    silent = train.scores.copy()
    silent[:80, 0] = 0  # of the 160 right answers 80 are left, of 120
    assert overfitted(replace(train, scores=silent), replace(test, truth=test.truth)) == ["face"]
    silent[:140, 0] = 0
    assert overfitted(replace(train, scores=silent), test) == []
    assert overfitted(replace(train, truth=np.where(np.arange(200) < 140, -1, train.truth)), test) == []


def test_one_answer_is_too_few_for_a_test(make_table):
    train, test = with_hits(make_table(400), [1.0, 1.0]), with_hits(make_table(400, seed=1), [0.0, 0.0])
    assert overfitted(train, test) == ["face", "voice"]
    assert overfitted(train, test.rows([0, 1])) == overfitted(train.rows([0, 1]), test) == ["face", "voice"]
    assert overfitted(train, test.rows([0])) == []
    assert overfitted(train.rows([0]), test) == []
