"""The one training loop, for VGG, C3D and Bi-LSTM alike."""

from __future__ import annotations

import collections
import contextlib
import math
import os
import signal
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional as F

from affekt.errors import AffektError
from affekt.progress import Progress
from affekt.visual.checkpoints import Stage, restore_buffers, resume, save_checkpoint, stop_signal
from affekt.visual.hardware import Hardware
from affekt.visual.metering import COLUMNS, Meter
from affekt.visual.sampling import Batch, Batches

#: Receives metrics and the iteration they belong to.
Log = Callable[[Mapping[str, float], int], None]
#: Iterations from one report to the next.
REPORT_EVERY = 20
#: Seconds from one checkpoint to the next.
CHECKPOINT_EVERY = 60.0


class Schedule(Protocol):
    """The settings that VGG, C3D and Bi-LSTM have in common; each of their groups in ``affekt.settings`` is one."""

    @property
    def batch_size(self) -> int: ...
    @property
    def micro_batch(self) -> int | None: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def momentum(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def schedule(self) -> str: ...
    @property
    def warmup(self) -> int: ...
    @property
    def step_every(self) -> int: ...
    @property
    def step_factor(self) -> float: ...
    @property
    def iterations(self) -> int: ...
    @property
    def label_smoothing(self) -> float: ...


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

    Returns:
        The history: a dictionary of :data:`affekt.visual.metering.COLUMNS` for every report.

    Raises:
        AffektError: the loss or the gradient is no longer a number.
        DataError: the checkpoint is damaged.
    """
    hardware.place(network)
    # Weight decay is for weights; biases and the gains of normalisation keep their size.
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": schedule.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.SGD(groups, lr=schedule.learning_rate, momentum=schedule.momentum)
    identity = f"{stage.key}; {stage.seed}; {schedule}; {batches.identity}; {hardware.dtype}"
    first, history = resume(stage, network, optimiser, identity)
    saved, saved_at = first, time.monotonic()
    micro = schedule.micro_batch or schedule.batch_size
    meter = Meter(hardware)
    note = ""
    network.train()
    with (
        Progress(stage.name, schedule.iterations, "iteration") as progress,
        stop_signal() as stop,
        torch.random.fork_rng([hardware.device] if hardware.device.type == "cuda" else []),
        _ahead(batches, first, schedule.iterations, hardware) as upcoming,
    ):
        progress.advance(first)
        for iteration in range(first, schedule.iterations):
            # Dropout draws the same numbers in this iteration whether or not the run was resumed before it.
            torch.manual_seed(zlib.crc32(f"{stage.key} {stage.seed} {iteration}".encode()))
            rate = learning_rate(schedule, iteration)
            for group in optimiser.param_groups:
                group["lr"] = rate
            batch = meter.waited(upcoming)
            statistics = [buffer.clone() for buffer in network.buffers()] if micro < len(batch) else None
            optimiser.zero_grad()
            for start in range(0, len(batch), micro):
                if stop.is_set():
                    if statistics:
                        restore_buffers(network, statistics)
                    save_checkpoint(stage, network, optimiser, identity, iteration, history)
                    raise SystemExit(128 + signal.SIGTERM)
                part = batch.part(start, micro)
                inputs = batches.finish(part, hardware.device)
                targets = part.targets.to(hardware.device, non_blocking=True)
                with hardware.autocast():
                    logits = network(inputs).float()
                    loss = F.cross_entropy(logits, targets, label_smoothing=schedule.label_smoothing, reduction="sum")
                (loss / len(batch)).backward()
                meter.add(network, inputs, loss, logits, targets)
            norm = nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])
            optimiser.step()

            done = iteration + 1
            due = done == schedule.iterations or time.monotonic() - saved_at >= CHECKPOINT_EVERY
            if due or done % REPORT_EVERY == 0:
                row = meter.report(done, rate, norm)
                if not math.isfinite(row["loss"] + row["gradient_norm"]):
                    raise AffektError(
                        f"the loss is {row['loss']} and the gradient's norm {row['gradient_norm']} by iteration "
                        f"{done}; "
                        + (f"the last good checkpoint, {stage.checkpoint}, is of iteration {saved}; " if saved else "")
                        + f"choose a lower learning rate than {schedule.learning_rate} or a longer warm-up",
                        code="diverged",
                        where=stage.name,
                    )
                history.append([row[name] for name in COLUMNS])
                note = f"loss {row['loss']:.3f}, {row['items_per_second']:.0f} items/s"
                if log:
                    log({f"{stage.key}.{name}": row[name] for name in COLUMNS[1:]}, done)
            if due:
                save_checkpoint(stage, network, optimiser, identity, done, history)
                saved, saved_at = done, time.monotonic()
            progress.advance(1, note)
    return [dict(zip(COLUMNS, row, strict=True)) for row in history]


@contextlib.contextmanager
def _ahead(batches: Batches, first: int, end: int, hardware: Hardware) -> Iterator[Iterator[Batch]]:
    """The batches of the iterations in order, loaded by other threads a few iterations ahead."""
    cuda = hardware.device.type == "cuda"
    threads = min(4, os.cpu_count() or 1) if cuda else 1

    def load(iteration: int) -> Batch:
        batch = batches.load(iteration)
        return batch.pinned() if cuda else batch

    def in_order() -> Iterator[Batch]:
        queue: collections.deque[Future[Batch]] = collections.deque()
        for iteration in range(first, end):
            queue.append(pool.submit(load, iteration))
            if len(queue) > threads:
                yield queue.popleft().result()
        while queue:
            yield queue.popleft().result()

    pool = ThreadPoolExecutor(threads, thread_name_prefix="batches")
    try:
        yield in_order()
    finally:
        pool.shutdown(cancel_futures=True)
