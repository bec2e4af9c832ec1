"""What a training reports: loss, accuracy, speed, the share of time spent waiting for data, and FLOPs utilisation."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from affekt.models.hardware import Hardware
from affekt.training.batches import Batch
from affekt.training.distributed import World

#: Columns of a training history. ``data_wait`` is a share of the time; ``mfu`` (model FLOPs utilisation) a share of
#: the device's peak rate, the published one of a known accelerator or the one that a matrix product reaches here.
COLUMNS = ("step", "loss", "accuracy", "learning_rate", "gradient_norm", "items_per_second", "data_wait", "mfu")


class Meter:
    """Sums of what happened since the last report; they stay on the device, so that it is not waited for.

    A report is of all processes of the training, but for the time that this one waited.
    """

    def __init__(self, hardware: Hardware, world: World) -> None:
        self._hardware = hardware
        self._world = world
        #: Floating-point operations of an item, forward and backward.
        self.flops = 0.0
        self._peak = 0.0
        self._loss = torch.zeros((), device=hardware.device)
        self._right = torch.zeros((), device=hardware.device, dtype=torch.int64)
        self._reset()

    def _reset(self) -> None:
        self._loss.zero_()
        self._right.zero_()
        self._items = 0
        self._wait = 0.0
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since the last report."""
        return time.perf_counter() - self._started

    def waited(self, upcoming: Iterator[Batch]) -> Batch:
        """The next batch; the time until it is there counts as waiting for data."""
        started = time.perf_counter()
        batch = next(upcoming)
        self._wait += time.perf_counter() - started
        self._items += len(batch)
        return batch

    def add(self, loss: Tensor, logits: Tensor, targets: Tensor) -> None:
        """Count a micro-batch with the sum of its losses."""
        self._loss += loss.detach()
        self._right += (logits.detach().argmax(1) == targets).sum()

    def report(self, step: int, rate: float, norm: Tensor) -> dict[str, float]:
        """The figures since the last report, by :data:`COLUMNS`."""
        # Reading a value waits for the device.
        loss, right, items = self._world.sums(float(self._loss), float(self._right), self._items)
        loss, accuracy = loss / items, right / items
        passed = time.perf_counter() - self._started
        speed = items / passed
        rate_of_one = speed * self.flops / self._world.size
        # A peak that was measured while the machine was busy is too low; what was reached is possible.
        self._peak = max(self._peak, self._hardware.peak, rate_of_one)
        mfu = rate_of_one / self._peak
        values = (float(step), loss, accuracy, rate, float(norm), speed, self._wait / passed, mfu)
        self._reset()
        return dict(zip(COLUMNS, values, strict=True))


def forward_flops(network: nn.Module, item: Tensor) -> float:
    """Floating-point operations of a forward pass, counted without doing one (two for a multiply-accumulate)."""
    state = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    shapes = {name: torch.empty_like(tensor, device="meta") for name, tensor in state.items()}
    training = network.training
    network.eval()
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            functional_call(network, shapes, (torch.empty_like(item, device="meta"),))
    finally:
        network.train(training)
    return float(counter.get_total_flops())


def summary(row: Mapping[str, float]) -> str:
    """A row of a history in a few words."""
    return (
        f"loss {row['loss']:.3f}, {row['items_per_second']:.0f} items/s, "
        f"{row['data_wait']:.0%} waiting for data, MFU {row['mfu']:.0%}"
    )
