"""One iteration of training: micro-batches forward and backward, then the optimiser; on CUDA recorded once."""

from __future__ import annotations

import contextlib
import logging
import threading
import zlib
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from affekt.models.hardware import Hardware
from affekt.training.averaging import Average
from affekt.training.batches import Batch, Batches
from affekt.training.checkpoints import Stage, restore_buffers
from affekt.training.distributed import SharedStatistics, World
from affekt.training.possible import Masked, loss_of, shown
from affekt.training.throughput import Meter, forward_flops

logger = logging.getLogger(__name__)
#: Iterations before one is recorded: memory is allocated, and kernels are chosen and compiled in them.
_UNRECORDED = 3


class LossSettings(Protocol):
    """What an iteration has to know of a network's settings."""

    @property
    def batch_size(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def momentum(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def iterations(self) -> int: ...
    @property
    def label_smoothing(self) -> float: ...
    @property
    def class_weights(self) -> bool: ...
    @property
    def averaging(self) -> float: ...


class Iteration:
    """What happens to a network between two steps of its optimiser, and the step.

    Args:
        network: on its device.
        micro: items of a micro-batch.
        meter: counts losses and right answers.
    """

    def __init__(
        self,
        network: nn.Module,
        batches: Batches,
        schedule: LossSettings,
        stage: Stage,
        hardware: Hardware,
        world: World,
        micro: int,
        meter: Meter,
    ) -> None:
        self.network, self.batches, self.schedule = network, batches, schedule
        self.stage, self.hardware, self.world, self.micro, self.meter = stage, hardware, world, micro, meter
        #: The learning rate where the optimiser reads it from the device, so that a recorded step follows it.
        self.rate = torch.zeros((), device=hardware.device) if hardware.device.type == "cuda" else None
        self.optimiser = _optimiser(network, schedule, self.rate)
        self.average = Average(network, schedule.averaging)
        self._masked = Masked(batches.possible, hardware.device)
        self._class_weights = _class_weights(batches, hardware) if schedule.class_weights else None

    def begin(self) -> None:
        """After the weights to start from are there: replicas, and what is compiled of them."""
        self.network.train()
        self.average.begin()
        if self.rate is not None:  # a checkpoint brings a learning rate of its own
            for group in self.optimiser.param_groups:
                group["lr"] = self.rate
        self._replica, self._norms = self.world.replicated(self.network), SharedStatistics(self.network, self.world)
        self._forward: Callable[[Tensor], Tensor] | None = None

    def seed(self, iteration: int, number: int) -> None:
        """Dropout draws the same numbers for a micro-batch, whichever process has it and from wherever it came."""
        place = number * self.world.size + self.world.rank
        torch.manual_seed(zlib.crc32(f"{self.stage.key} {self.stage.seed} {iteration} {place}".encode()))

    def run(self, iteration: int, batch: Batch, rate: float, stop: threading.Event) -> bool:
        """Learn from a batch; False where ``stop`` was set in the middle of it, and nothing has changed."""
        self.set_rate(rate)
        statistics = [buffer.clone() for buffer in self.network.buffers()] if self.micro < len(batch) else None

        def before(number: int) -> bool:
            if stop.is_set() and self.world.size == 1:  # several processes agree on it once an iteration
                if statistics:
                    restore_buffers(self.network, statistics)
                return False
            self.seed(iteration, number)
            return True

        return self.learn(batch, before)

    def set_rate(self, rate: float) -> None:
        """The learning rate of the next step."""
        if self.rate is not None:
            self.rate.fill_(rate)
            return
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    def learn(self, batch: Batch, before: Callable[[int], bool]) -> bool:
        """The passes and the step; ``before`` is asked before each micro-batch whether to go on."""
        self.optimiser.zero_grad()
        self._norms.begin()
        for number, first in enumerate(range(0, len(batch), self.micro)):
            if not before(number):
                return False
            part = batch.part(first, self.micro)
            inputs = self.batches.finish(part, self.hardware.device)
            targets, possible = self._masked.apart(part.targets.to(self.hardware.device, non_blocking=True))
            if part.shares is not None:
                shares = part.shares.to(self.hardware.device, non_blocking=True)
                inputs = _blended(inputs, shares)
            if self._forward is None:
                flops = 3 * forward_flops(self.network, inputs[:1])  # the backward pass costs two forward passes
                self.meter.flops = flops
                self._forward = self.hardware.compiled(
                    self._replica, flops * self.schedule.batch_size * self.schedule.iterations
                )
            last = first + self.micro >= len(batch)
            with contextlib.nullcontext() if last else _alone(self._replica):
                with self.hardware.autocast():
                    logits = self._forward(inputs).float()
                    loss = self._loss(logits, targets, possible, None if part.shares is None else shares)
                # The mean over the batch: this process has its W-th part, and the gradients of W are averaged.
                (loss * (self.world.size / self.schedule.batch_size)).backward()
            self._norms.add()
            self.meter.add(loss, shown(logits, possible), targets)
        self.optimiser.step()
        self._norms.settle()
        self.average.update()
        return True

    def gradient_norm(self) -> Tensor:
        """The norm of the gradient of the last step."""
        return nn.utils.get_total_norm([p.grad for p in self.network.parameters() if p.grad is not None])

    def _loss(self, logits: Tensor, targets: Tensor, possible: Tensor | None, shares: Tensor | None) -> Tensor:
        """The sum of the losses of a micro-batch; of a blended item, of both labels by their shares."""
        weight = None if self._class_weights is None else self._class_weights[: logits.shape[1]]
        smoothing = self.schedule.label_smoothing
        if shares is None and possible is None:  # summed by the kernel itself, bit by bit as ever
            return F.cross_entropy(logits, targets, weight=weight, label_smoothing=smoothing, reduction="sum")
        own = loss_of(logits, targets, possible, weight, smoothing)
        if shares is None:
            return own.sum()
        before = None if possible is None else possible.roll(1, 0)
        other = loss_of(logits, targets.roll(1), before, weight, smoothing)
        return (shares * own + (1 - shares) * other).sum()


class RecordedIteration:
    """The iterations of one process on CUDA: after the first few, one is recorded, and played for each batch.

    A small network's iteration takes longer to be asked for, kernel by kernel, than to be computed. Played, it is asked
    for at once. What differs from batch to batch lies in memory that the recording reads: pixels, crops, labels, the
    learning rate, and the state of the random numbers.
    """

    def __init__(self, iteration: Iteration) -> None:
        self._iteration = iteration
        self._held: Batch | None = None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._done = 0
        self._records = True

    def run(self, iteration: int, batch: Batch, rate: float, stop: threading.Event) -> bool:
        """As :meth:`Iteration.run`, but an iteration is never left in the middle."""
        one = self._iteration
        one.set_rate(rate)
        if self._held is None:
            self._held = batch.cloned()
        else:
            self._held.fill(batch)
        one.seed(iteration, 0)
        self._done += 1
        if self._graph is None and self._records and self._done > _UNRECORDED:
            self._record()
            one.seed(iteration, 0)
        if self._graph is not None:
            self._graph.replay()
            return True
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            one.learn(self._held, lambda number: True)
        torch.cuda.current_stream().wait_stream(stream)
        return True

    def _record(self) -> None:
        assert self._held is not None
        held = self._held
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        try:
            # By threads: others pin memory for the next batches meanwhile, which must not end the recording.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self._iteration.learn(held, lambda number: True)
        except RuntimeError as error:
            self._records = False
            torch.cuda.synchronize()
            index = torch.cuda.current_device()  # the recording has left the random numbers in the middle
            torch.cuda.default_generators[index].graphsafe_set_state(torch.Generator(f"cuda:{index}"))
            logger.warning("an iteration cannot be recorded on this device, the training is slower: %s", error)
        else:
            self._graph = graph


def _optimiser(network: nn.Module, schedule: LossSettings, rate: Tensor | None) -> torch.optim.SGD:
    """Weight decay is for weights; biases and the gains of normalisation keep their size."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": schedule.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if rate is None:
        return torch.optim.SGD(groups, lr=schedule.learning_rate, momentum=schedule.momentum)
    return torch.optim.SGD(groups, lr=rate, momentum=schedule.momentum, fused=True)


def _class_weights(batches: Batches, hardware: Hardware) -> Tensor:
    """The inverse of how often each label is drawn; one on average over what is drawn, zero for what never is."""
    shares = torch.as_tensor(batches.label_shares, dtype=torch.float32)
    drawn = shares > 0
    return torch.where(drawn, 1 / (drawn.sum() * shares.clamp_min(1e-12)), 0.0).to(hardware.device)


def _blended(inputs: Tensor, shares: Tensor) -> Tensor:
    """Each item with the one before it, by its share (mixup: Zhang et al. 2018, equation 1)."""
    share = shares.reshape(-1, *[1] * (inputs.ndim - 1)).to(inputs.dtype)
    return share * inputs + (1 - share) * inputs.roll(1, 0)


def _alone(replica: nn.Module) -> contextlib.AbstractContextManager[None]:
    """Gradients of the passes in this block are summed up here, and exchanged with the last of the iteration."""
    return replica.no_sync() if isinstance(replica, DistributedDataParallel) else contextlib.nullcontext()
