"""Several processes that one call starts: metrics, scores and errors come back, and SIGTERM is passed on."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import AffektError
from affekt.media import PreparedIndex, PreparedRow
from affekt.score_table import ScoreTable
from affekt.settings import Settings, load_settings
from affekt.steps.train_member import PROCESSES, Job, launch, processes
from affekt.store.entries import Store
from tests.training.test_visual_members import LABELS, TINY, prepared_clip


def settings(*changes: str) -> Settings:
    return load_settings("small", (*TINY, "c3d.batch_size=4", "c3d.micro_batch=2", "fusion.folds=2", *changes))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared index and its store, of twelve clips of four subjects."""
    root = tmp_path_factory.mktemp("prepared")
    store, rng, rows = Store(root / "store", settings().media), np.random.default_rng(0), []
    for number in range(12):
        clip = prepared_clip(rng, 20)
        store.put(f"{number:032d}-0", clip)
        split, seen = ("train", "val")[number >= 9], int(clip.present.sum())
        row = PreparedRow(
            f"clip{number}", LABELS[number % 3], f"s{number // 3}", split, f"{number:032d}-0", 20, seen, False
        )
        rows.append(row)
    store.pack()
    PreparedIndex(tuple(rows)).write(root / "index")
    return root


def job(prepared: Path, out: Path, chosen: Settings) -> Job:
    return Job(
        "c3d", prepared=str(prepared / "index"), store=str(prepared / "store"), settings=chosen.to_json(),
        out=str(out), checkpoints=str(out.with_name("checkpoints")),
    )  # fmt: skip


def test_two_processes_score_as_one_and_report_as_one(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: dict[str, list[tuple[int, Mapping[str, float]]]] = {"1": [], "2": []}
    for count, seen in logged.items():
        monkeypatch.setenv(PROCESSES, count)
        launch(job(prepared, tmp_path / count, settings()), lambda metrics, step, to=seen: to.append((step, metrics)))
    one, two = (ScoreTable.read(tmp_path / count / "scores.csv") for count in logged)
    assert one.clips == two.clips
    assert two.scores == pytest.approx(one.scores, abs=1e-5)
    assert [(step, set(metrics)) for step, metrics in logged["2"]] == [(s, set(m)) for s, m in logged["1"]]
    for (_, first), (_, second) in zip(*logged.values(), strict=True):
        for name in first:
            if name.endswith((".loss", ".accuracy", ".gradient_norm")):
                assert second[name] == pytest.approx(first[name], rel=1e-4), name


@pytest.mark.slow
def test_what_the_processes_raise_is_raised_here(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROCESSES, "2")
    too_fast = ("c3d.learning_rate=10", "c3d.warmup=0", "c3d.batch_norm=false", "c3d.iterations=40")
    with pytest.raises(AffektError, match="choose a lower learning rate") as caught:
        launch(job(prepared, tmp_path / "out", settings(*too_fast)))
    assert (caught.value.code, caught.value.where) == ("diverged", "c3d fold 1/2")


def test_processes_that_cannot_share_a_batch_are_not_started(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROCESSES, "2")
    with pytest.raises(AffektError, match="multiple of 2") as caught:
        launch(job(prepared, tmp_path / "out", settings("c3d.micro_batch=4")))
    assert caught.value.code == "uneven_processes"


@pytest.mark.slow
def test_a_process_that_dies_is_named(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROCESSES, "2")
    broken = settings("c3d.iterations=1000000")

    def kill_one(metrics: Mapping[str, float], step: int) -> None:
        import psutil

        workers = [process for process in psutil.Process().children(recursive=True) if not process.children()]
        workers[1].kill()

    with pytest.raises(AffektError, match="-9") as caught:
        launch(job(prepared, tmp_path / "out", broken), kill_one)
    assert caught.value.code == "process_died"


@pytest.mark.slow
def test_sigterm_stops_all_processes_and_another_call_goes_on(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROCESSES, "2")
    longer = settings("c3d.iterations=300")
    steps: list[int] = []

    def end(metrics: Mapping[str, float], step: int) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as ended:
        launch(job(prepared, tmp_path / "ended", longer), end)
    assert ended.value.code == 128 + signal.SIGTERM
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1
    launch(job(prepared, tmp_path / "resumed", longer), lambda _, step: steps.append(step))
    assert steps[0] > 20
    (tmp_path / "other").mkdir()
    launch(job(prepared, tmp_path / "other" / "whole", longer))
    weights = [folder / "model.safetensors" for folder in (tmp_path / "resumed", tmp_path / "other" / "whole")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_without_devices_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROCESSES, raising=False)
    assert processes("c3d", settings("device=cpu")) == 1


def test_a_number_of_processes_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROCESSES, "two")
    with pytest.raises(AffektError, match=PROCESSES):
        processes("c3d", settings())


def test_a_job_is_plain_json(prepared: Path, tmp_path: Path) -> None:
    described = job(prepared, tmp_path, settings())
    assert Job(**json.loads(json.dumps(described.__dict__))) == described
