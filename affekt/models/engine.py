"""The inference engine: a graph is read from its two files, arrays go in, arrays come out. PyTorch is not needed."""

from __future__ import annotations

import importlib.util
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from affekt.errors import AffektError
from affekt.machine import threads_told, whole_cores
from affekt.models import kept_graphs, number_format

logger = logging.getLogger(__name__)

#: The files of a graph in a member's folder: its operations, and its numbers.
GRAPH, NUMBERS = "graph.xml", "graph.bin"
#: The same of the graph that multiplies in whole numbers of eight bits, where there is one that answers alike.
INT8_GRAPH, INT8_NUMBERS = "int8.xml", "int8.bin"
#: Environment variable with what computes networks, in place of the setting ``inference``.
INFERENCE = "AFFEKT_INFERENCE"
_PACKAGE = "openvino"
_CONVERTER = "openvino.tools.ovc"
_HINTS = {"float32": "f32", "bfloat16": "bf16"}
_first = threading.Lock()
_overheard: ContextVar[list[tuple[Path, tuple[np.ndarray, ...]]] | None] = ContextVar("_overheard", default=None)


def is_installed() -> bool:
    """Whether the engine is."""
    return importlib.util.find_spec(_PACKAGE) is not None


def has_graph(folder: Path) -> bool:
    """Whether a member's folder holds its network as a graph."""
    return (folder / GRAPH).is_file() and (folder / NUMBERS).is_file()


def answers_by_graph(folder: Path, inference: str, device: str) -> bool:
    """Whether a member's network is to be computed by the engine.

    Args:
        folder: of the member.
        inference: as for :class:`affekt.models.member.HardwareChoice`.
        device: likewise.

    Raises:
        AffektError: ``no_engine``: the engine is asked for, and not installed; ``bad_inference``: it is none of these.
    """
    if inference not in ("auto", "torch", "openvino"):  # a setting is checked, an environment is not
        raise AffektError(f"{INFERENCE} is {inference!r}; expected one of auto, torch, openvino", code="bad_inference")
    if inference == "torch":
        return False
    if not has_graph(folder):
        logger.info("%s answers by PyTorch: it is stored without a graph", folder.name)
        return False
    if is_installed():
        return inference == "openvino" or not _uses_gpu(device)
    if inference == "openvino":
        raise AffektError(
            "inference=openvino, but OpenVINO is not installed; install 'affekt[serve]', or choose auto",
            code="no_engine",
        )
    logger.info("%s answers by PyTorch, more slowly: OpenVINO is not installed", folder.name)
    return False


def _uses_gpu(device: str) -> bool:
    """Whether PyTorch would take a GPU; it is imported where the machine may have one."""
    if device == "cpu" or not (device == "cuda" or Path("/dev/nvidiactl").exists()):
        return False
    import torch  # heavy

    return torch.cuda.is_available()


@cache
def engine(part: str = "") -> Any:
    """OpenVINO, or a part of it (``.frontend``), kept from ``openvino_telemetry``, with which it would call home.

    Its converter of models takes as long to import as all the rest, and is left to whoever asks for it.
    """
    if part:
        engine()
        return importlib.import_module(_PACKAGE + part)
    for unwanted in ("openvino_telemetry", _CONVERTER):
        sys.modules.setdefault(unwanted, None)  # type: ignore[arg-type]  # an import of it fails
    found = importlib.import_module(_PACKAGE)
    if sys.modules[_CONVERTER] is None:
        del sys.modules[_CONVERTER]
        vars(found).setdefault("__getattr__", _of_converter)
    return found


def _of_converter(name: str) -> Any:
    """The name that OpenVINO takes from its converter, for others in this process who ask for it."""
    if name == "convert_model":
        return importlib.import_module(_CONVERTER).convert_model
    raise AttributeError(f"module {_PACKAGE!r} has no attribute {name!r}")


class Graph:
    """A network that answers. The same arrays give the same bytes, whatever the number of threads.

    Args:
        folder: that holds the graph.
        precision: ``auto``, ``float``, ``float32`` or ``bfloat16`` for the multiplications; float takes bfloat16 where
            it was measured to be quicker on this processor, and auto int8 where that is quicker still and the folder
            holds a graph in it.
        threads: at most; by default one a core. A graph whose sums over many numbers are shared out among threads
            gives other last bits with another number of them.
    """

    def __init__(self, folder: Path, precision: str = "auto", threads: int = 0) -> None:
        files = (folder / GRAPH, folder / NUMBERS)
        if precision == "auto" and (folder / INT8_GRAPH).is_file() and int8_pays():
            files = (folder / INT8_GRAPH, folder / INT8_NUMBERS)
        if precision in ("auto", "float"):
            precision = quicker_format()
        self._folder = folder
        self._one_at_a_time = threading.Lock()
        # The engine goes on reading in what was kept.
        compiled, self._kept = _compiled(
            files,
            _settings(precision, threads or threads_told() or whole_cores()),
        )
        #: Arrays that it is given.
        self.inputs = len(compiled.inputs)
        self._request = compiled.create_infer_request()

    def __call__(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """What the network makes of its arrays, each output copied."""
        if (told := _overheard.get()) is not None:
            told.append((self._folder, arrays))
        with self._one_at_a_time:
            outputs = self._request.infer(dict(enumerate(arrays)))
            return tuple(np.array(outputs[number]) for number in range(len(outputs)))


@contextmanager
def overheard() -> Iterator[list[tuple[Path, tuple[np.ndarray, ...]]]]:
    """What this thread's graphs are asked meanwhile, in turn: the folder of each, and its arrays."""
    told: list[tuple[Path, tuple[np.ndarray, ...]]] = []
    before = _overheard.set(told)
    try:
        yield told
    finally:
        _overheard.reset(before)


def quicker_format() -> str:
    """``float32`` or ``bfloat16``: in which of them the engine was measured to be quicker on this processor."""
    return _measured().quicker


def int8_pays() -> bool:
    """Whether the engine was measured to be quicker in whole numbers of eight bits, and right, on this processor."""
    return _measured().int8_pays


def _measured() -> number_format.Measured:
    return number_format.measured(_PACKAGE, engine().get_version(), _convolutions)


def _convolutions() -> dict[str, Callable[[], object]]:
    """Three convolutions in a row in each format, as those of the networks are.

    Those in int8 are left out where their sums are wrong: processors without an instruction for it add two products in
    sixteen bits, which cannot hold them.
    """
    shape = [4, 64, 24, 24]

    def request(maps_of: Callable[[Any, int], Any], name: str, count: int) -> Any:
        pictures = engine(".opset8").parameter(shape, np.float32)
        model = engine().Model([maps_of(pictures, count)], [pictures])
        return _core().compile_model(model, "CPU", _settings(name, 1)).create_infer_request()

    largest = {0: np.full(shape, _LARGEST, np.float32)}
    ways: dict[str, Callable[[], object]] = {
        name: partial(request(_in_floats, name, 3).infer, largest) for name in _HINTS
    }
    sums = request(_in_whole_numbers, "float32", 1).infer(largest)[0]
    if (sums[:, :, 1:-1, 1:-1] == _LARGEST * _WEIGHTS.sum() * shape[1] / len(_WEIGHTS) * 9).all():
        ways["int8"] = partial(request(_in_whole_numbers, "float32", 3).infer, largest)
    return ways


#: The largest whole number of eight bits, and weights of which neighbours have products that add up to the most.
_LARGEST, _WEIGHTS = 255, np.array([127, 127, -127, -126], np.int8)


def _in_floats(maps: Any, count: int) -> Any:
    operations = engine(".opset8")
    for _ in range(count):
        weights = operations.constant(np.full((64, 64, 3, 3), 0.01, np.float32))
        maps = operations.convolution(maps, weights, [1, 1], [1, 1], [1, 1], [1, 1])
    return maps


def _in_whole_numbers(maps: Any, count: int) -> Any:
    operations, ends = engine(".opset8"), (np.float32(0), np.float32(_LARGEST)) * 2
    kernel = np.tile(_WEIGHTS, 16).reshape(1, 64, 1, 1).repeat(64, 0).repeat(3, 2).repeat(3, 3)
    for _ in range(count):
        weights = operations.convert(operations.constant(kernel), np.float32)
        weights = operations.multiply(weights, operations.constant(np.ones((64, 1, 1, 1), np.float32)))
        maps = operations.fake_quantize(maps, *ends, _LARGEST + 1)
        maps = operations.convolution(maps, weights, [1, 1], [1, 1], [1, 1], [1, 1])
    return maps


def _settings(precision: str, threads: int) -> dict[str, Any]:
    return {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # Workers that each bind their only thread to a core would all take the first.
        "ENABLE_CPU_PINNING": False,
    }


def _compiled(files: tuple[Path, Path], settings: dict[str, Any]) -> tuple[Any, np.ndarray | None]:
    """The graph in its two files, ready to be asked; and what was kept of it, where it was made from that."""
    # Neither threads nor streams change what is kept.
    place = kept_graphs.place_of(files, engine().get_version(), settings["INFERENCE_PRECISION_HINT"])
    if place is not None and (kept := kept_graphs.read(place)) is not None:
        try:
            return _core().import_model(engine().Tensor(kept, shared_memory=True), "CPU", settings), kept
        except RuntimeError as error:
            logger.info("%s cannot be read and is made again (%s)", place, error)
    compiled = _core().compile_model(_core().read_model(files[0]), "CPU", settings)
    if place is not None:
        kept_graphs.keep(place, compiled.export_model().getbuffer())
    return compiled, None


def _core() -> Any:
    with _first:
        return _only_core()


@cache
def _only_core() -> Any:
    # The first array that the engine hands to Python initialises what it does so with: two threads that get their
    # first ones at once wait for each other for ever, each with what the other one needs (OpenVINO 2026.4).
    _ = engine().Tensor(np.zeros(1, np.float32)).data
    return engine().Core()
