"""On one screen: why a version is, or is not, the champion."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from affekt.pipelines.cli import run
from affekt.registry import ScoreVectors, Tracking, decide, promote, register, rollback
from affekt.registry.held_against import spend
from affekt.registry.spending import Spending
from affekt.steps.gate_outcome import GateOutcome
from affekt.steps.version_story import story_of

LABELS = ("angry", "happy", "sad")


def vectors(share: float, seed: int) -> ScoreVectors:
    truth = np.arange(240) % 3
    right = np.random.default_rng(seed).random(240) < share
    said = np.where(right, truth, (truth + 1) % 3)
    names = tuple(f"clip{n}" for n in range(240))
    scores = np.where(np.eye(3)[said] == 1, 0.8, 0.1)
    return ScoreVectors(names, LABELS, scores, truth, tuple(f"s{n // 20}" for n in range(240)))


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_ensemble, registry_in):
    """A home with three versions: the first champion, one that did not beat it, and one without a decision."""
    home = tmp_path_factory.mktemp("home")
    tracking = registry_in(home)
    first, second = vectors(0.5, 1), vectors(0.55, 2)
    rule = Spending(0.95, 0.05, 52)
    decisions = {
        1: decide(first, None, level=lambda: rule.level(1), explain=True),
        2: decide(second, first, level=lambda: rule.level(1), explain=True),
    }
    for version in (1, 2, 3):
        folder = home / f"ensemble{version}"
        shutil.copytree(tiny_ensemble, folder)
        manifest = json.loads((folder / "ensemble.json").read_text())
        manifest["facts"]["code"] = str(version)
        (folder / "ensemble.json").write_text(json.dumps(manifest))
        run_id = tracking.start_parent(f"run {version}")
        register(tracking, folder, name="affekt", run_id=run_id, metrics={"accuracy": 0.5})
        if version in decisions:
            outcome = GateOutcome(decisions[version], 0.5, (0.4, 0.6), "affekt", version, run_id, "clips")
            (home / "decision.json").write_text(json.dumps(outcome.to_dict()))
            tracking.client.log_artifact(run_id, str(home / "decision.json"))
            spend(tracking, "affekt", version, None if version == 1 else 1, rule, run_id=run_id)
        if version == 1:
            promote("affekt/1", tracking, instead_of=None, action="gate", reason="because", run_id=run_id)
    return home


@pytest.fixture
def shown(home, monkeypatch, capsys):
    monkeypatch.setenv("AFFEKT_HOME", str(home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def show(*arguments: str) -> str:
        assert run(["models", "show", *arguments]) == 0
        return capsys.readouterr().out

    return show


def test_a_challenger_that_stayed_one_has_its_reasons_and_the_picture(shown, home):
    text = shown("affekt/2")
    assert text.startswith("affekt/2 is not the champion; affekt/1 is\n")
    decision = story_of("affekt/2", Tracking(home=home)).outcome.decision
    assert not decision.promote
    said = " ".join(text.split())
    for reason in decision.reasons:
        assert " ".join(reason.split()) in said
    assert "the gate decided: against it" in text
    for name in ("all", "angry", "happy", "sad", "s0", "s11"):
        assert any(line.startswith(f"{name} ") and "o" in line[len(name) :] for line in text.splitlines())
    assert len(text.splitlines()) <= 50
    assert max(map(len, text.splitlines())) <= 110


def test_the_champion_says_since_when_and_by_whom(shown):
    text = shown("affekt@champion")
    assert text.startswith("affekt/1 is the champion\n")
    assert "champion since" in text and "by gate" in text
    assert "the gate decided: for it" in text


def test_a_version_that_was_put_back_by_hand_says_why(shown, home):
    tracking = Tracking(home=home)
    promote("affekt/3", tracking, reason="a try in the field")
    assert "by promote of" in (text := shown("affekt/3")) and "a try in the field" in text
    assert "no decision of a gate on this version is kept" in text
    rollback("affekt", tracking, reason="complaints")
    assert "replaced by affekt/1 on" in (text := shown("affekt/3")) and "complaints" in text


def test_the_document_holds_the_decision_and_its_parts(shown):
    document = json.loads(shown("affekt/2", "--json"))
    assert (document["is_champion"], document["champion"]) == (False, 1)
    figures = document["decision"]["figures"]
    assert set(figures["differences"]["by_label"]) == set(LABELS)
    assert len(figures["differences"]["by_subject"]) == figures["differences"]["subjects"] == 12
    assert figures["power"]["found"]["10"] <= figures["power"]["found"]["20"]
