"""Clips that name no subject beside others that do: whom a figure is of is said, and what that does to intervals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shared_report import LABELS, MODELS, SETTINGS, written

from affekt.fusion import FusionKey
from affekt.pipelines.cli.evaluate import show
from affekt.registry.detectable import above_chance
from affekt.registry.spending import Level
from affekt.report.document import Evaluation
from affekt.report.evaluation import evaluate_table
from affekt.report.wording import headline, summary
from affekt.score_table import ScoreTable
from affekt.statistics.adaptation import AdaptationCurve, CurvePoint
from affekt.statistics.power import Design


def table(subjects: tuple[str, ...]) -> ScoreTable:
    rng = np.random.default_rng(2)
    truth = np.arange(30) % 3
    scores = rng.dirichlet(np.ones(3), (30, len(MODELS)))
    scores[np.arange(30), :, truth] += 0.1
    names = tuple(f"clips/{i:02d}.mp4" for i in range(30))
    return ScoreTable(names, LABELS, MODELS, scores / scores.sum(axis=2, keepdims=True), truth, subjects, ("val",) * 30)


def evaluated(rows: ScoreTable, *keys: str) -> Evaluation:
    mean = rows.scores.mean(axis=1)
    return evaluate_table(rows, {FusionKey.parse(key): mean for key in keys}, "average", (), SETTINGS.evaluation)


@pytest.fixture(scope="module")
def mixed() -> Evaluation:
    return evaluated(table(("a",) * 10 + ("b",) * 10 + ("",) * 10), "average")


def test_the_figure_is_said_to_be_of_people_as_far_as_clips_name_them(mixed: Evaluation) -> None:
    assert f"for {100 * mixed.figures.accuracy:.1f}% of 30 clips, 20 of them of 2 people; " in summary(mixed)[0]
    assert "on 30 clips, 20 of them of 2 unseen subjects; " in headline(mixed)


def test_what_nobody_is_named_in_is_said_to_narrow_the_interval(mixed: Evaluation) -> None:
    said = "10 clips name no subject and count as people of their own: where some are of the same person, the interval"
    assert any(line.startswith(said) for line in summary(mixed))
    assert not any(line.startswith("With only 2 people") for line in summary(mixed))


def test_all_clips_of_named_people_are_told_as_before() -> None:
    told = summary(evaluated(table(("a",) * 15 + ("b",) * 15), "average"))
    assert "% of 30 clips of 2 people; " in told[0]
    assert not any("no subject" in line for line in told)


def test_the_power_is_said_to_be_of_both(mixed: Evaluation) -> None:
    assert mixed.power is not None and mixed.power.unnamed == 10
    assert "A comparison of two models on 2 people and 10 clips of nobody named finds " in " ".join(summary(mixed))


def test_the_gates_power_is_said_to_be_of_both() -> None:
    people = ["a"] * 5 + ["b"] * 5 + ["", ""]
    could = above_chance(Design.of(people), people, 3, Level(0.025), seed=0)
    assert could.told().startswith("On these 2 subjects and 2 clips of nobody named a mean recall above chance by ")


def test_people_of_whom_no_clip_is_judged_are_not_counted_among_the_adapted() -> None:
    rows = table(("a",) * 10 + ("b",) * 10 + ("c",) * 10)
    rows = replace(rows, truth=np.where(np.arange(30) < 20, rows.truth, -1))
    person = evaluated(rows, "average", "average~person").person
    assert person.people == 2 and person.chosen is not None and person.chosen.figures.subjects == 2


def test_clips_of_nobody_that_are_not_adapted_are_told_as_such(tmp_path: Path) -> None:
    rows = table(("a",) * 10 + ("b",) * 10 + ("",) * 10)
    page = written(tmp_path, evaluation=evaluated(rows, "average", "average~person"))
    assert "10 clips of people with one clip only, or of nobody named, are answered as in Table 3" in page
    assert "in 20 of the clips" in page


def test_the_command_says_how_many_clips_the_figures_by_known_ones_are_of(
    mixed: Evaluation, capsys: pytest.CaptureFixture[str]
) -> None:
    curve = AdaptationCurve((CurvePoint(1, 2, 20, 0.5, 0.5, None), CurvePoint(2, 2, 20, 0.6, 0.5, None)), {})
    show(replace(mixed, adaptation=curve, unlike=1))
    told = capsys.readouterr().out
    assert "30 clips, 20 of them of 2 subjects, model " in told
    assert "by the clips of a person that are known (20 of 30 clips): 1: 50.0%, 2: 60.0%\n" in told
    assert "10 clips name no subject and count as people of their own" in told
    assert "1 of 30 clips (3.3%) is unlike what the model learned from" in told
