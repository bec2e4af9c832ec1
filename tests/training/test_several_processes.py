"""Two processes of torchrun that train one network: what they come to, and how they stop."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import shared_training
import torch
from safetensors.torch import load_file
from torch import Tensor

from affekt.errors import AffektError
from affekt.training.distributed import World

PROGRAM = shared_training.__file__


def started(folder: Path, cases: str, *more: str) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.Popen(
        [*torchrun, PROGRAM, str(folder), cases, *more], stdout=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what two processes came to."""
    folder = tmp_path_factory.mktemp("together")
    assert started(folder, ",".join(shared_training.CASES)).wait() == 0
    return folder


def differing(first: dict[str, Tensor], second: dict[str, Tensor], tolerance: float) -> dict[str, float]:
    assert first.keys() == second.keys()
    far = {name: float((first[name] - second[name]).abs().max()) for name in first}
    return {name: distance for name, distance in far.items() if distance > tolerance}


@pytest.mark.parametrize("case", shared_training.CASES)
def test_two_processes_come_to_the_weights_and_buffers_of_one(case: str, together: Path, tmp_path: Path) -> None:
    alone = shared_training.train(case, tmp_path)
    assert differing(alone, load_file(together / f"{case}-0"), 1e-5) == {}


@pytest.mark.parametrize("case", shared_training.CASES)
def test_both_processes_have_the_same_weights_and_buffers(case: str, together: Path) -> None:
    assert differing(load_file(together / f"{case}-0"), load_file(together / f"{case}-1"), 0) == {}


def test_the_weights_changed_in_training(together: Path) -> None:
    for case in shared_training.CASES:
        start = shared_training.case(case)[0].state_dict()
        assert differing(start, load_file(together / f"{case}-0"), 1e-5) != {}


@pytest.mark.slow
def test_after_sigkill_of_all_processes_training_ends_with_the_same_weights(together: Path, tmp_path: Path) -> None:
    running = started(tmp_path, "vgg_normalised", "stop")
    assert running.stdout and running.stdout.readline() == "waiting\n"
    workers = psutil.Process(running.pid).children(recursive=True)
    assert len(workers) == 2
    running.kill()
    for process in workers:
        process.kill()
    running.wait()
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    assert 0 < torch.load(checkpoint, weights_only=True)["iteration"] < 8
    assert started(tmp_path, "vgg_normalised").wait() == 0
    for rank in (0, 1):
        name = f"vgg_normalised-{rank}"
        assert differing(load_file(together / name), load_file(tmp_path / name), 0) == {}


def test_micro_batches_go_round_the_processes() -> None:
    shares = [World(rank, 2).items(10, 2) for rank in (0, 1)]
    assert shares == [[0, 1, 4, 5, 8, 9], [2, 3, 6, 7]]


def test_without_a_micro_batch_each_process_takes_a_part_of_the_batch() -> None:
    assert World(0, 4).micro_batch(32, None) == 8
    assert World().micro_batch(32, None) == 32


@pytest.mark.parametrize(("batch", "micro", "size"), [(32, 8, 3), (7, None, 2), (2, None, 4)])
def test_processes_that_cannot_share_a_batch_evenly_are_refused(batch: int, micro: int | None, size: int) -> None:
    with pytest.raises(AffektError, match=f"multiple of {size}") as caught:
        World(0, size).micro_batch(batch, micro)
    assert caught.value.code == "uneven_processes"
