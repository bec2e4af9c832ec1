"""What a trained model looks for, as pictures: the paper's Figure 7."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Explainer(Protocol):
    """Draws what a trained model answers to. A model's spec names what makes one of the member's folder.

    Attributes:
        labels: those of which there are pictures.
    """

    labels: tuple[str, ...]

    def class_model(self, label: str, *, iterations: int) -> bytes:
        """A picture of the model's own that it takes for a label, as PNG; the same each time."""

    def grad_cam(self, face: np.ndarray, label: str) -> bytes:
        """A face, uint8 ``[S, S, 3]`` RGB, and on it what speaks for a label, as PNG."""
