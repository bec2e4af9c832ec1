"""Several trainings reach the gate at the same time, each as a process: the champion always beat the one before it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pytest

from affekt.ensemble import Ensemble
from affekt.registry import Tracking, list_models, read_history, register
from affekt.registry.held_against import entries_in
from affekt.score_table import ScoreTable
from affekt.settings import load_settings
from affekt.steps.run_gate import Challenger, run_gate

NAME = "affekt"
PEOPLE, CLIPS = 20, 30
#: How often each version is right; the later one need not be the better one.
RIGHT = (0.45, 0.8, 0.5, 0.95, 0.3, 0.65, 0.9, 0.55, 0.7, 0.6)


def answers(version: int, labels: tuple[str, ...]) -> ScoreTable:
    """What a version says of the clips."""
    count = PEOPLE * CLIPS
    truth = np.arange(count) % len(labels)
    right = np.random.default_rng(version).random(count) < RIGHT[version - 1]
    said = np.where(right, truth, (truth + 1) % len(labels))
    sure = RIGHT[version - 1]  # as often as it is right
    scores = np.where(np.eye(len(labels))[said] == 1, sure, (1 - sure) / (len(labels) - 1))[:, None]
    subjects = tuple(f"p{n // CLIPS}" for n in range(count))
    names = tuple(f"clip{n}" for n in range(count))
    return ScoreTable(names, labels, ("average",), scores, truth, subjects, ("val",) * count)


@dataclasses.dataclass(frozen=True)
class Remembered:
    """What each registered version answers, by what its manifest says of it."""

    unit = "clips"

    def can_be_answered_by(self, ensemble: Ensemble) -> bool:
        return True

    def answers(self, ensemble: Ensemble, names: object) -> np.ndarray:
        version = int(json.loads((ensemble.folder / "ensemble.json").read_text())["facts"]["of"])
        return answers(version, ensemble.labels).scores[:, 0]


def gate(home: Path, folder: Path, version: int, start: object) -> None:
    settings = load_settings("small", ["fusion.method=average", "evaluation.bootstrap=400"])
    fused = answers(version, Ensemble.load(folder).labels)
    start.wait()  # type: ignore[attr-defined]
    decided = run_gate(
        Tracking(home=home), Challenger(NAME, version, folder, fused), Remembered(), settings=settings, check=None,
        run_id=f"run{version}",
    )  # fmt: skip
    (home / f"decision{version}.json").write_text(json.dumps(decided.to_dict()))


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("count", [2, 10])
def test_the_champion_is_always_one_that_beat_the_one_before_it(count, tmp_path, tiny_ensemble, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tracking = Tracking(home=tmp_path)
    run_id = tracking.start_parent("many")
    folders = {}
    for version in range(1, count + 1):
        folders[version] = tmp_path / f"ensemble{version}"
        shutil.copytree(tiny_ensemble, folders[version])
        manifest = json.loads((folders[version] / "ensemble.json").read_text())
        manifest["facts"] |= {"of": str(version), "code": f"of {version}"}
        (folders[version] / "ensemble.json").write_text(json.dumps(manifest))
        assert register(tracking, folders[version], name=NAME, run_id=run_id) == version
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(count)
    running = [spawn.Process(target=gate, args=(tmp_path, folders[n], n, start)) for n in folders]
    for each in running:
        each.start()
    for each in running:
        each.join()
    assert [each.exitcode for each in running] == [0] * count

    history = read_history(tracking, NAME)
    assert history[0].instead_of is None
    decided = {n: json.loads((tmp_path / f"decision{n}.json").read_text()) for n in folders}
    for before, after in itertools.pairwise(history):
        assert after.instead_of == before.version
        figures = decided[after.version]["figures"]
        champion = answers(before.version, tuple("abcdefg"))
        right = (champion.scores[:, 0].argmax(axis=1) == champion.truth).mean()
        assert figures["accuracy_champion"] == pytest.approx(right)  # it was held against whom it replaced
        assert figures["difference_low"] > 0
    promoted = [n for n in folders if decided[n]["promote"]]
    assert sorted(entry.version for entry in history) == promoted
    champion = next(item.version for item in list_models(tracking) if "champion" in item.aliases)
    assert RIGHT[champion - 1] == max(RIGHT[:count])
    # Each question that was asked has a number of its own.
    asked = entries_in(tracking.reader.model(NAME).tags)
    assert len({(each.champion, each.number) for each in asked}) == len(asked) >= count
