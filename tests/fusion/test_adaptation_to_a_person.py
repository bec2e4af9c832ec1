"""Adaptation to a person: what is taken away, whose clips have a say in it, and what it is worth on real votes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from affekt.classifiers import Moments
from affekt.dataset import subject_folds
from affekt.errors import DataError
from affekt.extensions import fusion_names
from affekt.fusion import Fusion, PersonFusion, adapted
from affekt.fusion.methods.pooled import PooledLogs
from affekt.fusion.methods.selected import Selected
from affekt.score_table import ScoreTable

METHODS = fusion_names()


def biased(table: ScoreTable, strength: float = 1.5, seed: int = 5) -> ScoreTable:
    """The table with a bias of each person in each model: some labels are seen in all of a person's clips."""
    random = np.random.default_rng(seed)
    names = sorted(set(table.subjects))
    bias = random.normal(size=(len(names), *table.scores.shape[1:])) * strength
    scores = table.scores * np.exp(bias[[names.index(name) for name in table.subjects]])
    return replace(table, scores=scores / scores.sum(axis=2, keepdims=True))


def right(table: ScoreTable, answers: np.ndarray) -> float:
    return float((answers.argmax(axis=1) == table.truth).mean())


def test_what_a_model_says_in_all_clips_of_a_person_is_taken_away(make_table):
    table = make_table(400)
    spoilt = biased(table)
    plain, moved = (right(spoilt, s[:, 0]) for s in (spoilt.scores, adapted(spoilt.scores, spoilt.subjects)))
    assert plain < right(table, table.scores[:, 0]) - 0.15
    assert moved > plain + 0.1


def test_the_only_clip_of_a_person_is_not_changed(make_table):
    scores = biased(make_table(10)).scores
    np.testing.assert_allclose(adapted(scores, [f"{n}" for n in range(10)]), scores, atol=1e-12)


def test_clips_without_a_subject_are_people_of_their_own(make_table):
    scores = make_table(10).scores
    np.testing.assert_allclose(adapted(scores, [""] * 10), scores, atol=1e-12)


def test_a_persons_clips_have_no_say_in_anothers(make_table):
    table = biased(make_table(60))
    own = np.array([name == "3" for name in table.subjects])
    together = adapted(table.scores, table.subjects)[own]
    np.testing.assert_array_equal(together, adapted(table.scores[own], ["any name"] * own.sum()))


def test_rows_in_another_order_get_the_same_answers_in_that_order(make_table):
    table = biased(make_table(80))
    order = np.random.default_rng(0).permutation(80)
    moved = adapted(table.scores[order], [table.subjects[i] for i in order])
    np.testing.assert_allclose(moved, adapted(table.scores, table.subjects)[order], atol=1e-12)


def test_a_model_without_an_answer_stays_without_and_has_no_say(make_table):
    table = biased(make_table(40, subjects=1))
    gaps = table.scores.copy()
    gaps[::3, 0] = np.nan
    gaps[1::3, 0] = 0.0
    moved = adapted(gaps, table.subjects)
    there = np.arange(40) % 3 == 2
    assert np.isnan(moved[~there, 0]).all()
    np.testing.assert_allclose(moved[there, 0], adapted(table.scores[there], ["0"] * there.sum())[:, 0])
    np.testing.assert_allclose(moved[:, 1], adapted(table.scores, table.subjects)[:, 1])


def test_the_only_clip_that_a_model_answered_is_not_changed_for_that_model(make_table):
    scores = make_table(5, subjects=1).scores
    scores[1:, 0] = np.nan
    np.testing.assert_allclose(adapted(scores, ["a"] * 5)[0, 0], scores[0, 0], atol=1e-12)


@pytest.mark.parametrize(("clips", "share"), [(2, 1 / 11), (3, 2 / 12)])
def test_the_mean_of_a_persons_logarithms_is_taken_away_by_the_share_that_so_many_clips_earn(clips, share):
    vectors = np.array([[0.8, 0.2], [0.4, 0.6], [0.5, 0.5]])[:clips]
    powers = vectors * np.exp(-share * np.log(vectors + 0.02).mean(axis=0))
    found = adapted(vectors[:, None], ["a"] * clips)[:, 0]
    np.testing.assert_allclose(found, powers / powers.sum(axis=1, keepdims=True))


def test_votes_count_as_their_shares(make_table):
    votes = np.random.default_rng(0).integers(0, 10, size=(12, 2, 4)) + np.eye(4)[0].astype(int)
    shares = votes / votes.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(adapted(votes, ["a"] * 12), adapted(shares, ["a"] * 12))


def test_the_further_clips_of_a_person_the_more_is_taken_away():
    always = np.array([0.7, 0.1, 0.1, 0.1])
    left = [adapted(np.tile(always, (n, 1, 1)), ["a"] * n)[0, 0, 0] for n in (1, 2, 5, 20, 500)]
    assert left == sorted(left, reverse=True)
    assert left[0] == pytest.approx(0.7)
    assert left[-1] == pytest.approx(0.25, abs=0.05)


def test_logits_are_refused():
    with pytest.raises(DataError, match="negative"):
        adapted(np.full((1, 1, 2), -1.0), ["a"])


def test_no_label_of_the_clips_that_are_answered_is_used(make_table):
    fusion = PersonFusion.fit(biased(make_table(200)), "weighted_average")
    test = biased(make_table(60, seed=3))
    hidden = replace(test, truth=np.full(60, -1))
    answers = [fusion.predict(table.scores, table.subjects) for table in (test, hidden)]
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("method", METHODS)
def test_a_lone_clip_gets_the_plain_answer(method, make_table):
    fusion = PersonFusion.fit(biased(make_table(160)), method)
    scores = make_table(6, seed=2).scores
    np.testing.assert_allclose(fusion.predict(scores, list("abcdef")), fusion.plain.predict(scores), atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_every_adapted_answer_is_a_probability_vector_or_missing(method, make_table):
    table = biased(make_table(160))
    table.scores[0] = np.nan
    answers = PersonFusion.fit(table, method).predict(table.scores, table.subjects)
    assert np.isnan(answers[0]).all()
    np.testing.assert_allclose(answers[1:].sum(axis=1), 1)


@pytest.mark.parametrize("method", METHODS)
def test_people_with_a_bias_of_their_own_are_answered_better(method, make_table):
    fusion = PersonFusion.fit(biased(make_table(400, subjects=20)), method)
    test = biased(make_table(400, seed=2), seed=8)
    plain = right(test, fusion.plain.predict(test.scores))
    assert right(test, fusion.predict(test.scores, test.subjects)) > plain + 0.05


@pytest.mark.parametrize(("clips", "silent", "share"), [(4, 0, 3 / 13), (4, 1, 2 / 12), (2, 1, 0), (2, 2, 0)])
def test_a_fitted_fusion_answers_by_the_share_that_a_persons_usable_clips_earn(clips, silent, share, make_table):
    fusion = PersonFusion.fit(biased(make_table(160)), "stacking")
    scores = make_table(clips, subjects=1, seed=4).scores
    scores[clips - silent :] = np.nan
    names = ["a"] * clips
    plain, person = fusion.plain.predict(scores), fusion.person.predict(adapted(scores, names))
    np.testing.assert_allclose(fusion.predict(scores, names), share * person + (1 - share) * plain)


def selecting(number: int, *weights: float) -> Fusion:
    """That one of the candidates of ``selected``, with these weights of the models."""
    part = Selected(PooledLogs(np.array(weights), np.zeros(4)), number, np.full(5, np.nan))
    return Fusion("selected", ("face", "voice"), ("angry", "happy", "sad", "neutral"), np.ones(2) / 2, {(0, 1): part})


@pytest.mark.parametrize(("plain", "person", "share"), [(0, 4, 2 / 6), (4, 0, 2 / 6), (2, 4, 2 / 12), (0, 0, 1)])
def test_the_plain_answer_counts_as_much_as_the_more_careful_of_both_asks_for(plain, person, share, make_table):
    fusion = PersonFusion(selecting(plain, 2.0, 0.5), selecting(person, 0.5, 2.0), evens=False)
    scores = make_table(3, subjects=1).scores
    usual, own = fusion.plain.predict(scores), fusion.person.predict(adapted(scores, ["a"] * 3))
    np.testing.assert_allclose(fusion.predict(scores, ["a"] * 3), share * own + (1 - share) * usual)
    np.testing.assert_array_equal(fusion.predict(scores[:1], ["a"]), usual[:1])
    if (plain, person) == (0, 4):  # two clips are more than one
        both = 1 / 5 * fusion.person.predict(adapted(scores[:2], ["a"] * 2)) + 4 / 5 * usual[:2]
        np.testing.assert_allclose(fusion.predict(scores[:2], ["a"] * 2), both)
        evened = replace(fusion, evens=True)
        assert np.abs(evened.predict(scores[:2], ["a"] * 2) - both).max() > 1e-4
        for answer in evened.predict_after(scores[0], scores[0], 0, None):  # the first clip of a person
            np.testing.assert_allclose(answer, usual[0])


@pytest.mark.parametrize(("plain", "person", "evened"), [(0, 4, True), (4, 4, True), (2, 4, False), (4, 3, False)])
def test_what_fused_answers_say_of_a_person_is_taken_away_where_weights_are_drawn_together(
    plain, person, evened, make_table
):
    before = PersonFusion(selecting(plain, 2.0, 0.5), selecting(person, 0.5, 2.0), evens=False)
    fusion, scores = replace(before, evens=True), make_table(4, subjects=1).scores
    scores[3] = np.nan
    mixed = before.predict(scores, ["a"] * 4)
    logs = np.log(mixed[:3] + 0.02)
    moved = mixed[:3] / np.exp(2 / 32 * logs.mean(axis=0))
    expected = moved / moved.sum(axis=1, keepdims=True) if evened else mixed[:3]
    np.testing.assert_allclose(fusion.predict(scores, ["a"] * 4)[:3], expected)
    np.testing.assert_array_equal(fusion.predict(scores, list("abcd")), fusion.plain.predict(scores))
    kept = np.array([False, True, False, False])
    np.testing.assert_allclose(fusion.predict(scores, ["a"] * 4, kept), expected[1:2])
    own = adapted(scores, ["a"] * 4)
    said, found = fusion.predict_after(scores[2], own[2], 2, Moments.of(logs[:2]))
    np.testing.assert_allclose(np.stack([said, found]), [expected[2], mixed[2]])


def test_what_a_model_makes_of_a_person_itself_takes_the_place_of_its_adapted_scores(make_table):
    table = make_table(40, subjects=2)
    scores, known = table.scores.copy(), np.full_like(table.scores, np.nan)
    known[:, 1] = make_table(40, seed=3).scores[:, 1]
    scores[0, 1] = np.nan
    found = adapted(scores, table.subjects, known)
    np.testing.assert_array_equal(found[:, 0], adapted(scores, table.subjects)[:, 0])
    np.testing.assert_array_equal(found[1:, 1], known[1:, 1])
    assert np.isnan(found[0, 1]).all()
    fusion = PersonFusion.fit(replace(table, scores=scores, person=known), "weighted_average")
    expected = Fusion.fit(replace(table, scores=found), "weighted_average")
    np.testing.assert_array_equal(fusion.person.weights, expected.weights)
    person, usual = expected.predict(found), fusion.plain.predict(scores)
    answers = fusion.predict(scores, table.subjects, known=known)
    np.testing.assert_allclose(answers, 19 / 29 * person + 10 / 29 * usual)


def test_a_clip_that_one_model_answered_is_usable(make_table):
    fusion = PersonFusion.fit(biased(make_table(160)), "stacking")
    scores = make_table(3, subjects=1, seed=4).scores
    scores[0, 0], scores[1, 1] = np.nan, 0
    plain, person = fusion.plain.predict(scores), fusion.person.predict(adapted(scores, ["a"] * 3))
    np.testing.assert_allclose(fusion.predict(scores, ["a"] * 3), 2 / 12 * person + 10 / 12 * plain)


def test_a_rule_that_learns_nothing_is_applied_to_the_adapted_scores_alone(make_table):
    table = biased(make_table(40, subjects=4))
    found = PersonFusion.fit(table, "average").predict(table.scores, table.subjects)
    np.testing.assert_allclose(found, adapted(table.scores, table.subjects).mean(axis=1))


def test_both_fusions_are_fitted_as_asked_and_a_plain_one_at_hand_is_taken(make_table):
    table = biased(make_table(100))
    weights = {"face": 1.0, "voice": 3.0}
    found = PersonFusion.fit(table, "weighted_average", weights=weights)
    assert found.plain.weights.tolist() == found.person.weights.tolist() == [0.25, 0.75]
    again = PersonFusion.fit(table, "weighted_average", plain=found.plain)
    assert again.plain is found.plain
    assert again.person.weights.tolist() != [0.25, 0.75]


def test_what_no_model_answered_stays_without_an_answer_and_without_a_warning(make_table, recwarn):
    scores = make_table(4, subjects=2).scores
    scores[1] = np.nan
    assert np.isnan(adapted(scores, ["a", "a", "a", ""])[1]).all()
    assert not list(recwarn)


def test_rows_that_are_not_answered_take_part_in_the_adaptation(make_table):
    table = biased(make_table(80))
    fusion = PersonFusion.fit(table, "weighted_average")
    some = np.arange(80) % 4 == 0
    whole = fusion.predict(table.scores, table.subjects)
    np.testing.assert_array_equal(fusion.predict(table.scores, table.subjects, some), whole[some])


def cremad(shared_data) -> tuple[ScoreTable, ScoreTable]:
    """Audio and face votes on three quarters of the speakers, and on the others."""
    table = ScoreTable.read(shared_data / "cremad_votes" / "votes.csv.gz").only(["audio", "face"])
    held = subject_folds(table.subjects, 4, 0)[0]
    return table.rows(~held), table.rows(held)


@pytest.mark.parametrize(("method", "gain"), [("average", 0.06), ("stacking", 0.01)])
def test_on_votes_of_unseen_speakers_all_clips_of_a_speaker_help(method, gain, shared_data):
    train, test = cremad(shared_data)
    fusion = PersonFusion.fit(train, method)
    plain = right(test, fusion.plain.predict(test.scores))
    assert right(test, fusion.predict(test.scores, test.subjects)) > plain + gain


@pytest.mark.parametrize("method", ["average", "weighted_average", "stacking"])
@pytest.mark.parametrize("clips", [2, 4, 10])
def test_on_votes_of_unseen_speakers_a_few_uneven_clips_do_little_harm(clips, method, shared_data):
    train, test = cremad(shared_data)
    fusion = PersonFusion.fit(train, method)
    random = np.random.default_rng(clips)
    gains = []
    for _ in range(60 // clips):
        picked = []
        for name in sorted(set(test.subjects)):
            own = np.array([row for row, subject in enumerate(test.subjects) if subject == name])
            share = random.dirichlet(np.full(len(test.labels), 0.5))[test.truth[own]] + 1e-6
            picked.append(random.choice(own, clips, replace=False, p=share / share.sum()))
        part = test.rows(np.concatenate(picked))
        moved = fusion.predict(part.scores, part.subjects)
        gains.append(right(part, moved) - right(part, fusion.plain.predict(part.scores)))
    assert np.mean(gains) > -0.02
