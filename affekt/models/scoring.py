"""Answers of trained networks for a prepared clip: evenly spaced face frames or windows, probabilities averaged."""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from affekt.media.prepared import PreparedClip
from affekt.models.bilstm.network import BiLSTM
from affekt.models.c3d import C3dSettings
from affekt.models.c3d.network import C3D
from affekt.models.crops import centre_crop, cropped
from affekt.models.hardware import Hardware
from affekt.models.joint.acoustic_steps import acoustic_steps
from affekt.models.joint.network import JointBiLSTM
from affekt.models.preprocessing import Preprocessing
from affekt.models.vgg import VggSettings
from affekt.models.vgg.network import VGG16, folded
from affekt.training.batches import even_frames, even_windows

#: Pixels that one forward pass takes at once; it bounds the memory and changes no answer beyond rounding.
_PIXELS_AT_ONCE = 16 * 224 * 224
Network = TypeVar("Network", bound=nn.Module)


class VggScoring:
    """Face pictures to fc6 activations and probabilities, by a VGG that is trained and done.

    Args:
        network: is copied; the copy has its batch normalisation folded in.
        frames_per_clip: how many frames a clip's score vector averages.
        mirror: whether mirror images are scored as well, and averaged.
    """

    def __init__(
        self, network: VGG16, preprocessing: Preprocessing, hardware: Hardware, *, frames_per_clip: int, mirror: bool
    ) -> None:
        self.network = ready(network, hardware)
        self.preprocessing = preprocessing
        self.hardware = hardware
        self.frames_per_clip = frames_per_clip
        self.mirror = mirror

    @classmethod
    def of(cls, network: VGG16, preprocessing: Preprocessing, hardware: Hardware, group: VggSettings) -> VggScoring:
        """By the settings of a run."""
        return cls(network, preprocessing, hardware, frames_per_clip=group.frames_per_clip, mirror=group.mirror)

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

    def stills(self, pictures: np.ndarray) -> np.ndarray:
        """Score vectors float64 ``[N, L]`` of single pictures uint8 ``[N, S, S, 3]``."""
        scores: np.ndarray = self.look(pictures, mirrored=self.mirror)[1].mean(axis=1)
        return scores

    def score(self, clip: PreparedClip) -> np.ndarray | None:
        """The clip's score vector float64 ``[L]``, or None without a face."""
        if not len(clip.face_frames):
            return None
        frames = np.unique(even_frames(clip.face_frames, self.frames_per_clip))
        return mean_vector(self.look(faces_of(clip, frames), mirrored=self.mirror)[1])

    def sequence(self, clip: PreparedClip, steps: int, *, mirrored: bool) -> np.ndarray | None:
        """fc6 activations float32 ``[V, steps, F]`` of evenly spaced face frames, or None without a face."""
        if not len(clip.face_frames):
            return None
        frames, where = np.unique(even_frames(clip.face_frames, steps), return_inverse=True)
        features, _ = self.look(faces_of(clip, frames), mirrored=mirrored)
        return features[where].swapaxes(0, 1)

    def look_over(self, clip: PreparedClip, steps: Collection[int]) -> tuple[np.ndarray | None, dict[int, np.ndarray]]:
        """What :meth:`score` and, by number of steps, :meth:`sequence` return, from one pass over all their frames.

        None and nothing without a face.
        """
        if not len(clip.face_frames):
            return None, {}
        scored = np.unique(even_frames(clip.face_frames, self.frames_per_clip))
        stepped = {count: even_frames(clip.face_frames, count) for count in steps}
        frames = np.unique(np.concatenate([scored, *stepped.values()]))
        features, probabilities = self.look(faces_of(clip, frames), mirrored=self.mirror)
        vector = mean_vector(probabilities[np.searchsorted(frames, scored)])
        return vector, {
            count: features[np.searchsorted(frames, chosen)].swapaxes(0, 1) for count, chosen in stepped.items()
        }


class C3dScoring:
    """Windows of face frames to a score vector, by a C3D that is trained and done."""

    def __init__(
        self, network: C3D, preprocessing: Preprocessing, hardware: Hardware, *, windows_per_clip: int, mirror: bool
    ) -> None:
        self.network = ready(network, hardware)
        self.preprocessing = preprocessing
        self.hardware = hardware
        self.windows_per_clip = windows_per_clip
        self.mirror = mirror

    @classmethod
    def of(cls, network: C3D, preprocessing: Preprocessing, hardware: Hardware, group: C3dSettings) -> C3dScoring:
        """By the settings of a run."""
        return cls(network, preprocessing, hardware, windows_per_clip=group.windows_per_clip, mirror=group.mirror)

    def score(self, clip: PreparedClip) -> np.ndarray | None:
        """The clip's score vector float64 ``[L]``, or None without a face."""
        if not len(clip.face_frames):
            return None
        windows = even_windows(clip.face_frames, self.windows_per_clip, C3D.WINDOW)
        frames, where = np.unique(np.stack(windows), return_inverse=True)
        pixels = torch.from_numpy(centred(faces_of(clip, frames), self.preprocessing))
        return mean_vector(self._look(pixels, where.reshape(len(windows), C3D.WINDOW)))

    def stills(self, pictures: np.ndarray) -> np.ndarray:
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
            part = pixels[torch.from_numpy(windows[first : first + count])].to(self.hardware.device)
            inputs = self.preprocessing.to_input(part).transpose(1, 2)
            views = []
            for view in [inputs, inputs.flip(-1)] if self.mirror else [inputs]:
                with self.hardware.autocast():
                    logits = self.network(view.contiguous(memory_format=torch.channels_last_3d))
                views.append(logits.double().softmax(1).cpu().numpy())
            answers.append(np.stack(views, axis=1))
        return np.concatenate(answers)


class BilstmScoring:
    """fc6 sequences to a score vector, by a Bi-LSTM that is trained and done."""

    def __init__(self, network: BiLSTM, hardware: Hardware) -> None:
        self.network = ready(network, hardware)
        self.hardware = hardware

    @torch.inference_mode()
    def score(self, sequence: np.ndarray) -> np.ndarray:
        """The score vector float64 ``[L]`` of one clip's ``[V, T, F]`` fc6 activations; the views are averaged."""
        with self.hardware.autocast():
            logits = self.network(torch.from_numpy(np.ascontiguousarray(sequence)).to(self.hardware.device))
        return mean_vector(logits.double().softmax(1).cpu().numpy())


class JointScoring:
    """fc6 sequences and a clip's sound to a score vector, by a joint network that is trained and done."""

    def __init__(self, network: JointBiLSTM, hardware: Hardware) -> None:
        self.network = ready(network, hardware)
        self.hardware = hardware

    @torch.inference_mode()
    def score(self, clip: PreparedClip, sequence: np.ndarray) -> np.ndarray | None:
        """The score vector float64 ``[L]`` of a clip with the ``[V, T, F]`` fc6 activations of its faces.

        None without usable sound; the views are averaged.
        """
        both = with_voice(clip, sequence)
        if both is None:
            return None
        with self.hardware.autocast():
            logits = self.network(torch.from_numpy(both).to(self.hardware.device))
        return mean_vector(logits.double().softmax(1).cpu().numpy())


def with_voice(clip: PreparedClip, sequence: np.ndarray) -> np.ndarray | None:
    """fc6 activations ``[V, T, F]`` of evenly spaced faces, each with what was heard around it: ``[V, T, F + 2 D]``.

    None for a clip without usable sound.
    """
    views, steps = sequence.shape[:2]
    heard = acoustic_steps(clip, even_frames(clip.face_frames, steps))
    if heard is None:
        return None
    return np.concatenate([sequence, np.broadcast_to(heard, (views, *heard.shape))], axis=-1)


def ready(network: Network, hardware: Hardware) -> Network:
    """A copy of a trained network for forward passes alone: on the device, channels last, normalisation folded in."""
    network = copy.deepcopy(network)
    hardware.place(network)
    folded(network)
    return network.requires_grad_(False)


def faces_of(clip: PreparedClip, frames: np.ndarray) -> np.ndarray:
    """The face pictures of the named frames, read from the disk now: uint8 ``[N, S, S, 3]``."""
    return np.stack([clip.faces[frame] for frame in frames])


def centred(pictures: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """The centre crop of each picture in the network's size: uint8 ``[N, size, size, C]``."""
    crop = centre_crop(pictures.shape[1], preprocessing.crops[0])
    size = preprocessing.input_size
    return np.stack([cropped(preprocessing.stored(picture), crop, size) for picture in pictures])


def at_once(input_size: int) -> int:
    """How many pictures of this size one forward pass takes."""
    return max(1, min(256, _PIXELS_AT_ONCE // input_size**2))


def mean_vector(probabilities: np.ndarray) -> np.ndarray:
    """The mean over all but the last axis, with a sum of exactly one as far as float64 can."""
    mean = probabilities.reshape(-1, probabilities.shape[-1]).mean(axis=0)
    scaled: np.ndarray = mean / mean.sum()
    return scaled
