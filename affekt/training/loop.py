"""The one training loop, for VGG, C3D and Bi-LSTM alike."""

from __future__ import annotations

import math
import signal
import time
from typing import Protocol

from torch import nn

from affekt.errors import AffektError
from affekt.models.hardware import Hardware
from affekt.progress import Progress
from affekt.training.batches import Batches
from affekt.training.checkpoints import Stage, resume, save_checkpoint, stop_signal, weights_digest
from affekt.training.distributed import World
from affekt.training.given import Log
from affekt.training.iteration import Iteration, LossSettings, RecordedIteration
from affekt.training.micro_batch import fitting
from affekt.training.throughput import COLUMNS, Meter, summary
from affekt.training.upcoming import upcoming

#: Iterations from one report to the next.
REPORT_EVERY = 20
#: Seconds from one report to the next on CUDA, at least: to read a figure, the device has to be waited for.
REPORT_SECONDS = 1.0
#: Seconds from one checkpoint to the next; where writing one takes long (S3), up to ten times as many, so that it
#: takes a twentieth of the time.
CHECKPOINT_EVERY = 60.0


class Schedule(LossSettings, Protocol):
    """The settings that VGG, C3D and Bi-LSTM have in common; each of their groups in ``affekt.settings`` is one."""

    @property
    def micro_batch(self) -> int | None: ...
    @property
    def schedule(self) -> str: ...
    @property
    def warmup(self) -> int: ...
    @property
    def step_every(self) -> int: ...
    @property
    def step_factor(self) -> float: ...


def learning_rate(schedule: Schedule, iteration: int) -> float:
    """The learning rate of an iteration: a linear warm-up, then steps (paper.md, section 4.3) or a cosine to zero."""
    warm = min(1.0, (iteration + 1) / schedule.warmup) if schedule.warmup else 1.0
    if schedule.schedule == "cosine":
        return warm * schedule.learning_rate * (1 + math.cos(math.pi * iteration / schedule.iterations)) / 2
    return warm * schedule.learning_rate * schedule.step_factor ** (iteration // schedule.step_every)


def train(
    network: nn.Module, batches: Batches, schedule: Schedule, stage: Stage, hardware: Hardware, log: Log | None = None
) -> list[dict[str, float]]:
    """Train a network in place by stochastic gradient descent with momentum, from its checkpoint where it has one.

    A run that was ended, even by SIGKILL, goes on from the checkpoint and on a CPU comes to the same weights to the
    last bit. SIGTERM writes a checkpoint at once and ends the program.

    Among W processes of torchrun the r-th takes the micro-batches r, r + W, … of each batch; they come to the weights
    of one process with the same micro-batches, up to rounding. The first one writes and reports.

    Returns:
        The history: a dictionary of :data:`affekt.training.throughput.COLUMNS` for every report.

    Raises:
        AffektError: the loss or the gradient is no longer a number, or the processes cannot share the micro-batches.
        DataError: the checkpoint is damaged.
    """
    world = World.here()
    hardware = hardware.that_trains(network)
    start = weights_digest(network)
    hardware.place(network)
    wanted = fitting(network, batches, schedule.batch_size, schedule.micro_batch, hardware, world.size)
    micro = world.micro_batch(schedule.batch_size, wanted)
    meter = Meter(hardware, world)
    one = Iteration(network, batches, schedule, stage, hardware, world, micro, meter)
    identity = f"{stage.name}; {stage.seed}; {schedule}; {micro}; {batches.identity}; {hardware.kind}; {start}"
    checkpoint = stage.checkpoints.uri(stage.name, identity, lasting=stage.lasting)
    first, history = resume(checkpoint, stage.name, network, one.optimiser, one.average) if world.first else (0, [])
    first = world.from_first(network, one.optimiser, first)
    one.begin()
    kept = _Kept(checkpoint, one, identity, history, first)
    iterations: Iteration | RecordedIteration = RecordedIteration(one) if hardware.records and world.size == 1 else one
    note, cuda = "", hardware.device.type == "cuda"

    with (
        Progress(stage.name, schedule.iterations, "iteration") as progress,
        stop_signal() as stop,
        hardware.training(),
        upcoming(batches, first, schedule.iterations, hardware, world.items(schedule.batch_size, micro)) as coming,
    ):
        progress.advance(first)
        for iteration in range(first, schedule.iterations):
            stopping, timely = world.any(stop.is_set(), world.first and kept.due())
            rate = learning_rate(schedule, iteration)
            if stopping or not iterations.run(iteration, meter.waited(coming), rate, stop):
                kept.save(iteration)
                raise SystemExit(128 + signal.SIGTERM)
            done = iteration + 1
            due = done == schedule.iterations or timely
            if due or (done % REPORT_EVERY == 0 and (not cuda or meter.seconds >= REPORT_SECONDS)):
                row = meter.report(done, rate, one.gradient_norm())
                _require_numbers(row, schedule, stage, kept)
                history.append([row[name] for name in COLUMNS])
                note = summary(row)
                if log and world.first:
                    log({f"{stage.key}.{name}": row[name] for name in COLUMNS[1:]}, done)
            if due:
                kept.save(done)
            progress.advance(1, note)
        if world.any(stop.is_set())[0]:
            raise SystemExit(128 + signal.SIGTERM)
    one.average.put()
    return [dict(zip(COLUMNS, row, strict=True)) for row in history]


class _Kept:
    """The checkpoints of a stage: when one is due, and up to which iteration the last one leads."""

    def __init__(self, uri: str, one: Iteration, identity: str, history: list[list[float]], first: int) -> None:
        self.uri, self.iteration = uri, first
        self._one, self._identity, self._history = one, identity, history
        self._at, self._wait = time.monotonic(), CHECKPOINT_EVERY

    def due(self) -> bool:
        """Whether the last one is old enough."""
        return time.monotonic() - self._at >= self._wait

    def save(self, iteration: int) -> None:
        """Write one, if this process is the one that writes."""
        started, one = time.monotonic(), self._one
        if one.world.first and save_checkpoint(
            self.uri, one.network, one.optimiser, self._identity, iteration, self._history, one.average.values
        ):
            self.iteration = iteration
        self._at = time.monotonic()
        self._wait = max(CHECKPOINT_EVERY, min(10 * CHECKPOINT_EVERY, 20 * (self._at - started)))


def _require_numbers(row: dict[str, float], schedule: Schedule, stage: Stage, kept: _Kept) -> None:
    """Raise an AffektError where the loss or the gradient is no longer a number."""
    if math.isfinite(row["loss"] + row["gradient_norm"]):
        return
    good = f"the last good checkpoint, {kept.uri}, is of iteration {kept.iteration}; " if kept.iteration else ""
    raise AffektError(
        f"the loss is {row['loss']} and the gradient's norm {row['gradient_norm']} by iteration "
        f"{row['step']:.0f}; {good}choose a lower learning rate than {schedule.learning_rate} or a longer warm-up",
        code="diverged",
        where=stage.name,
    )
