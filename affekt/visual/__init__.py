"""Networks on faces: VGG-16, C3D, Bi-LSTM and the joint one, trained by one loop, scoring only what they never saw."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affekt.visual.bilstm import BiLSTM
    from affekt.visual.c3d import C3D
    from affekt.visual.explain import Explainer
    from affekt.visual.joint import JointBiLSTM
    from affekt.visual.loop import Log
    from affekt.visual.scorer import VisualScorer
    from affekt.visual.sequence_training import train_bilstm, train_joint
    from affekt.visual.training import train_c3d, train_vgg
    from affekt.visual.vgg import VGG16

# Where each name is defined: torch is imported when the first of them is used, not with the package.
_HOMES = {
    "BiLSTM": "bilstm",
    "C3D": "c3d",
    "JointBiLSTM": "joint",
    "Log": "loop",
    "VGG16": "vgg",
    "VisualScorer": "scorer",
    "Explainer": "explain",
    "train_bilstm": "sequence_training",
    "train_joint": "sequence_training",
    "train_c3d": "training",
    "train_vgg": "training",
}
__all__ = [
    "C3D",
    "VGG16",
    "BiLSTM",
    "Explainer",
    "JointBiLSTM",
    "Log",
    "VisualScorer",
    "train_bilstm",
    "train_c3d",
    "train_joint",
    "train_vgg",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"affekt.visual.{_HOMES[name]}"), name)
