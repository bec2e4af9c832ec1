"""What TorchServe starts as Python for a worker: its own worker, without PyTorch, and behind a version that answers.

TorchServe's worker imports PyTorch only to ask of an answer whether it is a tensor. Those of the handler are text, so
for that one import there is a stand-in without tensors: 1.3 s of a processor and 200 MB less for each worker whose
ensemble needs no PyTorch. One that needs it imports the real one.

One that is loaded beside a version that answers does its imports at a lower priority (:mod:`affekt.serving.behind`).
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from pathlib import Path
from types import ModuleType

from affekt.serving.behind import behind
from affekt.serving.handler import BESIDE

#: The environment variable with the path of Python.
PYTHON = "AFFEKT_PYTHON"
_LAUNCHER = Path(__file__).with_name("torchserve_python.sh")


def python() -> str:
    """What TorchServe is told to start as Python: the launcher of this module, or Python where that may not be run."""
    return str(_LAUNCHER) if os.access(_LAUNCHER, os.X_OK) else sys.executable


def main() -> None:
    """Import what a worker needs, and run the file of Python that the command line names."""
    if Path(os.environ.get(BESIDE) or os.devnull).is_file():
        behind(_imported)
    else:
        _imported()
    del sys.argv[0]
    while sys.argv[0].startswith("-"):  # of Python itself
        del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")


def _imported() -> None:
    stand_in = ModuleType("torch")
    stand_in.Tensor = type("Tensor", (), {})  # type: ignore[attr-defined]
    sys.modules["torch"] = stand_in
    try:
        importlib.import_module("ts.model_service_worker")
    finally:
        del sys.modules["torch"]
    importlib.import_module("affekt.serving.predictor")


if __name__ == "__main__":
    main()
