"""Checkpoints of training stages, on disk or in S3: a crash leaves the one before, and no unpickling reads them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from affekt import storage
from affekt.errors import DataError
from affekt.training.averaging import Average

logger = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints of one member's training below a root.

    A file is named by a digest of what its stage learns from, how, and from which weights on. So a run that is started
    again finds it from wherever it runs, and another run never takes it for its own.

    Args:
        root: a local folder, or an ``s3://`` uri.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = str(root)
        self._used: dict[str, None] = {}

    def uri(self, name: str, identity: str, *, lasting: bool = False) -> str:
        """Where the checkpoint of a stage lies; a lasting one is not cleared."""
        digest = hashlib.sha256(identity.encode()).hexdigest()[:32]
        uri = storage.join(self.root, f"{re.sub('[^a-z0-9]+', '-', name.lower())}-{digest}.pt")
        if not lasting:
            self._used[uri] = None
        return uri

    def clear(self) -> None:
        """Remove the checkpoints of the stages that were asked for here; those of other runs stay."""
        for uri in self._used:
            try:
                storage.remove(uri)
            except DataError as error:  # the training is complete: nothing is lost
                logger.warning("a checkpoint that is no longer needed stays: %s", error)
        self._used.clear()
        if not storage.is_remote(self.root):
            with contextlib.suppress(OSError):  # another run's checkpoints are in it, or it was never made
                Path(self.root).rmdir()


@dataclass(frozen=True)
class Stage:
    """One training of one network.

    Attributes:
        name: on the progress line and in messages (``vgg fold 1/3``).
        key: in metrics and file names (``fold1``).
        seed: of everything that is drawn in it, together with the key.
        checkpoints: where its checkpoint lies.
        lasting: whether it stays when the member is complete, since other trainings start from the same stage.
    """

    name: str
    key: str
    seed: int
    checkpoints: Checkpoints
    lasting: bool = False


def save_checkpoint(
    uri: str,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    identity: str,
    iteration: int,
    history: list[list[float]],
    average: Sequence[Tensor] = (),
) -> bool:
    """Write all that is needed to go on: network, its mean, optimiser, iteration and history, and whose they are.

    Returns:
        Whether it is written. Where S3 does not take it, the one before stays, and a warning is all that comes of it:
        a training of days does not end for a network that fails for minutes.
    """
    content: dict[str, Any] = {
        "identity": identity,
        "iteration": iteration,
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "history": torch.tensor(history, dtype=torch.float64),
        "average": list(average),
    }
    if not storage.is_remote(uri):
        # Two runs of the same data and settings share the file, but not the one that is half written.
        with storage.appearing(uri) as part, part.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        return True
    buffer = io.BytesIO()
    torch.save(content, buffer)
    try:
        storage.write_bytes(uri, buffer.getvalue())
    except DataError as error:
        logger.warning("the checkpoint of iteration %d is not written, the training goes on: %s", iteration, error)
        return False
    return True


def resume(
    uri: str, name: str, network: nn.Module, optimiser: torch.optim.Optimizer, average: Average | None = None
) -> tuple[int, list[list[float]]]:
    """Bring network and optimiser to where the checkpoint left them; the iteration to go on with, and the history.

    Raises:
        DataError: the checkpoint cannot be read.
    """
    try:
        with storage.open_local(uri) as path:
            content = _read(path, uri)
    except DataError as error:
        if error.code == "missing_file":
            return 0, []
        raise
    network.load_state_dict(content["network"])
    optimiser.load_state_dict(content["optimiser"])
    if average is not None and content.get("average"):
        average.load(content["average"])
    logger.info("%s: goes on from its checkpoint at iteration %d", name, content["iteration"])
    return int(content["iteration"]), content["history"].tolist()


def _read(path: Path, uri: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not what it should be
        raise DataError(
            f"the checkpoint cannot be read ({type(error).__name__}); delete it to start this stage anew",
            code="damaged",
            where=uri,
        ) from error
    return content


def weights_digest(network: nn.Module) -> str:
    """The SHA-256 of a network's weights and buffers: from where a stage starts."""
    total = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        total.update(name.encode())
        total.update(tensor.detach().cpu().reshape(-1).numpy())
    return total.hexdigest()


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
