"""What a VGG reads of a clip, whatever computes it: its face frames, for the score vector and in time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from affekt.media.deadline import check_time
from affekt.media.even_frames import even_frames
from affekt.media.prepared import PreparedClip
from affekt.models.answering import at_once, centred, faces_of, mean_vector
from affekt.models.member import Scored
from affekt.models.preprocessing import Preprocessing


class VggReading(ABC):
    """Face pictures to fc6 activations and probabilities.

    What it offers of a clip are fc6 activations float32 ``[V, steps, F]`` of evenly spaced face frames, by the numbers
    of steps that its readers named with :meth:`read_in`; nothing of a clip without a face.

    Args:
        labels: what its outputs mean.
        frames_per_clip: how many frames a clip's score vector averages.
        mirror: whether mirror images are scored as well, and averaged.
        sha256: of its weights file, by which readers know it.
    """

    name = "vgg"

    def __init__(
        self, preprocessing: Preprocessing, *, labels: tuple[str, ...], frames_per_clip: int, mirror: bool, sha256: str
    ) -> None:
        self.preprocessing = preprocessing
        self.labels = labels
        self.frames_per_clip = frames_per_clip
        self.mirror = mirror
        self.sha256 = sha256
        self._steps: set[int] = set()

    @abstractmethod
    def _views(self, pixels: np.ndarray, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`look` of so many centred pictures as one pass takes, uint8 ``[N, size, size, C]``."""

    def read_in(self, steps: int) -> None:
        """From now on offer fc6 activations in so many steps, too."""
        self._steps.add(steps)

    def look(self, pictures: np.ndarray, *, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
        """fc6 activations float32 ``[N, V, F]`` and probabilities float64 ``[N, V, L]`` of pictures.

        Args:
            pictures: uint8 ``[N, S, S, 3]`` RGB.
            mirrored: whether there are two views V, the picture and its mirror image, or one.
        """
        pixels = centred(pictures, self.preprocessing)
        count = at_once(self.preprocessing.input_size)
        features, probabilities = [], []
        for first in range(0, len(pixels), count):
            check_time()
            fc6, values = self._views(pixels[first : first + count], mirrored)
            features.append(fc6)
            probabilities.append(values)
        return np.concatenate(features), np.concatenate(probabilities)

    def score_faces(self, pictures: np.ndarray) -> np.ndarray:
        """Score vectors float64 ``[N, L]`` of single pictures uint8 ``[N, S, S, 3]``."""
        scores: np.ndarray = self.look(pictures, mirrored=self.mirror)[1].mean(axis=1)
        return scores

    def sequence(self, clip: PreparedClip, steps: int, *, mirrored: bool) -> np.ndarray | None:
        """fc6 activations float32 ``[V, steps, F]`` of evenly spaced face frames, or None without a face."""
        if not len(clip.face_frames):
            return None
        frames, where = np.unique(even_frames(clip.face_frames, steps), return_inverse=True)
        features, _ = self.look(faces_of(clip, frames), mirrored=mirrored)
        return features[where].swapaxes(0, 1)

    def score(self, clip: PreparedClip, needed: Mapping[str, Any] | None = None) -> Scored:
        """The clip's score vector and what its readers read, from one pass over all their frames."""
        if not len(clip.face_frames):
            return Scored(None, {})
        scored = np.unique(even_frames(clip.face_frames, self.frames_per_clip))
        stepped = {count: even_frames(clip.face_frames, count) for count in self._steps}
        frames = np.unique(np.concatenate([scored, *stepped.values()]))
        features, probabilities = self.look(faces_of(clip, frames), mirrored=self.mirror)
        vector = mean_vector(probabilities[np.searchsorted(frames, scored)])
        return Scored(
            vector,
            {count: features[np.searchsorted(frames, chosen)].swapaxes(0, 1) for count, chosen in stepped.items()},
        )
