"""The trained VGG: a clip's score vector, and its fc6 activations in time for the members that read them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affekt.errors import DataError
from affekt.media.deadline import check_time
from affekt.media.prepared import PreparedClip
from affekt.models.answering import at_once, centred, faces_of, mean_vector, ready
from affekt.models.frames import even_frames
from affekt.models.hardware import Hardware
from affekt.models.member import HardwareChoice, Member, Scored
from affekt.models.model_folder import StoredModel, load_model
from affekt.models.preprocessing import Preprocessing
from affekt.models.vgg.network import VGG16


class VggMember:
    """Face pictures to fc6 activations and probabilities, by a VGG that is trained and done.

    What it offers of a clip are fc6 activations float32 ``[V, steps, F]`` of evenly spaced face frames, by the numbers
    of steps that its readers named with :meth:`read_in`; nothing of a clip without a face.

    Args:
        network: is copied; the copy has its batch normalisation folded in.
        labels: what its outputs mean.
        frames_per_clip: how many frames a clip's score vector averages.
        mirror: whether mirror images are scored as well, and averaged.
        sha256: of its weights file, by which readers know it.
    """

    name = "vgg"

    def __init__(
        self, network: VGG16, preprocessing: Preprocessing, hardware: Hardware, *, labels: tuple[str, ...],
        frames_per_clip: int, mirror: bool, sha256: str = "",
    ) -> None:  # fmt: skip
        self.network = ready(network, hardware)
        self.preprocessing = preprocessing
        self.hardware = hardware
        self.labels = labels
        self.frames_per_clip = frames_per_clip
        self.mirror = mirror
        self.sha256 = sha256
        self._steps: set[int] = set()

    @classmethod
    def of(cls, stored: StoredModel[VGG16], hardware: Hardware) -> VggMember:
        """As it was stored."""
        assert stored.preprocessing is not None
        return cls(
            stored.network, stored.preprocessing, hardware, labels=stored.labels,
            frames_per_clip=stored.settings["frames_per_clip"], mirror=stored.settings["mirror"], sha256=stored.sha256,
        )  # fmt: skip

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
            part = torch.from_numpy(pixels[first : first + count]).to(self.hardware.device)
            inputs = self.preprocessing.to_input(part)
            views = [self._forward(view) for view in ([inputs, inputs.flip(-1)] if mirrored else [inputs])]
            features.append(np.stack([fc6 for fc6, _ in views], axis=1))
            probabilities.append(np.stack([values for _, values in views], axis=1))
        return np.concatenate(features), np.concatenate(probabilities)

    @torch.inference_mode()
    def _forward(self, inputs: Tensor) -> tuple[np.ndarray, np.ndarray]:
        with self.hardware.autocast():
            fc6, logits = self.network.fc6_and_logits(inputs.contiguous(memory_format=torch.channels_last))
        return fc6.float().cpu().numpy(), logits.double().softmax(1).cpu().numpy()

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


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> VggMember:
    """Read the folder that :func:`affekt.training.pictures.train_vgg` wrote."""
    return VggMember.of(load_model(folder, "vgg", VGG16), hardware.made())


def vgg_read_by(reader: str, needs: Mapping[str, Member], stored: StoredModel[Any], folder: Path) -> VggMember:
    """The VGG whose fc6 activations a stored network reads.

    Args:
        reader: the name of the network's model.
        needs: its loaded members.
        stored: the network, with the digest of its VGG and its number of time steps.
        folder: where it is, for the error.

    Raises:
        DataError: ``mismatch``: it was trained on another VGG.
    """
    vgg = needs["vgg"]
    assert isinstance(vgg, VggMember)
    if stored.facts["vgg_sha256"] != vgg.sha256:
        raise DataError(
            f"the {reader} was trained on the fc6 activations of another vgg; train it anew with this one",
            code="mismatch",
            where=str(folder),
        )
    return vgg
