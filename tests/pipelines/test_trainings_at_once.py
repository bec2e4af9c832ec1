"""Whole trainings on real voices that are started in one home at the same time."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path

import pytest
from shared_killed import Training

from affekt.registry import Tracking, list_models, read_history
from tests.shared_real_clips import voices, write_manifest

#: A voice model that learns in seconds, and a gate that lets the first of few who are better pass.
SETTINGS = (
    "svc.c_candidates=[0.01]", "fusion.folds=2", "evaluation.bootstrap=200", "gate.check_serving=false",
    "gate.min_subjects=4", "gate.false_promotions=1",
)  # fmt: skip


def decided(home: Path) -> dict[int, dict]:
    """What the gate said of each version."""
    found = [json.loads(path.read_text()) for path in (home / "runs").glob("*/artifacts/*/gate/decision")]
    return {said["version"]: said for said in found}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [5, 10])
def test_the_champion_is_always_one_that_beat_the_one_before_it(count, tmp_path, shared_data):
    home = tmp_path / "home"
    trainings = [
        Training(home, write_manifest(tmp_path / f"{n}.csv", voices(shared_data, 2 + n % 7, 2 + n % 3)), "--only=svc",
                 settings=(*SETTINGS, f"seed={n}"))
        for n in range(count)
    ]  # fmt: skip
    started = [
        subprocess.Popen(each.command, env=each.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for each in trainings
    ]
    ended = [each.communicate() for each in started]
    assert [each.returncode for each in started] == [0] * count, [said[-2000:] for _, said in ended]
    assert sorted(json.loads(said)["version"] for said, _ in ended) == list(range(1, count + 1))
    assert trainings[0].states() == {"FINISHED"}
    assert len(list((home / "runs").iterdir())) == count

    history, said = read_history(Tracking(home=home), "affekt"), decided(home)
    assert history[0].instead_of is None
    for before, after in itertools.pairwise(history):
        assert after.instead_of == before.version
        figures = said[after.version]["figures"]
        # It was held against whom it replaced.
        assert figures["accuracy_champion"] == pytest.approx(said[before.version]["accuracy"])
        assert figures["difference_low"] > 0
    assert sorted(entry.version for entry in history) == sorted(n for n, each in said.items() if each["promote"])
    champions = [item.version for item in list_models(Tracking(home=home)) if "champion" in item.aliases]
    assert champions == [history[-1].version]
