"""What every classifier of this package can do, so that it is stored as arrays and answers from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self

import numpy as np


class ArrayClassifier(Protocol):
    """What every classifier of this package can do, and of others that want to be stored with them."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities ``[N, L]`` for features ``[N, F]``."""

    def arrays(self) -> dict[str, np.ndarray]:
        """All it consists of, by name."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The classifier whose :meth:`arrays` these are."""
