"""The gate, with answers that really differ."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from affekt.errors import DataError
from affekt.registry import Decision, ScoreVectors, decide
from affekt.registry.spending import Level

LABELS = ("angry", "happy", "sad")
CLIPS, SUBJECTS = 240, 24


def answers(right_share: float, seed: int, *, truth: np.ndarray | None = None, digest: str = "") -> ScoreVectors:
    """Score vectors of which a share is right, at random."""
    if truth is None:
        truth = np.arange(CLIPS) % len(LABELS)
    generator = np.random.default_rng(seed)
    right = generator.random(CLIPS) < right_share
    shift = generator.integers(1, len(LABELS), CLIPS)
    said = np.where(right, truth, (truth + shift) % len(LABELS))
    noise = generator.random((CLIPS, len(LABELS)))
    noise[np.arange(CLIPS), said] += 1
    return ScoreVectors(
        clips=tuple(f"clip{n:03d}" for n in range(CLIPS)),
        labels=LABELS,
        probabilities=noise / noise.sum(axis=1, keepdims=True),
        truth=truth,
        subjects=tuple(f"s{n // (CLIPS // SUBJECTS):02d}" for n in range(CLIPS)),
        digest=digest,
    )


def mixed(base: ScoreVectors, other: ScoreVectors, rows: int) -> ScoreVectors:
    """The answers of ``base``, but those of ``other`` for the first rows."""
    probabilities = base.probabilities.copy()
    probabilities[:rows] = other.probabilities[:rows]
    return dataclasses.replace(base, probabilities=probabilities)


def test_a_clearly_better_challenger_replaces_the_champion():
    decision = decide(answers(0.8, 1), answers(0.5, 2))
    assert decision.promote
    assert decision.figures["difference_low"] > 0


def test_a_clearly_worse_challenger_does_not():
    decision = decide(answers(0.5, 1), answers(0.8, 2))
    assert not decision.promote
    assert decision.figures["difference_high"] < 0
    assert "loss" in decision.reasons[-1]


def test_an_equally_good_but_different_challenger_does_not():
    champion, challenger = answers(0.6, 1), answers(0.6, 2)
    assert (champion.right != challenger.right).any()
    assert not decide(challenger, champion).promote


def test_a_challenger_with_the_same_answers_does_not():
    assert not decide(answers(0.6, 1), answers(0.6, 1)).promote


def test_a_slightly_higher_accuracy_within_noise_is_not_enough():
    champion = answers(0.6, 1)
    challenger = mixed(champion, answers(1.0, 3), 8)
    gained = challenger.right.sum() - champion.right.sum()
    assert 0 < gained < 8
    # Every step up is a gain for those few clips, but not beyond chance with others among the same subjects.
    noisy = mixed(challenger, answers(0.55, 4), 60)
    decision = decide(noisy, champion)
    assert abs(decision.figures["difference"]) < 0.06
    assert not decision.promote


def test_the_margin_has_to_be_exceeded():
    champion, challenger = answers(0.5, 2), answers(0.8, 1)
    assert decide(challenger, champion, margin=0.05).promote
    decision = decide(challenger, champion, margin=0.4)
    assert not decision.promote
    assert "more than +40.0 points" in decision.reasons[-1]


def test_more_confidence_needs_more_evidence():
    champion = answers(0.6, 1)
    challenger = answers(0.69, 5)
    low = decide(challenger, champion, confidence=0.5)
    high = decide(challenger, champion, confidence=0.999)
    assert low.figures["difference_low"] > high.figures["difference_low"]
    assert low.promote and not high.promote


def test_a_gain_from_one_subject_alone_does_not_convince():
    champion = answers(0.5, 1)
    perfect = answers(1.0, 2)
    one_person = dataclasses.replace(champion, subjects=("s00",) * (CLIPS // 6) + champion.subjects[CLIPS // 6 :])
    challenger = dataclasses.replace(mixed(one_person, perfect, CLIPS // 6), digest="b")
    spread = dataclasses.replace(
        champion,
        probabilities=np.where((np.arange(CLIPS) % 6 == 0)[:, None], perfect.probabilities, champion.probabilities),
    )
    concentrated = decide(challenger, one_person)
    assert concentrated.figures["difference_low"] < decide(spread, champion).figures["difference_low"]
    assert not concentrated.promote
    assert decide(spread, champion).promote


def test_a_model_is_never_held_against_itself():
    same = answers(0.9, 1, digest="abc")
    decision = decide(same, dataclasses.replace(same))
    assert not decision.promote
    assert "nothing to compare" in decision.reasons[0]


def test_the_order_of_the_clips_does_not_matter():
    champion, challenger = answers(0.5, 2), answers(0.8, 1)
    order = np.random.default_rng(0).permutation(CLIPS)
    shuffled = ScoreVectors(
        tuple(champion.clips[n] for n in order),
        LABELS,
        champion.probabilities[order],
        champion.truth[order],
        tuple(champion.subjects[n] for n in order),
    )
    assert decide(challenger, shuffled).to_dict() == decide(challenger, champion).to_dict()


def test_other_clips_on_one_side_are_an_error():
    champion, challenger = answers(0.5, 2), answers(0.8, 1)
    other = dataclasses.replace(champion, clips=("elsewhere", *champion.clips[1:]))
    with pytest.raises(DataError, match=r"clip000.*elsewhere"):
        decide(challenger, other)


def test_fewer_clips_on_one_side_are_an_error():
    challenger = answers(0.8, 1)
    some = slice(0, 200)
    champion = answers(0.5, 2)
    fewer = ScoreVectors(
        champion.clips[some], LABELS, champion.probabilities[some], champion.truth[some], champion.subjects[some]
    )
    with pytest.raises(DataError) as raised:
        decide(challenger, fewer)
    assert raised.value.code == "clips_differ"


def test_another_truth_on_one_side_is_an_error():
    champion = answers(0.5, 2)
    truth = champion.truth.copy()
    truth[7] = (truth[7] + 1) % 3
    with pytest.raises(DataError, match="clip007"):
        decide(answers(0.8, 1), dataclasses.replace(champion, truth=truth))


def test_other_labels_on_one_side_are_an_error():
    with pytest.raises(DataError, match="sad"):
        decide(answers(0.8, 1), dataclasses.replace(answers(0.5, 2), labels=("angry", "happy", "fear")))


def test_a_clip_without_an_answer_is_wrong():
    champion, challenger = answers(0.5, 2), answers(0.8, 1)
    silent = challenger.probabilities.copy()
    silent[:200] = np.nan
    decision = decide(dataclasses.replace(challenger, probabilities=silent), champion)
    assert decision.figures["accuracy_challenger"] < 0.2
    assert not decision.promote


def test_the_first_champion_must_beat_chance_beyond_noise():
    assert decide(answers(0.6, 1), None).promote
    assert not decide(answers(1 / 3, 1), None).promote


def test_the_first_champion_may_be_below_the_largest_class_if_it_tells_all_labels_apart():
    # Right on 60 % of each label where one label is 80 % of the clips.
    truth = np.where(np.arange(CLIPS) % 5 < 4, 1, np.arange(CLIPS) // 5 % 2 * 2)
    decision = decide(answers(0.6, 1, truth=truth), None)
    assert decision.figures["accuracy_challenger"] < decision.figures["largest_class_share"] == 0.8
    assert decision.promote


def test_the_gain_of_one_subject_is_none_over_chance_either():
    # Two of six people are always right, the others never: people differ too much to say.
    subjects = tuple(f"s{n % 6}" for n in range(CLIPS))
    truth = np.arange(CLIPS) // 6 % 3
    vectors = dataclasses.replace(answers(0.0, 1, truth=truth), subjects=subjects)
    known = np.isin(subjects, ["s0", "s1", "s2"])
    vectors.probabilities[known] = np.eye(3)[truth[known]]
    decision = decide(vectors, None)
    assert decision.figures["p_value"] < 0.01  # which takes clips as independent
    assert decision.figures["balanced_accuracy_low"] < 1 / 3 < decision.figures["balanced_accuracy_challenger"]
    assert not decision.promote
    assert decision.reasons[-1] == "The challenger is not promoted."


def test_always_the_most_frequent_label_is_no_champion():
    truth = np.where(np.arange(CLIPS) < 150, 1, np.arange(CLIPS) % 3)
    lazy = answers(0.0, 1, truth=truth)
    constant = dataclasses.replace(lazy, probabilities=np.tile([0.1, 0.8, 0.1], (CLIPS, 1)))
    decision = decide(constant, None)
    assert decision.figures["accuracy_challenger"] == decision.figures["largest_class_share"]
    assert decision.figures["balanced_accuracy_challenger"] == decision.figures["balanced_accuracy_by_chance"] == 1 / 3
    assert not decision.promote


def test_a_few_lucky_clips_are_no_evidence_for_a_first_champion():
    few = slice(0, 6)
    full = answers(1.0, 1)
    truth = full.truth[few]
    probabilities = full.probabilities[few].copy()
    probabilities[3:] = np.roll(probabilities[3:], 1, axis=1)  # 3 of 6 right where a third is chance
    small = ScoreVectors(full.clips[few], LABELS, probabilities, truth, full.subjects[few])
    assert small.right.sum() == 3
    assert not decide(small, None).promote


def test_one_class_alone_shows_nothing():
    decision = decide(answers(1.0, 1, truth=np.zeros(CLIPS, dtype=int)), None)
    assert not decision.promote
    assert "nothing can be said" in " ".join(decision.reasons)


@pytest.mark.parametrize("count", [0, 1])
def test_unknown_truth_and_no_clips_are_errors(count):
    vectors = ScoreVectors(("a",) * count, LABELS, np.full((count, 3), 1 / 3), np.full(count, -1), ("",) * count)
    with pytest.raises(DataError):
        decide(vectors, None)


def test_reasons_name_the_figures():
    reasons = " ".join(decide(answers(0.8, 1), answers(0.5, 2)).reasons)
    for word in ("240 clips", "points", "interval", "subjects", "%"):
        assert word in reasons


def said(answers: list[int | None], truth: list[int], subjects: list[str] | None = None) -> ScoreVectors:
    """Answers given outright; None is a clip without an answer."""
    rows = [np.full(3, np.nan) if answer is None else np.eye(3)[answer] for answer in answers]
    names = tuple(subjects or [""] * len(truth))
    clips = tuple(f"clip{n}" for n in range(len(truth)))
    return ScoreVectors(clips, LABELS, np.array(rows).reshape(-1, 3), np.array(truth), names)


# Four clips won and one drawn: the bootstrap alone would be sure of a gain, McNemar's p of 0.125 is not.
DRAWN, WON = said([0, 0, 0, 0, 0], [1, 1, 1, 1, 0]), said([1, 1, 1, 1, 0], [1, 1, 1, 1, 0])


def test_a_lower_bound_of_exactly_zero_is_no_gain():
    decision = decide(WON, DRAWN)
    assert decision.figures["difference_low"] == 0
    assert decision.promote is False
    assert decision.reasons[-1] == "A gain is not certain enough on these clips: the champion stays."


def test_an_upper_bound_of_exactly_zero_is_no_loss():
    decision = decide(DRAWN, WON)
    assert decision.figures["difference_high"] == 0
    assert decision.promote is False
    assert decision.reasons[-1] == "A gain is not certain enough on these clips: the champion stays."


def test_a_gain_of_exactly_the_margin_does_not_exceed_it():
    champion, challenger = answers(0.5, 2), answers(0.8, 1)
    low = decide(challenger, champion).figures["difference_low"]
    assert not decide(challenger, champion, margin=low).promote
    assert decide(challenger, champion, margin=low - 1e-9).promote


def test_a_first_model_far_below_chance_is_no_champion():
    decision = decide(answers(0.0, 1), None)
    assert decision.figures["p_value"] == 1
    assert not decision.promote


def test_the_permutation_has_draws_enough_for_any_chance_that_is_asked_for():
    truth = [n % 3 for n in range(30)]
    right = said(truth, truth)  # no draw deals out the truth as it was
    decision = decide(right, None, bootstrap=63, level=lambda: Level(0.001))
    assert decision.figures["p_value"] == 1 / 5001
    assert decision.promote
    assert decide(right, None, bootstrap=20_000).figures["p_value"] == 1 / 20_001


def test_two_clips_are_too_few_for_a_first_champion():
    assert not decide(said([0, 1], [0, 1]), None).promote


def test_the_champions_clip_without_an_answer_is_wrong():
    truth = [n % 3 for n in range(60)]
    silent, right = said([None] * 40 + truth[40:], truth), said(truth, truth)
    decision = decide(right, silent)
    assert decision.promote
    assert decision.figures["accuracy_champion"] == pytest.approx(1 / 3)
    assert silent.right.dtype == bool and silent.right.tolist() == [False] * 40 + [True] * 20


def test_figures_of_a_first_champion():
    decision = decide(said([0, 1, 0, None], [0, 1, 1, 1]), None, confidence=0.8)
    figures = decision.to_dict()["figures"]
    assert figures == {
        "accuracy_challenger": 0.5,
        "balanced_accuracy_challenger": pytest.approx((1 + 1 / 3) / 2),
        "balanced_accuracy_low": figures["balanced_accuracy_low"],
        "balanced_accuracy_high": figures["balanced_accuracy_high"],
        "balanced_accuracy_by_chance": 0.5,
        "largest_class_share": 0.75,
        "p_value": pytest.approx(0.5, abs=0.05),  # of four places of the one 'angry', the two that are answered so
        "clips": 4,
        "confidence": 0.8,
        "left_out": 0,
    }
    assert figures["balanced_accuracy_low"] < 2 / 3 < figures["balanced_accuracy_high"]
    low, high = (f"{figures[f'balanced_accuracy_{end}']:.1%}" for end in ("low", "high"))
    assert decision.reasons == [
        "There is no champion yet, so the challenger is held against chance and against always answering one label.",
        "It is right on 2 of 4 clips (50.0%); 'happy' alone is 75.0% of them.",
        f"The mean of its 2 labels' recalls is 66.7%, where both would have 50.0%; its 80% interval (resampling clips) "
        f"goes from {low} to {high}.",
        f"So high a mean by chance has a probability of {figures['p_value']:.2g}, which is not below 0.1.",
        "The challenger is not promoted.",
    ]


def test_reasons_of_a_first_champion_that_is_promoted():
    truth = [n % 3 for n in range(30)]
    reasons = decide(said(truth, truth), None, bootstrap=20000).reasons
    assert reasons[1] == "It is right on 30 of 30 clips (100.0%); 'angry' alone is 33.3% of them."
    assert reasons[3:] == [
        "So high a mean by chance has a probability of less than 0.0001, which is below 0.05.",
        "The challenger becomes the first champion.",
    ]


def test_a_chance_is_told_down_to_a_ten_thousandth():
    truth = [n % 3 for n in range(30)]
    assert "probability of 0.0005," in decide(said(truth, truth), None, bootstrap=2000).reasons[3]
    assert "probability of 0.0001," in decide(said(truth, truth), None, bootstrap=9999).reasons[3]


def test_figures_and_reasons_of_a_comparison():
    champion, challenger = answers(0.5, 2), answers(0.8, 1)
    decision = decide(challenger, champion, margin=0.01)
    figures = decision.figures
    assert figures == {
        "accuracy_challenger": challenger.right.mean(),
        "accuracy_champion": champion.right.mean(),
        "difference": pytest.approx(challenger.right.mean() - champion.right.mean()),
        "difference_low": figures["difference_low"],
        "difference_high": figures["difference_high"],
        "mcnemar_p": pytest.approx(0, abs=1e-4),
        "clips": CLIPS,
        "confidence": 0.9,
        "margin": 0.01,
        "left_out": 0,
    }
    assert figures["difference_low"] < figures["difference"] < figures["difference_high"]
    low, high = (f"{100 * figures[name]:+.1f}" for name in ("difference_low", "difference_high"))
    assert f"90% interval (resampling subjects) goes from {low} points to {high} points" in decision.reasons[1]
    assert decision.reasons[-1] == (
        "The whole interval shows a gain of more than +1.0 points: the challenger becomes the champion."
    )


def test_clips_of_nobody_are_resampled_one_by_one_under_the_name_of_what_they_are():
    rows = dataclasses.replace(WON, unit="images"), dataclasses.replace(DRAWN, unit="images")
    reasons = decide(*rows).reasons
    assert "(resampling images)" in reasons[1]
    assert reasons[2] == "Only the challenger is right on 4 images, only the champion on 0."


def test_the_resampling_is_that_of_the_given_seed_and_number():
    champion, challenger = answers(0.5, 2), answers(0.8, 1)
    standard = decide(challenger, champion)
    assert standard == decide(challenger, champion, confidence=0.9, margin=0.0, bootstrap=2000, seed=0)
    assert decide(challenger, champion, seed=1) != standard
    assert decide(challenger, champion, bootstrap=200) != standard


def test_a_model_held_against_itself_still_tells_its_accuracy():
    same = dataclasses.replace(said([0, 0], [0, 1]), digest="abc")
    decision = decide(same, same)
    assert decision.promote is False
    assert decision.figures == {"accuracy_challenger": 0.5, "clips": 2}
    assert "abc" in decision.reasons[0]


ANOTHER = said([0, 1, 2, 0, 1], [0, 1, 2, 0, 1])


@pytest.mark.parametrize(
    ("challenger", "champion", "code", "words"),
    [
        (said([], []), None, "no_clips", "no labelled clip"),
        (said([0], [-1]), None, "no_truth", "not known"),
        (WON, dataclasses.replace(DRAWN, labels=("a", "b", "c")), "labels_differ", "a, b, c and the challenger angry"),
        (WON, dataclasses.replace(DRAWN, truth=ANOTHER.truth), "truth_differs", "clip0: the two sides differ"),
        (
            dataclasses.replace(ANOTHER, clips=("a", "b", "c", "d", "clip0")),
            ANOTHER,
            "clips_differ",
            "only the challenger: a, b, c and 1 more; only the champion: clip1, clip2, clip3 and 1 more",
        ),
        (said([0], [0]), ANOTHER, "clips_differ", "only the challenger: none; only the champion: clip1"),
        (
            ANOTHER,
            dataclasses.replace(said([0] * 2, [0, 1]), clips=("clip0", "clip1")),
            "clips_differ",
            "only the challenger: clip2, clip3, clip4; only the champion: none",
        ),
    ],
)
def test_what_cannot_be_compared_is_named(challenger, champion, code, words):
    with pytest.raises(DataError, match=words) as caught:
        decide(challenger, champion)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("shape", "truth", "subjects", "words"),
    [
        ((2, 2), 2, 2, r"shape \(2, 2\), expected \(2, 3\)"),
        ((2, 3), 1, 2, "1 truth and 2 subjects for 2 clips"),
        ((2, 3), 2, 1, "2 truths and 1 subject for 2 clips"),
    ],
)
def test_answers_of_another_shape_than_their_clips_are_refused(shape, truth, subjects, words):
    with pytest.raises(ValueError, match=words):
        ScoreVectors(("a", "b"), LABELS, np.zeros(shape), np.zeros(truth, int), ("",) * subjects)


def test_a_decision_is_turned_by_a_reason_in_place_of_its_verdict_or_gets_one_more():
    first = Decision(True, ["It is better.", "Much.", "It becomes the champion."], {"gain": 0.2})
    assert first.but("It cannot be served", serving=0) == Decision(
        False,
        ["It is better.", "Much.", "It cannot be served: the challenger is not promoted."],
        {"gain": 0.2, "serving": 0},
    )
    assert first.also("It can be served.", serving=1) == Decision(
        True, [*first.reasons, "It can be served."], {"gain": 0.2, "serving": 1}
    )
    assert first.reasons == ["It is better.", "Much.", "It becomes the champion."]


def test_marks_of_what_was_learned_are_one_a_clip():
    with pytest.raises(ValueError, match=r"3 marks .* for 2 clips"):
        ScoreVectors(("a", "b"), ("sad", "happy"), np.eye(2), np.array([0, 1]), ("p", "q"), learned=np.zeros(3, bool))


def test_some_rows_keep_their_marks():
    learned = np.array([True, False, True])
    vectors = ScoreVectors(("a", "b", "c"), ("sad", "happy"), np.eye(3)[:, :2], np.array([0, 1, 0]), ("", "", ""))
    kept = np.array([False, True, True])
    assert vectors.rows(kept).learned is None
    marked = dataclasses.replace(vectors, learned=learned).rows(kept)
    assert marked.clips == ("b", "c") and marked.learned.tolist() == [False, True]
