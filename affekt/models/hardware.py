"""Where networks run: the device, the precision it is good at, and the rate it could reach."""

from __future__ import annotations

import contextlib
import functools
import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from affekt.errors import AffektError
from affekt.models import gradients, number_format
from affekt.models.convolution3d import Convolution3d

logger = logging.getLogger(__name__)
#: Seconds of a stage from which on compiling, which takes about thirty, pays, and the share of the peak rate by which
#: they are estimated.
_COMPILES_FROM, _UTILISATION = 120.0, 0.15
#: Published dense bfloat16 rates, floating-point operations a second, by a part of the device's name.
_PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12, "A10": 125e12}


@dataclass(frozen=True)
class Hardware:
    """A device and the number format of the multiplications on it (weights are float32 on each).

    ``compiles`` says whether networks are trained as ``torch.compile`` makes them; None: where it pays.
    """

    device: torch.device
    dtype: torch.dtype
    compiles: bool | None = False

    @classmethod
    def choose(cls, device: str = "auto", precision: str = "auto", compiles: bool | None = False) -> Hardware:
        """The device and precision for the settings ``device``, ``precision`` and ``compile``.

        ``auto`` takes an accelerator where there is one, and bfloat16 where it is quicker: on CUDA from compute
        capability 8 on, and on a CPU of which it was measured (:mod:`affekt.models.number_format`).

        Raises:
            AffektError: CUDA is asked for and not there.
        """
        if device == "cuda" and not torch.cuda.is_available():
            raise AffektError("device=cuda, but no CUDA device can be used; choose auto or cpu", code="no_device")
        place = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
        if precision in ("auto", "float"):
            precision = "bfloat16" if _has_bfloat16(place) else "float32"
        return cls(place, torch.bfloat16 if precision == "bfloat16" else torch.float32, compiles)

    def that_trains(self, network: nn.Module) -> Hardware:
        """This one; or float32 on a CPU that gets gradients of the network wrong (:mod:`affekt.models.gradients`).

        A :class:`~affekt.models.convolution3d.Convolution3d`, as those of C3D are, has right ones on any.
        """
        if self.device.type != "cpu" or self.dtype == torch.float32:
            return self
        in_three = [module for module in network.modules() if isinstance(module, nn.Conv3d)]
        if all(isinstance(module, Convolution3d) for module in in_three) or gradients.hold_in_bfloat16():
            return self
        logger.info("3-D convolutions are trained in float32: their gradients are wrong in bfloat16 on this processor")
        return replace(self, dtype=torch.float32)

    @property
    def kind(self) -> str:
        """What of it decides the last bits of a result."""
        return f"{self.dtype}{', compiled' if self.compiles else ''}"

    def compiled(self, network: nn.Module, flops: float = 0.0) -> Callable[..., Any]:
        """The network's forward pass, compiled where that is asked for or pays. On two CPU cores it is no faster.

        Args:
            flops: floating-point operations of the whole stage, by which its length is known before.
        """
        if not self._compiles(flops):
            return network
        torch.compiler.reset()  # of one code object only a few networks are compiled, and each fold has its own
        return torch.compile(network)

    def _compiles(self, flops: float) -> bool:
        if self.compiles is not None:
            return self.compiles
        if self.device.type != "cuda" or flops < _COMPILES_FROM * _UTILISATION * self.peak:
            return False
        if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
            logger.warning("a C compiler is not installed, so the network is not compiled, and trains more slowly")
            return False
        logger.info("the network is compiled first, which takes about half a minute")
        return True

    @property
    def records(self) -> bool:
        """Whether an iteration can be recorded once and played again."""
        return self.device.type == "cuda"

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        """What a training changes for the process: the state of random numbers, and how convolutions are chosen.

        All inputs of a training have one shape, so cuDNN may try its kernels once and take the fastest. The threads
        that load batches give way to the one that asks for kernels after a tenth of a millisecond instead of five.
        """
        cuda = self.device.type == "cuda"
        before, interval = torch.backends.cudnn.benchmark, sys.getswitchinterval()
        with torch.random.fork_rng([self.device] if cuda else []):
            if cuda:
                torch.backends.cudnn.benchmark = True
                sys.setswitchinterval(1e-4)
            try:
                yield
            finally:
                torch.backends.cudnn.benchmark = before
                sys.setswitchinterval(interval)

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """The context in which forward passes run."""
        if self.dtype == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    def place(self, network: nn.Module) -> None:
        """Move a network to the device, its convolutions with the channels last in memory: 1.1 to 1.5 times faster."""
        network.to(self.device)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
            elif isinstance(module, nn.Conv3d):
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)

    @property
    def peak(self) -> float:
        """Floating-point operations a second: the published rate of a known accelerator, else a measured one."""
        return _peak(self.device.type, self.dtype)


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    return number_format.measured("torch", torch.__version__, _convolutions).quicker == "bfloat16"


def _convolutions() -> dict[str, Callable[[], object]]:
    """Three convolutions in a row in each format, as those of the networks are; no random numbers are drawn."""
    maps = torch.ones(4, 64, 24, 24).contiguous(memory_format=torch.channels_last)
    weights = torch.full((64, 64, 3, 3), 0.01).contiguous(memory_format=torch.channels_last)

    def way(bfloat16: bool) -> Callable[[], object]:
        def run() -> torch.Tensor:
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                found = maps
                for _ in range(3):
                    found = nn.functional.conv2d(found, weights, padding=1)
                return found

        return run

    return {"float32": way(False), "bfloat16": way(True)}


@functools.lru_cache
def _peak(kind: str, dtype: torch.dtype) -> float:
    if kind == "cuda" and dtype == torch.bfloat16:
        name = torch.cuda.get_device_name()
        for part, rate in _PEAKS.items():
            if part in name:
                return rate
    side = 1024
    left, right = (torch.ones(side, side, device=kind, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(4):
        started = time.perf_counter()
        float((left @ right)[0, 0])  # reading a value waits for the device
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best
