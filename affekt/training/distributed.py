"""The processes that share one training under torchrun: who they are, and what they do together."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from affekt.training import even_shares

T = TypeVar("T")
#: How long a process waits for the others. Between two stages one may read data that the others have in memory.
PATIENCE = timedelta(hours=6)


@dataclass(frozen=True)
class World:
    """This process among those of the training; without torchrun it is the only one.

    Attributes:
        rank: number of this process; the first, 0, writes all files and reports.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def here(cls) -> World:
        """By the process group that :func:`joined` opened, if one is open."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()

    @property
    def first(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def micro_batch(self, batch_size: int, wanted: int | None) -> int:
        """Items of a micro-batch: as wanted, else the batch in as many parts as there are processes.

        Raises:
            AffektError: the processes cannot share the micro-batches evenly.
        """
        return even_shares.micro_batch(self.size, batch_size, wanted)

    def items(self, batch_size: int, micro: int) -> list[int] | None:
        """The items of a batch that this process learns from, its micro-batches in order; None for all."""
        if self.size == 1:
            return None
        starts = range(self.rank * micro, batch_size, self.size * micro)
        return [item for start in starts for item in range(start, min(start + micro, batch_size))]

    def any(self, *flags: bool) -> list[bool]:
        """Of each flag, whether any process has it set; they all learn the same."""
        if self.size == 1:
            return list(flags)
        states = torch.tensor(flags, dtype=torch.int32)
        dist.all_reduce(states, dist.ReduceOp.MAX)
        return [bool(state) for state in states]

    def sums(self, *values: float) -> list[float]:
        """The sums of the values over the processes."""
        if self.size == 1:
            return list(values)
        totals = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(totals)
        return [float(total) for total in totals]

    def gathered(self, value: T) -> list[T]:
        """The values of all processes, by rank."""
        if self.size == 1:
            return [value]
        values: list[T | None] = [None] * self.size
        dist.all_gather_object(values, value)
        return values  # type: ignore[return-value]

    def replicated(self, network: nn.Module) -> nn.Module:
        """The network with its gradients averaged over the processes in each backward pass."""
        if self.size == 1:
            return network
        # The statistics of batch normalisation are kept equal by SharedStatistics.
        return DistributedDataParallel(network, forward_sync_buffers=False)

    def from_first(self, network: nn.Module, optimiser: torch.optim.Optimizer, iteration: int) -> int:
        """Give all processes the first one's weights, buffers and momentum; its iteration."""
        if self.size == 1:
            return iteration
        number = torch.tensor(iteration)
        dist.broadcast(number, 0)
        states = list(network.state_dict().values())
        if int(number):
            for parameter in network.parameters():
                state = optimiser.state[parameter]
                if state.get("momentum_buffer") is None:
                    state["momentum_buffer"] = torch.zeros_like(parameter)
                states.append(state["momentum_buffer"])
        for tensor in states:
            contiguous = tensor.detach().contiguous()  # the channels of convolutions are last in memory
            dist.broadcast(contiguous, 0)
            tensor.detach().copy_(contiguous)
        return int(number)


@contextlib.contextmanager
def joined(device: str) -> Iterator[World]:
    """Join the processes that torchrun started with this one, for the length of a ``with`` block.

    They talk by NCCL where each has a CUDA device, and by Gloo on CPUs.

    Args:
        device: the setting ``device``.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield World()
        return
    cuda = device != "cpu" and torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=PATIENCE)
    yield World.here()
    dist.destroy_process_group()  # not after an error: it would wait for processes that may never come


class SharedStatistics:
    """Running statistics of batch normalisation as one process would have them that saw all micro-batches in order.

    A running mean or variance is a moving average: r becomes (1 - m) r + m s for the statistic s of a micro-batch.
    Started from zero it becomes m s, so each process collects these, and all apply those of all in order.
    """

    def __init__(self, network: nn.Module, world: World) -> None:
        self._world = world
        shared = network.modules() if world.size > 1 else ()
        self._norms = [module for module in shared if isinstance(module, _BatchNorm)]
        self._buffers: list[Tensor] = []
        for norm in self._norms:
            assert norm.running_mean is not None and norm.running_var is not None
            self._buffers += [norm.running_mean, norm.running_var]
        self._seen: list[Tensor] = []

    def begin(self) -> None:
        """Before the first micro-batch of an iteration."""
        if self._norms:
            self._before = self._taken()

    def add(self) -> None:
        """After the backward pass of a micro-batch, which still looks at the statistics."""
        if self._norms:
            self._seen.append(self._taken())

    def settle(self) -> None:
        """After the last micro-batch of an iteration: all processes get the same running statistics."""
        if not self._norms:
            return
        mine = torch.stack(self._seen)
        everyone = [torch.empty_like(mine) for _ in range(self._world.size)]
        dist.all_gather(everyone, mine)
        decay = torch.cat([torch.full_like(b, 1 - m) for b, m in zip(self._buffers, self._momenta(), strict=True)])
        running = self._before
        for number in range(len(mine)):
            for part in everyone:
                running = decay * running + part[number]
        for buffer, values in zip(self._buffers, running.split([len(b) for b in self._buffers]), strict=True):
            buffer.copy_(values)
        for norm in self._norms:
            assert norm.num_batches_tracked is not None
            norm.num_batches_tracked += len(mine) * (self._world.size - 1)
        self._seen = []

    def _momenta(self) -> list[float]:
        return [norm.momentum or 0.0 for norm in self._norms for _ in range(2)]

    def _taken(self) -> Tensor:
        """The running statistics in one row; they are zero afterwards."""
        values = torch.cat(self._buffers)
        for buffer in self._buffers:
            buffer.zero_()
        return values
