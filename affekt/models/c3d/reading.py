"""What a C3D reads of a clip, whatever computes it: windows of its face frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from affekt.media.deadline import check_time
from affekt.media.prepared import PreparedClip
from affekt.models.answering import at_once, centred, faces_of, mean_vector
from affekt.models.c3d import WINDOW
from affekt.models.frames import even_windows
from affekt.models.member import Scored
from affekt.models.preprocessing import Preprocessing


class C3dReading(ABC):
    """Windows of face frames to a score vector.

    Args:
        labels: what its outputs mean.
        windows_per_clip: how many windows a clip's score vector averages.
        mirror: whether mirror images are scored as well, and averaged.
    """

    name = "c3d"

    def __init__(
        self, preprocessing: Preprocessing, *, labels: tuple[str, ...], windows_per_clip: int, mirror: bool
    ) -> None:
        self.preprocessing = preprocessing
        self.labels = labels
        self.windows_per_clip = windows_per_clip
        self.mirror = mirror

    @abstractmethod
    def _views(self, windows: np.ndarray) -> np.ndarray:
        """Probabilities float64 ``[N, V, L]`` in V views of so many windows as one pass takes.

        Args:
            windows: centred pictures, uint8 ``[N, 16, size, size, C]``.
        """

    def score(self, clip: PreparedClip, needed: Mapping[str, Any] | None = None) -> Scored:
        """The clip's score vector; none without a face."""
        if not len(clip.face_frames):
            return Scored(None)
        windows = even_windows(clip.face_frames, self.windows_per_clip, WINDOW)
        frames, where = np.unique(np.stack(windows), return_inverse=True)
        pixels = centred(faces_of(clip, frames), self.preprocessing)
        return Scored(mean_vector(self._look(pixels, where.reshape(len(windows), WINDOW))))

    def score_faces(self, pictures: np.ndarray) -> np.ndarray:
        """Score vectors float64 ``[N, L]`` of pictures uint8 ``[N, S, S, 3]``, each as a window without motion."""
        pixels = centred(pictures, self.preprocessing)
        still = np.arange(len(pictures))[:, None].repeat(WINDOW, axis=1)
        scores: np.ndarray = self._look(pixels, still).mean(axis=1)
        return scores

    def _look(self, pixels: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """Probabilities float64 ``[N, V, L]`` of windows ``[N, 16]`` of pictures, by their numbers, in V views."""
        count = max(1, at_once(self.preprocessing.input_size) // WINDOW)
        answers = []
        for first in range(0, len(windows), count):
            check_time()
            answers.append(self._views(pixels[windows[first : first + count]]))
        return np.concatenate(answers)
