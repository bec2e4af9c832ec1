"""Checkpoints of a training stage: written so that a crash leaves the one before, read without unpickling."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from affekt.errors import DataError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    """One training of one network.

    Attributes:
        name: on the progress line and in messages (``vgg fold 1/3``).
        key: in metrics and file names (``fold1``).
        seed: of everything that is drawn in it, together with the key.
        checkpoint: the file of its checkpoint.
    """

    name: str
    key: str
    seed: int
    checkpoint: Path


def save_checkpoint(
    stage: Stage,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    identity: str,
    iteration: int,
    history: list[list[float]],
) -> None:
    """Write all that is needed to go on: network, optimiser, iteration and history, and whose they are."""
    content: dict[str, Any] = {
        "identity": identity,
        "iteration": iteration,
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "history": torch.tensor(history, dtype=torch.float64),
    }
    stage.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    partial = stage.checkpoint.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(stage.checkpoint)


def resume(
    stage: Stage, network: nn.Module, optimiser: torch.optim.Optimizer, identity: str
) -> tuple[int, list[list[float]]]:
    """Bring network and optimiser to where the checkpoint left them; the iteration to go on with, and the history.

    Raises:
        DataError: the checkpoint cannot be read.
    """
    if not stage.checkpoint.is_file():
        return 0, []
    try:
        content = torch.load(stage.checkpoint, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not what it should be
        raise DataError(
            f"the checkpoint cannot be read ({type(error).__name__}); delete it to start this stage anew",
            code="damaged",
            where=str(stage.checkpoint),
        ) from error
    if content["identity"] != identity:
        logger.warning("%s: the checkpoint belongs to other data or settings; the stage starts anew", stage.name)
        return 0, []
    network.load_state_dict(content["network"])
    optimiser.load_state_dict(content["optimiser"])
    logger.info("%s: goes on from its checkpoint at iteration %d", stage.name, content["iteration"])
    return int(content["iteration"]), content["history"].tolist()


@contextlib.contextmanager
def stop_signal() -> Iterator[threading.Event]:
    """An event that SIGTERM sets; elsewhere than in the main thread it is never set, as Python cannot listen there."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)


def restore_buffers(network: nn.Module, buffers: list[Tensor]) -> None:
    """Undo what the micro-batches of an unfinished iteration did to the statistics of batch normalisation."""
    for buffer, value in zip(network.buffers(), buffers, strict=True):
        buffer.copy_(value)
