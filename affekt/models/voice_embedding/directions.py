"""How what an encoder hears moves together: covariances over a clip's frames, along a few directions.

Mean and deviation of each unit say nothing of which units move together; their covariances do. Those of 512 units are
far too many, so frames are first projected on the directions in which those of all train clips vary most. A covariance
matrix is no vector: its logarithm is, in which a sum of two is as far from either as the other way round (Arsigny,
Fillard, Pennec and Ayache, "Log-Euclidean metrics for fast and simple calculus on diffusion tensors", 2006).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from affekt.errors import DataError
from affekt.storage import write_bytes

#: The file in a model's folder, and where the model's description has its digest.
DIRECTIONS, DIGEST = "directions.safetensors", "directions_sha256"
#: Directions that are kept.
COUNT = 32
#: Added to each variance, of which frames of all clips have 1 along each direction: what a clip varies less than that
#: is noise.
_FLOOR = 0.2
#: Of the largest variance; directions of less are not enlarged to 1.
_LEAST = 1e-4


@dataclass(frozen=True)
class Directions:
    """The directions in which frames vary most. Build with :meth:`fit`.

    Attributes:
        mean: float32 ``[F]``, of all frames.
        weights: float32 ``[F, K]``, the projection on the directions, along each of which all frames have variance 1.
    """

    mean: np.ndarray
    weights: np.ndarray

    @classmethod
    def fit(cls, clips: Iterable[np.ndarray]) -> Directions:
        """Fit on the frames ``[T, F]`` of some clips.

        Raises:
            ValueError: there is no clip.
        """
        frames = np.concatenate(list(clips)).astype(float)
        mean, spread = frames.mean(axis=0), frames.std(axis=0)
        normal = (frames - mean) / np.where(spread > 0, spread, 1.0)
        variances, axes = np.linalg.eigh(normal.T @ normal / len(normal))
        variances, axes = variances[::-1][:COUNT], axes[:, ::-1][:, :COUNT]
        lengths = np.sqrt(np.maximum(variances, _LEAST * max(variances[0], 1e-12)))
        weights = axes / lengths / np.where(spread > 0, spread, 1.0)[:, np.newaxis]
        return cls(mean.astype(np.float32), weights.astype(np.float32))

    def covariances_of(self, frames: np.ndarray) -> np.ndarray:
        """The logarithm of the covariance matrix along the directions, its upper triangle, float64 ``[K (K + 1) / 2]``.

        Args:
            frames: ``[T, F]`` of a clip.
        """
        along = (np.asarray(frames, dtype=float) - self.mean) @ self.weights.astype(float)
        apart = along - along.mean(axis=0)
        count = apart.shape[1]
        variances, axes = np.linalg.eigh(apart.T @ apart / len(apart) + _FLOOR * np.eye(count))
        logarithm = (axes * np.log(variances)) @ axes.T
        found: np.ndarray = logarithm[np.triu_indices(count)]
        return found

    def write(self, folder: Path) -> str:
        """Write the file into a model's folder; returns its SHA-256."""
        content = save({item.name: np.array(getattr(self, item.name), order="C") for item in fields(self)})
        write_bytes(folder / DIRECTIONS, content)
        return hashlib.sha256(content).hexdigest()

    @classmethod
    def read(cls, folder: Path, description: Mapping[str, Any]) -> Directions | None:
        """What :meth:`write` wrote; None for a model whose description names no digest, which was stored without.

        Raises:
            DataError: the file is missing, or is not what the model's description says.
        """
        expected, path = description.get(DIGEST), folder / DIRECTIONS
        if expected is None:
            return None
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != expected:
            raise DataError(
                "are not the directions that the model was trained with; copy the model again or train it anew",
                code="damaged" if content else "missing",
                where=str(path),
            )
        return cls(**load(content))
