"""Optional models: one that helps on unseen subjects is fused, one that harms is not, and both are told."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from affekt.extensions import fusions_for
from affekt.report.document import Ablation
from affekt.score_table import ScoreTable
from affekt.settings import Settings, load_settings
from affekt.steps.ablation import ablate
from affekt.steps.fallback import fall_back
from affekt.steps.fit_fusion import fit_fusions

LABELS = ("angry", "happy", "sad")


def table(strengths: dict[str, float], *, seed: int = 0, clips: int = 180, subjects: int = 12) -> ScoreTable:
    """Scores of models that know the truth as well as their strength says; two thirds are train clips."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=clips)
    logits = rng.normal(size=(clips, len(strengths), 3))
    logits[np.arange(clips), :, truth] += np.array(list(strengths.values()))
    scores = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    people = [f"s{number * subjects // clips:02d}" for number in range(clips)]
    splits = tuple("train" if int(name[1:]) * 3 < 2 * subjects else "val" for name in people)
    return ScoreTable(
        tuple(f"c{number:03d}" for number in range(clips)),
        LABELS,
        tuple(strengths),
        scores,
        truth,
        tuple(people),
        splits,
    )


@pytest.fixture
def average(tiny_settings: Settings) -> Settings:
    """A fusion whose weights cannot undo what a model does to it."""
    return dataclasses.replace(tiny_settings, fusion=dataclasses.replace(tiny_settings.fusion, method="average"))


def ablation_of(scores: ScoreTable, settings: Settings) -> tuple[tuple[str, ...], Ablation]:
    kept, ablations = ablate(scores.split("train"), settings, {"folds": 4})
    return kept, ablations[0]


def test_a_model_that_knows_more_is_kept(average: Settings) -> None:
    kept, found = ablation_of(table({"vgg": 0.5, "joint": 2.0, "svc": 0.5}), average)

    assert kept == ("vgg", "joint", "svc")
    assert found.kept and found.accuracy_with > found.accuracy_without  # type: ignore[operator]
    assert found.evidence is not None and found.evidence.ci95[0] > 0


def test_a_model_that_is_confidently_wrong_is_left_out(average: Settings) -> None:
    kept, found = ablation_of(table({"vgg": 1.5, "joint": -3.0, "svc": 1.5}), average)

    assert kept == ("vgg", "svc")
    assert not found.kept and "left out" in found.reason


def test_a_model_that_alone_answers_some_clips_is_kept_for_them(average: Settings) -> None:
    scores = table({"vgg": 2.0, "joint": 1.2})
    hidden = np.arange(len(scores)) % 2 == 0  # no face is seen in these
    scores.scores[hidden, 0] = np.nan
    scores.scores[~hidden, 1] = scores.scores[~hidden, 0]  # where both answer they say the same

    kept, found = ablation_of(scores, average)

    assert kept == ("vgg", "joint") and found.kept
    assert found.clips == len(scores.split("train"))
    assert found.accuracy_without is not None and found.accuracy_without < 0.5


def test_of_equally_many_right_answers_the_surer_ones_decide(average: Settings) -> None:
    scores = table({"vgg": 1.0})
    doubled = np.repeat(scores.scores, 2, axis=1)
    doubled[:, 1] = doubled[:, 1] ** 0.3 / (doubled[:, 1] ** 0.3).sum(
        axis=1, keepdims=True
    )  # the same order, less sure
    both = dataclasses.replace(scores, models=("vgg", "joint"), scores=doubled)

    _, found = ablation_of(both, average)

    assert found.accuracy_with == found.accuracy_without
    rows = np.arange(len(scores.split("train")))
    train = both.split("train")
    surer = (
        np.log(train.scores.mean(axis=1)[rows, train.truth]).mean() > np.log(train.scores[rows, 0, train.truth]).mean()
    )
    assert found.kept == surer


def test_an_ablation_never_looks_at_unseen_clips(average: Settings) -> None:
    first = table({"vgg": 1.0, "joint": 1.0, "svc": 1.0})
    wrong = first.scores.copy()
    held = np.array([split != "train" for split in first.splits])
    wrong[held, 1] = wrong[held, 1][:, ::-1]
    second = dataclasses.replace(first, scores=wrong)

    assert ablation_of(first, average) == ablation_of(second, average)


def test_one_subject_is_too_few_to_decide_by(average: Settings) -> None:
    scores = table({"vgg": 1.0, "joint": 1.0}, subjects=1).rows(np.arange(60))
    scores = dataclasses.replace(scores, splits=("train",) * 60)

    _, found = ablation_of(scores, average)

    assert found.kept and found.evidence is None and "too few subjects" in found.reason


@pytest.fixture
def members(tmp_path: Path) -> dict[str, Path]:
    """Members whose score tables say that the joint network is wrong on purpose; their models are stand-ins."""
    scores = table({"vgg": 1.5, "c3d": 0.5, "bilstm": 1.5, "joint": -3.0, "random_forest": 1.0, "svc": 1.0})
    folders = {}
    for name in scores.models:
        folders[name] = tmp_path / name
        folders[name].mkdir()
        (folders[name] / "model.json").write_text("{}")
        scores.only([name]).write(folders[name] / "scores.csv")
    return folders


def test_a_model_that_failed_is_not_in_the_ensemble(
    members: dict[str, Path], average: Settings, tmp_path: Path
) -> None:
    fused = fit_fusions(members, tuple(members), average, tmp_path / "ensemble")

    manifest = json.loads((tmp_path / "ensemble" / "ensemble.json").read_text())
    assert "joint" not in fused.facts.models and "joint" in fused.table.models
    assert "joint" not in manifest["models"] and "joint" not in manifest["members"]


def test_every_row_of_the_papers_table_3_and_both_sides_of_the_ablation_are_there(
    members: dict[str, Path], average: Settings, tmp_path: Path
) -> None:
    answers = fit_fusions(members, tuple(members), average, tmp_path / "ensemble").answers.models

    best = "bilstm+random_forest+svc"
    five, six = "vgg+c3d+bilstm+random_forest+svc", "vgg+c3d+bilstm+joint+random_forest+svc"
    assert {f"svm@{five}", f"average@{best}", f"highest_confidence@{best}", f"svm@{best}"} <= set(answers)
    assert {f"average@{five}", f"average@{six}"} <= set(answers)


def test_a_row_of_table_3_fuses_all_models_also_where_the_ensemble_has_dropped_one(
    members: dict[str, Path], tmp_path: Path
) -> None:
    scores = table({"vgg": 4.0, "c3d": 0.0, "bilstm": 0.0, "random_forest": 0.0, "svc": 0.0})
    for name in scores.models:
        scores.only([name]).write(members[name] / "scores.csv")
    settings = load_settings("small", ["fusion.method=selected"])
    fused = fit_fusions(members, scores.models, settings, tmp_path / "ensemble")

    assert fused.facts.without_weight == ("random_forest",)
    assert "svm@vgg+c3d+bilstm+random_forest+svc" in fused.answers.models


def test_a_fusion_with_too_many_rows_is_left_out_with_a_word_and_so_are_its_rows_of_the_paper(
    members: dict[str, Path],
    average: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("affekt.steps.fit_fusion.fusions_for", lambda rows, named: fusions_for(rows * 1000, named))
    answers = fit_fusions(members, tuple(members), average, tmp_path / "ensemble").answers.models
    assert "stacking" in answers and not [name for name in answers if name.startswith("svm")]
    assert "left out svm" in caplog.text


@pytest.mark.parametrize(("frozen", "fell"), [(3.0, True), (0.5, False), (0.0, False)])
def test_a_model_gives_way_to_what_it_was_where_unseen_subjects_say_so(frozen: float, fell: bool) -> None:
    scores = table({"vgg": 0.5, "svc": 0.5, "base_embedding": frozen}).split("train")
    kept, (found,) = fall_back(scores, scores.models)

    assert kept == (("svc", "base_embedding") if fell else scores.models)
    assert (found.model, found.to, found.fell, found.subjects) == ("vgg", "base_embedding", fell, 8)
    assert (found.accuracy_to > found.accuracy) >= fell and found.reason.startswith("gives way" if fell else "stays")


def test_a_model_without_its_stand_in_or_without_answers_of_both_stays() -> None:
    scores = table({"vgg": 0.5, "svc": 0.5, "base_embedding": 3.0}).split("train")
    assert fall_back(scores, ["vgg", "svc"]) == (("vgg", "svc"), ())
    scores.scores[:, 2] = np.nan
    assert fall_back(scores, scores.models) == (scores.models, ())
