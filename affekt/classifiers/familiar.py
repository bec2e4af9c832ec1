"""How far a row of features lies from those that a classifier learned from: a shrunken Mahalanobis distance.

A classifier is as sure of a voice from another world as of one that it knows. How far its features lie from all that
was learned from tells them apart without any label (Lee, Lee, Lee and Shin, "A simple unified framework for detecting
out-of-distribution samples", 2018). With as many features as clips the covariance is shrunken (Ledoit and Wolf, "A
well-conditioned estimator for large-dimensional covariance matrices", 2004).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from affekt.storage import read_optional

#: The file in a model's folder.
FAMILIAR = "familiar.safetensors"
#: Deviations at which a feature is cut off: a single one that was measured wrongly says nothing of the others.
_CUT = 6.0
#: Directions in which the spread is kept by itself; in all others it is one number. And rows that are looked at.
_AXES, _ROWS = 256, 4000


@dataclass(frozen=True)
class Familiar:
    """What rows of F features look like that were learned from. Build with :meth:`fit`.

    Attributes:
        mean, scale: float64 ``[F]``, by which features are standardised.
        axes: float32 ``[K, F]``, orthogonal directions.
        tightness: float64 ``[K]``, one over the shrunken variance along each; ``rest``, float64 ``[1]``: across them.
    """

    mean: np.ndarray
    scale: np.ndarray
    axes: np.ndarray
    tightness: np.ndarray
    rest: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray) -> Familiar:
        """Fit on rows ``[N, F]``; of more than 4000, on so many evenly spaced ones."""
        from sklearn.covariance import ledoit_wolf_shrinkage  # heavy: sklearn, which an answer does not need

        x = x[np.unique(np.linspace(0, len(x) - 1, min(len(x), _ROWS)).astype(int))]
        mean, spread = x.mean(axis=0), x.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        normal = np.clip((x - mean) / scale, -_CUT, _CUT)
        count = normal.shape[1]
        shrinkage = float(ledoit_wolf_shrinkage(normal, assume_centered=True))
        _, singular, directions = np.linalg.svd(normal, full_matrices=False)
        kept = min(_AXES, int((singular > 1e-9 * singular[0]).sum()))
        variances = singular**2 / len(normal)
        total = float(variances.sum())
        others = (total - float(variances[:kept].sum())) / max(1, count - kept)
        least = shrinkage * total / count + 1e-12
        return cls(
            mean,
            scale,
            directions[:kept].astype(np.float32),
            1 / ((1 - shrinkage) * variances[:kept] + least),
            np.array([1 / ((1 - shrinkage) * others + least)]),
        )

    def distances(self, rows: np.ndarray) -> np.ndarray:
        """Float64 ``[N]``: how far rows ``[N, F]`` lie, about 1 for those that were learned from."""
        normal = np.clip((rows - self.mean) / self.scale, -_CUT, _CUT)
        along = (normal @ self.axes.T.astype(float)) ** 2
        across = np.maximum((normal**2).sum(axis=1) - along.sum(axis=1), 0.0)
        found: np.ndarray = np.sqrt((along @ self.tightness + across * self.rest[0]) / normal.shape[1])
        return found

    def write(self, folder: Path) -> None:
        """Write ``familiar.safetensors`` into a model's folder."""
        arrays = {item.name: np.array(getattr(self, item.name), order="C") for item in fields(self)}
        (folder / FAMILIAR).write_bytes(save(arrays))

    @classmethod
    def read(cls, folder: Path) -> Familiar | None:
        """What :meth:`write` wrote; None for a model that was stored without.

        Raises:
            DataError: the file is damaged.
        """
        return read_optional(folder / FAMILIAR, cls._of, SafetensorError)

    @classmethod
    def _of(cls, content: bytes) -> Familiar:
        arrays = load(content)
        return cls(**{item.name: arrays[item.name] for item in fields(cls)})
