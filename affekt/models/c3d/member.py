"""The trained C3D: a score vector of a clip from windows of its face frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affekt.media.deadline import check_time
from affekt.media.prepared import PreparedClip
from affekt.models.answering import at_once, centred, faces_of, mean_vector, ready
from affekt.models.c3d.network import C3D
from affekt.models.frames import even_windows
from affekt.models.hardware import Hardware
from affekt.models.member import HardwareChoice, Member, Scored
from affekt.models.model_folder import load_model
from affekt.models.preprocessing import Preprocessing


class C3dMember:
    """Windows of face frames to a score vector, by a C3D that is trained and done.

    Args:
        network: is copied; the copy has its batch normalisation folded in.
        labels: what its outputs mean.
        windows_per_clip: how many windows a clip's score vector averages.
        mirror: whether mirror images are scored as well, and averaged.
    """

    name = "c3d"

    def __init__(
        self, network: C3D, preprocessing: Preprocessing, hardware: Hardware, *, labels: tuple[str, ...],
        windows_per_clip: int, mirror: bool,
    ) -> None:  # fmt: skip
        self.network = ready(network, hardware)
        self.preprocessing = preprocessing
        self.hardware = hardware
        self.labels = labels
        self.windows_per_clip = windows_per_clip
        self.mirror = mirror

    def score(self, clip: PreparedClip, needed: Mapping[str, Any] | None = None) -> Scored:
        """The clip's score vector; none without a face."""
        if not len(clip.face_frames):
            return Scored(None)
        windows = even_windows(clip.face_frames, self.windows_per_clip, C3D.WINDOW)
        frames, where = np.unique(np.stack(windows), return_inverse=True)
        pixels = torch.from_numpy(centred(faces_of(clip, frames), self.preprocessing))
        return Scored(mean_vector(self._look(pixels, where.reshape(len(windows), C3D.WINDOW))))

    def score_faces(self, pictures: np.ndarray) -> np.ndarray:
        """Score vectors float64 ``[N, L]`` of pictures uint8 ``[N, S, S, 3]``, each as a window without motion."""
        pixels = torch.from_numpy(centred(pictures, self.preprocessing))
        still = np.arange(len(pictures))[:, None].repeat(C3D.WINDOW, axis=1)
        scores: np.ndarray = self._look(pixels, still).mean(axis=1)
        return scores

    @torch.inference_mode()
    def _look(self, pixels: Tensor, windows: np.ndarray) -> np.ndarray:
        """Probabilities float64 ``[N, V, L]`` of windows ``[N, 16]`` of pictures, by their numbers, in V views."""
        count = max(1, at_once(self.preprocessing.input_size) // C3D.WINDOW)
        answers = []
        for first in range(0, len(windows), count):
            check_time()
            part = pixels[torch.from_numpy(windows[first : first + count])].to(self.hardware.device)
            inputs = self.preprocessing.to_input(part).transpose(1, 2)
            views = []
            for view in [inputs, inputs.flip(-1)] if self.mirror else [inputs]:
                with self.hardware.autocast():
                    logits = self.network(view.contiguous(memory_format=torch.channels_last_3d))
                views.append(logits.double().softmax(1).cpu().numpy())
            answers.append(np.stack(views, axis=1))
        return np.concatenate(answers)


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> C3dMember:
    """Read the folder that :func:`affekt.training.pictures.train_c3d` wrote."""
    stored = load_model(folder, "c3d", C3D)
    assert stored.preprocessing is not None
    return C3dMember(
        stored.network, stored.preprocessing, hardware.made(), labels=stored.labels,
        windows_per_clip=stored.settings["windows_per_clip"], mirror=stored.settings["mirror"],
    )  # fmt: skip
