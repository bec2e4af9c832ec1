"""The one training loop, for VGG, C3D and Bi-LSTM alike."""

from __future__ import annotations

import collections
import contextlib
import math
import signal
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from affekt import machine
from affekt.errors import AffektError
from affekt.models.hardware import Hardware
from affekt.progress import Progress
from affekt.training.batches import Batch, Batches
from affekt.training.checkpoints import Stage, restore_buffers, resume, save_checkpoint, stop_signal, weights_digest
from affekt.training.distributed import SharedStatistics, World
from affekt.training.given import Log
from affekt.training.throughput import COLUMNS, Meter, summary

#: Iterations from one report to the next.
REPORT_EVERY = 20
#: Seconds from one checkpoint to the next; where writing one takes long (S3), up to ten times as many, so that it
#: takes a twentieth of the time.
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
    @property
    def class_weights(self) -> bool: ...


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
    micro = world.micro_batch(schedule.batch_size, schedule.micro_batch)
    start = weights_digest(network)
    hardware.place(network)
    optimiser = _optimiser(network, schedule)
    identity = f"{stage.name}; {stage.seed}; {schedule}; {micro}; {batches.identity}; {hardware.kind}; {start}"
    checkpoint = stage.checkpoints.uri(stage.name, identity, lasting=stage.lasting)
    first, history = resume(checkpoint, stage.name, network, optimiser) if world.first else (0, [])
    first = world.from_first(network, optimiser, first)
    saved, saved_at, wait = first, time.monotonic(), CHECKPOINT_EVERY
    meter = Meter(hardware, world)
    note = ""
    network.train()
    replica, norms = world.replicated(network), SharedStatistics(network, world)
    forward = hardware.compiled(replica)
    class_weights = _class_weights(batches, hardware) if schedule.class_weights else None

    def save(iteration: int) -> None:
        nonlocal saved, saved_at, wait
        started = time.monotonic()
        if world.first and save_checkpoint(checkpoint, network, optimiser, identity, iteration, history):
            saved = iteration
        saved_at = time.monotonic()
        wait = max(CHECKPOINT_EVERY, min(10 * CHECKPOINT_EVERY, 20 * (saved_at - started)))

    with (
        Progress(stage.name, schedule.iterations, "iteration") as progress,
        stop_signal() as stop,
        torch.random.fork_rng([hardware.device] if hardware.device.type == "cuda" else []),
        _ahead(batches, first, schedule.iterations, hardware, world.items(schedule.batch_size, micro)) as upcoming,
    ):
        progress.advance(first)
        for iteration in range(first, schedule.iterations):
            stopping, timely = world.any(stop.is_set(), world.first and time.monotonic() - saved_at >= wait)
            if stopping:
                save(iteration)
                raise SystemExit(128 + signal.SIGTERM)
            rate = learning_rate(schedule, iteration)
            for group in optimiser.param_groups:
                group["lr"] = rate
            batch = meter.waited(upcoming)
            statistics = [buffer.clone() for buffer in network.buffers()] if micro < len(batch) else None
            optimiser.zero_grad()
            norms.begin()
            for number, start_at in enumerate(range(0, len(batch), micro)):
                if stop.is_set() and world.size == 1:  # several processes agree on it once an iteration
                    if statistics:
                        restore_buffers(network, statistics)
                    save(iteration)
                    raise SystemExit(128 + signal.SIGTERM)
                # Dropout draws the same numbers for a micro-batch, whichever process has it and from wherever it came.
                place = number * world.size + world.rank
                torch.manual_seed(zlib.crc32(f"{stage.key} {stage.seed} {iteration} {place}".encode()))
                part = batch.part(start_at, micro)
                inputs = batches.finish(part, hardware.device)
                targets = part.targets.to(hardware.device, non_blocking=True)
                last = start_at + micro >= len(batch)
                with contextlib.nullcontext() if last else _alone(replica):
                    with hardware.autocast():
                        logits = forward(inputs).float()
                        loss = F.cross_entropy(
                            logits,
                            targets,
                            weight=None if class_weights is None else class_weights[: logits.shape[1]],
                            label_smoothing=schedule.label_smoothing,
                            reduction="sum",
                        )
                    # The mean over the batch: this process has its W-th part, and the gradients of W are averaged.
                    (loss * (world.size / schedule.batch_size)).backward()
                norms.add()
                meter.add(network, inputs, loss, logits, targets)
            norm = nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])
            optimiser.step()
            norms.settle()

            done = iteration + 1
            due = done == schedule.iterations or timely
            if due or done % REPORT_EVERY == 0:
                row = meter.report(done, rate, norm)
                if not math.isfinite(row["loss"] + row["gradient_norm"]):
                    good = f"the last good checkpoint, {checkpoint}, is of iteration {saved}; " if saved else ""
                    raise AffektError(
                        f"the loss is {row['loss']} and the gradient's norm {row['gradient_norm']} by iteration "
                        f"{done}; {good}choose a lower learning rate than {schedule.learning_rate} or a longer warm-up",
                        code="diverged",
                        where=stage.name,
                    )
                history.append([row[name] for name in COLUMNS])
                note = summary(row)
                if log and world.first:
                    log({f"{stage.key}.{name}": row[name] for name in COLUMNS[1:]}, done)
            if due:
                save(done)
            progress.advance(1, note)
        if world.any(stop.is_set())[0]:
            raise SystemExit(128 + signal.SIGTERM)
    return [dict(zip(COLUMNS, row, strict=True)) for row in history]


def _optimiser(network: nn.Module, schedule: Schedule) -> torch.optim.SGD:
    """Weight decay is for weights; biases and the gains of normalisation keep their size."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": schedule.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=schedule.learning_rate, momentum=schedule.momentum)


def _class_weights(batches: Batches, hardware: Hardware) -> torch.Tensor:
    """The inverse of how often each label is drawn; one on average over what is drawn, zero for what never is."""
    shares = torch.as_tensor(batches.label_shares, dtype=torch.float32)
    drawn = shares > 0
    return torch.where(drawn, 1 / (drawn.sum() * shares.clamp_min(1e-12)), 0.0).to(hardware.device)


def _alone(replica: nn.Module) -> contextlib.AbstractContextManager[None]:
    """Gradients of the passes in this block are summed up here, and exchanged with the last of the iteration."""
    return replica.no_sync() if isinstance(replica, DistributedDataParallel) else contextlib.nullcontext()


@contextlib.contextmanager
def _ahead(
    batches: Batches, first: int, end: int, hardware: Hardware, items: Sequence[int] | None
) -> Iterator[Iterator[Batch]]:
    """The batches of the iterations in order, or their given items, loaded by other threads a few iterations ahead."""
    cuda = hardware.device.type == "cuda"
    threads = min(4, machine.whole_cores()) if cuda else 1

    def load(iteration: int) -> Batch:
        batch = batches.load(iteration) if items is None else batches.load(iteration, items)
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
