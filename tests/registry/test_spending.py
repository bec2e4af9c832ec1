"""The chance of a false promotion that all challengers of a champion share."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.errors import DataError
from affekt.registry import ScoreVectors, decide
from affekt.registry.held_against import entries_in, next_level, spend
from affekt.registry.spending import Spending

RULE = Spending(confidence=0.95, false_promotions=0.05, decisions=52)
LABELS = ("angry", "happy", "neutral", "sad")


@pytest.mark.parametrize("start", [1, 2, 30, 52, 53, 100])
def test_any_year_in_a_row_spends_the_budget_once(start):
    spent = [RULE.level(number).chance for number in range(start, start + 52)]
    assert sum(spent) == pytest.approx(0.05)


def test_the_first_challenger_has_the_largest_share():
    spent = [RULE.level(number).chance for number in range(1, 53)]
    assert spent == sorted(spent, reverse=True)
    assert spent[0] == pytest.approx(0.0171, abs=1e-4)


def test_no_share_is_larger_than_one_decision_may_spend():
    assert Spending(0.99, 0.5, 2).level(1).chance == pytest.approx(0.005)


def test_without_a_budget_each_decision_stands_alone():
    rule = Spending(0.9, 1.0, 52)
    assert [rule.level(number).chance for number in (1, 7)] == pytest.approx([0.05, 0.05])
    assert rule.level(7).told(first=False) == []


@pytest.fixture(scope="module")
def tracking(tmp_path_factory, registry_in):
    return registry_in(tmp_path_factory.mktemp("registry"))


@pytest.fixture
def name(tracking, request):
    tracking.client.create_registered_model(request.node.name)
    return request.node.name


def test_each_challenger_of_a_champion_has_the_next_number(tracking, name):
    taken = [spend(tracking, name, version, 1, RULE, run_id=f"run{version}").number for version in (2, 3, 5)]
    assert taken == [1, 2, 3]
    tags = tracking.reader.model(name).tags
    entries = entries_in(tags)
    assert [(each.version, each.champion, each.number, each.run_id) for each in entries] == [
        (2, 1, 1, "run2"), (3, 1, 2, "run3"), (5, 1, 3, "run5")
    ]  # fmt: skip
    assert next_level(tags, 1, RULE).number == 4
    assert next_level(tags, None, RULE).number == 1


def test_entries_are_kept_one_after_the_other_with_their_time_and_under_the_lease_of_the_model(tracking, name):
    for version in (2, 3, 4):
        spend(tracking, name, version, 1, RULE)
    tags = tracking.reader.model(name).tags
    assert sorted(tags) == ["affekt.decision.000001", "affekt.decision.000002", "affekt.decision.000003"]
    assert all(each.when.endswith("+00:00") and each.run_id == "" for each in entries_in(tags))
    assert (tracking.registry_folder / "locks" / f"{name}.lock").is_file()


def test_an_entry_that_cannot_be_read_is_named():
    with pytest.raises(DataError, match=r"affekt\.decision\.000001"):
        entries_in({"affekt.decision.000001": '{"version": "two"}'})


def test_a_gate_that_is_tried_again_asks_the_same_question(tracking, name):
    first = spend(tracking, name, 2, 1, RULE)
    spend(tracking, name, 3, 1, RULE)
    assert spend(tracking, name, 2, 1, RULE) == first
    assert len(entries_in(tracking.reader.model(name).tags)) == 2


def test_a_new_champion_has_a_budget_of_its_own_and_an_old_one_what_it_had(tracking, name):
    spend(tracking, name, 2, 1, RULE)
    assert spend(tracking, name, 3, 2, RULE).number == 1
    assert spend(tracking, name, 4, 1, RULE).number == 2  # after a rollback to 1


def equal_years(years: int, *, people: int, clips: int, seed: int) -> float:
    """The share of years in which one of 52 challengers that are no better is promoted by the gate's own rule.

    All answer the same clips of the same people. Clips and people differ in how hard they are, for all models alike,
    and each model has its own luck with a person and with a clip.
    """
    rng = np.random.default_rng(seed)
    rule = Spending(0.95, 0.05, 52)
    person = np.repeat(np.arange(people), clips)
    truth = np.tile(np.arange(clips) % len(LABELS), people)
    names = tuple(f"clip{n}" for n in range(len(truth)))
    subjects = tuple(f"s{n}" for n in person)

    def answers(hardness: np.ndarray) -> ScoreVectors:
        right = hardness + rng.normal(0, 0.5, people)[person] + rng.normal(0, 1, len(truth)) > -0.5
        said = np.where(right, truth, (truth + rng.integers(1, len(LABELS), len(truth))) % len(LABELS))
        return ScoreVectors(names, LABELS, np.where(np.eye(len(LABELS))[said] == 1, 0.7, 0.1), truth, subjects)

    false = 0
    for _ in range(years):
        hardness = rng.normal(0, 1, len(truth)) + rng.normal(0, 0.6, people)[person]
        champion = answers(hardness)
        false += any(
            decide(answers(hardness), champion, confidence=0.95, level=lambda week=week: rule.level(week)).promote
            for week in range(1, 53)
        )
    return false / years


def test_few_years_of_equal_challengers_have_a_false_promotion():
    assert equal_years(10, people=12, clips=16, seed=1) <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("people", "clips"), [(6, 40), (20, 18), (40, 8)])
def test_at_most_five_of_a_hundred_years_of_equal_challengers_have_a_false_promotion(people, clips):
    assert equal_years(400, people=people, clips=clips, seed=2) <= 0.05
