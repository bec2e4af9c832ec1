"""affekt: recognise the emotion of a person in a video clip from face and voice; train, promote, serve.

``affekt.load("affekt@champion").predict("clip.mp4")`` gives an answer; ``affekt.check``, ``train`` and ``evaluate`` do
what the commands of these names do.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affekt.api import (
        AffektError,
        Checked,
        Evaluated,
        Failure,
        Model,
        Prediction,
        Predictions,
        Trained,
        check,
        evaluate,
        load,
        train,
    )

# MLflow tells its makers of every run, and begins when it is imported. Every process of ours comes by here before.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

__version__ = "0.1.0"
__all__ = [
    "AffektError",
    "Checked",
    "Evaluated",
    "Failure",
    "Model",
    "Prediction",
    "Predictions",
    "Trained",
    "__version__",
    "check",
    "evaluate",
    "load",
    "train",
]


def __getattr__(name: str) -> Any:
    """The public names, imported when they are used: ``import affekt`` alone must cost nothing."""
    if name in __all__:
        return getattr(import_module("affekt.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
