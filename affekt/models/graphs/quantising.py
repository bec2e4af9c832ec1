"""A process of its own that makes of a graph one that multiplies in int8 (NNCF), by what its network was asked before.

NNCF draws progress bars on standard output and changes Python's class of loggers; here that is nobody's.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affekt import processes
from affekt.errors import AffektError
from affekt.models.engine import GRAPH, INT8_GRAPH, engine

#: Pictures or windows, at most, by which the range of each layer's values is found, evenly among those that it was
#: asked about.
CALIBRATION_ITEMS = 300
#: Seconds; a VGG-16 of full size took 23 with 96 pictures on two cores.
_LIMIT = 3600.0
_PACKAGE = "nncf"
_ARRAYS = "arrays.npz"


def can_quantise() -> bool:
    """Whether NNCF is installed."""
    return importlib.util.find_spec(_PACKAGE) is not None


def write_int8(folder: Path, asked: Sequence[tuple[np.ndarray, ...]]) -> None:
    """Write the graph in a member's folder anew beside it, with its convolutions and products in int8.

    Weights are whole numbers by output channel, activations by layer, in the ranges that come up where the network is
    asked. Biases are corrected layer by layer for what that moves (NNCF's post-training quantisation).

    Args:
        folder: of the member.
        asked: the arrays of each time that its network was asked.

    Raises:
        AffektError: it could not be done, by NNCF's words.
    """
    most = max(1, CALIBRATION_ITEMS // max((len(arrays[0]) for arrays in asked), default=1))
    chosen = [asked[number] for number in np.unique(np.arange(most) * len(asked) // most)]
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary, _ARRAYS)
        np.savez(
            file,
            **{f"{time} {place}": array for time, arrays in enumerate(chosen) for place, array in enumerate(arrays)},
        )
        task = {"folder": str(folder), "arrays": str(file)}
        (ended,) = processes.run(__name__, {}, [task], 1, limit=_LIMIT)
    if ended.result is None:
        raise AffektError(ended.reason, code="not_quantised")


def _opened(_: Any) -> Callable[[Mapping[str, str]], dict[str, Any]]:
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  # for as long as the process
    core, nncf = engine().Core(), _nncf()

    def quantised(task: Mapping[str, str]) -> dict[str, Any]:
        folder = Path(task["folder"])
        asked: dict[int, dict[int, np.ndarray]] = {}
        with np.load(task["arrays"], allow_pickle=False) as arrays:
            for name in arrays.files:
                time, place = map(int, name.split())
                asked.setdefault(time, {})[place] = arrays[name]
        model = core.read_model(folder / GRAPH)
        # Biases stand behind shapes that are worked out as the graph runs: NNCF sees none until these are numbers.
        engine("._offline_transformations").apply_moc_transformations(model, cf=True)
        made = nncf.quantize(
            model,
            nncf.Dataset(list(asked.values())),
            subset_size=len(asked),
            fast_bias_correction=False,
            # By default the mean of the largest values of each question ends a range, which cuts larger ones off.
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                activations_range_estimator_params=_estimators().MINMAX
            ),
        )
        engine().save_model(made, folder / INT8_GRAPH, compress_to_fp16=False)
        return {}

    return quantised


def _nncf() -> Any:
    """NNCF, after the engine, which is kept from calling home."""
    engine()
    nncf = importlib.import_module(_PACKAGE)
    nncf.set_log_level(logging.ERROR)
    return nncf


def _estimators() -> Any:
    return importlib.import_module(f"{_PACKAGE}.quantization.range_estimator").RangeEstimatorParametersSet


if __name__ == "__main__":
    processes.serve(_opened)
