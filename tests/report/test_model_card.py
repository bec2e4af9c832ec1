"""The model card, made from an evaluation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from affekt.fusion import FusionKey
from affekt.report.document import Fallback
from affekt.report.evaluation import evaluate_table
from affekt.report.model_card import CardFacts, licences_of, model_card
from affekt.score_table import ScoreTable
from affekt.settings import load_settings

FACTS = CardFacts(
    "affekt", "week 7", "0123456789abcdef99", ("svc", "vgg"), "abc123", {"torch": "2.13.0"},
    ("vgg started",),
)  # fmt: skip


def card(subjects: int = 4, facts: CardFacts = FACTS, fallbacks: Sequence[Fallback] = (), **changes) -> str:
    truth = np.arange(120) % 3
    truth[truth == 2] = 0  # no clip shows the third label
    right = np.arange(120) % 10 < np.where(truth == 0, 9, 3)
    said = np.where(right, truth, (truth + 1) % 2)
    scores = (np.eye(3)[said] * 0.7 + 0.1)[:, None].repeat(2, axis=1)
    table = ScoreTable(
        tuple(f"clip{n}" for n in range(120)), ("angry", "happy", "sad"), ("svc", "vgg"), scores, truth,
        tuple(f"s{n % subjects:02d}" for n in range(120)), ("val",) * 120,
    )  # fmt: skip
    settings = load_settings("small", ["evaluation.bootstrap=100"]).evaluation
    answers = {FusionKey("average"): scores.mean(axis=1)}
    found = evaluate_table(table, answers, "average", (), settings, **changes)
    return model_card(dataclasses.replace(found, fallbacks=tuple(fallbacks)), facts)


def test_it_says_what_it_is_for_and_what_it_rests_on():
    text = card()
    for part in (
        "# affekt\n", "## Intended use", "Not for decisions about a person", "`week 7`, digest "
        "`0123456789abcdef`", "120 clips of 4 people", "## Figures", "## Limits", "revision abc123", "torch 2.13.0",
        "- vgg started", "Fuses svc, vgg",
    ):  # fmt: skip
        assert part in text


def test_figures_have_intervals_by_subject_and_group_the_worst_first():
    text = card(attributes={"gender": ["female", "male"] * 60, "language": ["en"] * 120})
    rows = text.splitlines()
    assert next(row for row in rows if row.startswith("| angry | ")).endswith(" | 80 |")
    start = rows.index("| subject | accuracy, % | interval | clips |")
    people = rows[start + 2 : start + 6]
    accuracies = [float(row.split("|")[2]) for row in people]
    assert accuracies == sorted(accuracies)
    assert all(" to " in row for row in people)
    assert "| gender | accuracy, % | interval | clips |" in rows
    assert not any("| language" in row for row in rows)  # one group alone compares nothing


def test_many_subjects_are_cut_to_the_worst():
    text = card(subjects=30)
    assert "| 18 better ones | | | |" in text
    assert len(text) < 5000


def test_names_of_the_data_do_not_break_the_tables():
    odd = ["<script>x</script>", "a|b", "two\nlines", "plain"]
    text = card(attributes={"room|1": [odd[n % 4] for n in range(120)]})
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")]
    assert {"| room\\|1", "| &lt;script&gt;x&lt;/script&gt;", "| a\\|b", "| two lines", "| plain"} <= set(rows)


def test_limits_name_what_was_not_seen_and_what_is_missed():
    text = card()
    assert "- Nothing is known about sad: no evaluated one shows it." in text
    assert "- It misses more than half of happy." in text
    assert "- It was evaluated on 4 people:" in text
    assert "It was evaluated on" not in card(subjects=20)


def test_sample_clips_are_told_first():
    facts = CardFacts("affekt", "", "", ("svc",), sample=True)
    assert card(facts=facts).splitlines()[2].startswith("**Trained or evaluated on sample clips")
    assert "sample" not in card()


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ({"vgg": {"pretrained": "vgg-face"}}, ("vgg started from vgg-face: not for sale",)),
        ({"c3d": {"pretrained": "./x.pt"}}, ("c3d started from ./x.pt: its licence is not known here",)),
        ({"vgg": {"pretrained": None}, "seed": 0}, ()),
    ],
)  # fmt: skip
def test_a_line_for_each_checkpoint_that_was_started_from(settings, lines):
    assert licences_of({"settings": settings}, {"vgg-face": "not for sale"}) == lines


def test_what_only_settings_of_absent_models_name_is_no_part_of_the_ensemble():
    settings = {"face_embedding": {"pretrained": "faceres"}, "vgg": {"pretrained": "vgg-face"}}
    manifest = {"settings": settings, "members": ["vgg", "bilstm"], "models": ["bilstm"]}
    assert licences_of(manifest, {"vgg-face": "not for sale", "faceres": "free"}) == (
        "vgg started from vgg-face: not for sale",
    )


def test_a_model_that_gave_way_is_told():
    fallbacks = [
        Fallback("vgg", "base_embedding", fell, 144, 6, 0.25, share, "") for fell, share in ((True, 0.5), (False, 0.3))
    ]
    assert "VGG gave way to Frozen VGG in 1 of 2 folds: on train clips of people that neither had seen" in card(
        fallbacks=fallbacks
    )
    assert "was right on 25.0%, the other on 50.0%" in card(fallbacks=fallbacks[:1])
    assert "gave way" not in card(fallbacks=fallbacks[1:])


def test_the_calibration_error_stands_beside_what_calibrated_answers_would_show():
    text = card()
    assert "Expected calibration error " in text
    assert " Answers of these confidences that are exactly as often right as they claim show " in text


def test_of_clips_that_name_nobody_it_is_not_said_that_no_people_were_evaluated_on():
    truth = np.arange(12) % 2
    scores = (np.eye(2)[truth] * 0.6 + 0.2)[:, None]
    names = tuple(f"c{n}" for n in range(12))
    table = ScoreTable(names, ("angry", "sad"), ("svc",), scores, truth, ("",) * 12, ("val",) * 12)
    settings = load_settings("small", ["evaluation.bootstrap=100"]).evaluation
    answers = {FusionKey("average"): scores.mean(axis=1)}
    text = model_card(evaluate_table(table, answers, "average", (), settings), FACTS)
    assert "- Of how many people the evaluated clips are is not known." in text
    assert "0 people" not in text


@pytest.mark.parametrize(
    ("models", "seen", "shows"),
    [
        (("svc", "random_forest"), "from the voice alone", "what a voice shows, as"),
        (("vgg", "c3d"), "from the face alone", "what a face shows, as"),
        (("svc", "vgg"), "from face and voice", "what a face and a voice show, as"),
        (("joint",), "from face and voice", "what a face and a voice show, as"),
    ],
)
def test_it_says_what_the_fused_models_look_at(models, seen, shows):
    text = card(facts=dataclasses.replace(FACTS, models=models))
    assert f"shows in a video clip, {seen}. Fuses {', '.join(models)}; " in text
    assert f"- It names {shows} whoever labelled the clips saw it" in text
