"""How many rows there were, their mean and their variance: what is kept of rows that are not kept themselves."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Moments:
    """Of some rows float64 ``[N, F]``.

    Attributes:
        count: N.
        mean: float64 ``[F]``.
        variance: float64 ``[F]``, divided by N.
    """

    count: int
    mean: np.ndarray
    variance: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray) -> Moments:
        """Those of rows ``[N, F]``; N is at least one."""
        return cls(len(rows), rows.mean(axis=0), rows.var(axis=0))

    def joined(self, other: Moments) -> Moments:
        """Those of these rows and the others together.

        Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
        """
        count = self.count + other.count
        mine, theirs = self.count / count, other.count / count
        apart = other.mean - self.mean
        variance = mine * self.variance + theirs * other.variance + mine * theirs * apart**2
        return Moments(count, self.mean + theirs * apart, variance)

    def without(self, other: Moments) -> Moments | None:
        """Those of these rows but the others, which are among them: :meth:`joined` undone; None where none is left."""
        count = self.count - other.count
        if count < 1:
            return None
        left, theirs = count / self.count, other.count / self.count
        mean = (self.mean - theirs * other.mean) / left
        variance = (self.variance - theirs * other.variance) / left - theirs * (other.mean - mean) ** 2
        return Moments(count, mean, variance)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values; no bit is lost."""
        return {"count": self.count, "mean": _text(self.mean), "variance": _text(self.variance)}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Moments:
        """What :meth:`to_dict` gave."""
        return cls(int(document["count"]), _array(document["mean"]), _array(document["variance"]))


def _text(array: np.ndarray) -> str:
    return base64.b64encode(array.astype(np.float64).tobytes()).decode()


def _array(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.float64)
