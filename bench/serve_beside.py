"""Answers in turns: this code, another commit's and PyTorch's; and networks of full size beside plain PyTorch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ASKED = Path(__file__).with_name("serve_asked.py")


class Asked:
    """A process of :mod:`serve_asked`, with one thread for networks as a worker of a server has it."""

    def __init__(self, model: Path, clip: Path, code: Path | None = None, **environment: str) -> None:
        line = [sys.executable, str(ASKED), str(model), str(clip), *([str(code)] if code else [])]
        self._process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )  # fmt: skip
        self.start = self._read()

    def ask(self) -> dict[str, Any]:
        """What the next answer took."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        said = json.loads(self._process.stdout.readline())
        assert isinstance(said, dict)
        return said

    def end(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def answers(ways: Mapping[str, Asked], requests: int) -> list[str]:
    """Rows of a table: each way asked in turns, the first the measure of the others."""
    for asked in ways.values():
        asked.ask()  # the first answer also pays for imports
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for _ in range(requests):
        for name, asked in ways.items():
            found[name].append(asked.ask())
    rows, first = [], ""
    for name, said in found.items():
        first = first or name
        cells = [name]
        for what in ("seconds", "cpu"):
            mine, theirs = (float(np.median([one[what] for one in found[each]])) for each in (name, first))
            cells += [f"{1000 * mine:.0f}", f"{mine / theirs:.2f}"]
        cells += [f"{ways[name].start['seconds']:.1f}", f"{ways[name].start['cpu']:.1f}", said[0]["label"]]
        rows.append("| " + " | ".join(cells) + " |")
    for asked in ways.values():
        asked.end()
    return [
        "| in turns, one thread | p50 ms | of the first | CPU ms | of the first | loaded s | CPU s | label |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
        *rows,
    ]


def networks(repeats: int = 3) -> list[str]:
    """Rows of a table: the paper's networks at full size, with random weights, as graphs and in PyTorch, one thread."""
    import torch  # heavy

    from affekt.models.bilstm.network import BiLSTM
    from affekt.models.c3d.network import C3D
    from affekt.models.engine import Graph, int8_pays
    from affekt.models.graphs.quantising import can_quantise, write_int8
    from affekt.models.graphs.writing import write_bilstm, write_c3d, write_vgg
    from affekt.models.model_folder import save_model
    from affekt.models.preprocessing import Preprocessing
    from affekt.models.vgg.network import VGG16, initialise

    torch.set_num_threads(1)
    torch.manual_seed(0)
    draw = np.random.default_rng(0)
    faces = draw.integers(0, 256, (8, 224, 224, 1), np.uint8)
    windows = draw.integers(0, 256, (1, 16, 112, 112, 1), np.uint8)
    cases: list[tuple[str, torch.nn.Module, Preprocessing | None, dict[str, Any], Callable[[Path], None], Any]] = [
        ("vgg", VGG16(), Preprocessing(224), {"mirror": False}, write_vgg, faces),
        ("c3d", C3D(), Preprocessing(112), {"mirror": False}, write_c3d, windows),
        ("bilstm", BiLSTM(), None, {"time_steps": 64}, write_bilstm, draw.random((1, 64, 4096), np.float32)),
    ]
    rows = []
    for name, network, preprocessing, settings, write, array in cases:
        if name != "bilstm":
            initialise(network)
        network.eval()

        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            save_model(folder, name, network, labels=tuple("abcdefg"), preprocessing=preprocessing, settings=settings)
            write(folder)
            plain = partial(_plain, network, preprocessing, array)
            rows.append(_row(name, plain, partial(_of_graph, Graph(folder, threads=1), array), repeats))
            # What a training writes by itself for networks that answer alike in it, which random weights cannot show.
            if name != "bilstm" and can_quantise() and int8_pays():
                write_int8(folder, [(array,)])
                rows.append(_row(f"{name}, int8", plain, partial(_of_graph, Graph(folder, threads=1), array), repeats))
    return [
        "| full size, one thread | plain PyTorch CPU ms | graph CPU ms | ratio | wall ratio | same labels |",
        "|---|---:|---:|---:|---:|---:|",
        *rows,
    ]


def _plain(network: Any, preprocessing: Any, array: np.ndarray) -> np.ndarray:
    import torch  # heavy

    with torch.inference_mode():
        inputs = torch.from_numpy(array)
        if preprocessing:
            inputs = preprocessing.to_input(inputs)
            inputs = (inputs.transpose(1, 2) if array.ndim == 5 else inputs).contiguous()
        logits: np.ndarray = network(inputs).numpy()
        return logits


def _of_graph(graph: Any, array: np.ndarray) -> np.ndarray:
    return np.asarray(graph(array)[-1]).reshape(len(array), -1)


def _row(name: str, plain: Callable[[], np.ndarray], graph: Callable[[], np.ndarray], repeats: int) -> str:
    labels: Sequence[np.ndarray] = [plain().argmax(1), graph().argmax(1)]
    taken = []
    for _ in range(repeats):
        for way in (plain, graph):
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    (wall, cpu), (wall_graph, cpu_graph) = (np.median(taken[way::2], axis=0) for way in (0, 1))
    return (
        f"| {name} | {1000 * cpu:.0f} | {1000 * cpu_graph:.0f} | {cpu_graph / cpu:.2f} | {wall_graph / wall:.2f} "
        f"| {int((labels[0] == labels[1]).sum())} of {len(labels[0])} |"
    )
