"""Training batches, each a pure function of the seed, the stage and the iteration: a resumed run sees the same ones."""

from __future__ import annotations

import functools
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from affekt.models.crops import cropped, cropped_on_device
from affekt.models.frames import window_frames
from affekt.models.preprocessing import Preprocessing
from affekt.training.augmentation import drifting_crops, random_crops

#: More labels than any set of emotions has.
MOST_LABELS = 64


class Pictures(Protocol):
    """An array of pictures, or what gives them one by one."""

    def __getitem__(self, frame: int, /) -> np.ndarray: ...


@dataclass(frozen=True)
class FaceClip:
    """The face frames of one clip: ``faces[t]`` uint8 ``[S, S, 3]``, numbers of frames with a face, the label."""

    key: str
    faces: Pictures
    frames: np.ndarray
    label: int


@dataclass(frozen=True)
class Batch:
    """What one iteration learns from.

    Attributes:
        inputs: uint8 pixels ``[N, T, H, W, C]``, or float features ``[N, T, F]``.
        targets: int64 ``[N]``, indices of labels.
        crops: int ``[N, 5]`` where the crops are still to be taken, on the device, or float ``[N, T, 5]`` where each
            of T frames is another crop of one picture; else None.
    """

    inputs: Tensor
    targets: Tensor
    crops: Tensor | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def part(self, first: int, count: int) -> Batch:
        """Items ``first`` to ``first + count``."""
        end = first + count
        return Batch(
            self.inputs[first:end], self.targets[first:end], None if self.crops is None else self.crops[first:end]
        )

    def pinned(self) -> Batch:
        """A copy in memory that an accelerator reads without waiting; what is on the accelerator stays there."""
        if self.inputs.is_cuda:
            return self
        crops = None if self.crops is None else self.crops.pin_memory()
        return Batch(self.inputs.pin_memory(), self.targets.pin_memory(), crops)


class Batches(Protocol):
    """Where a training loop takes its batches from."""

    @property
    def identity(self) -> str:
        """A digest of the data and of the order in which it is drawn."""

    @property
    def label_shares(self) -> np.ndarray:
        """How often each label is drawn, as a share, by the label's index; zeros up to :data:`MOST_LABELS`."""

    def load(self, iteration: int, items: Sequence[int] | None = None) -> Batch:
        """The batch of an iteration, or the given items of it; called from other threads, some iterations ahead."""

    def finish(self, batch: Batch, device: torch.device) -> Tensor:
        """The float input of the network on its device."""


class Shuffled:
    """An endless sequence over items, each once a round in a new order; any stretch of it can be had directly.

    Args:
        labels: the label of each item.
        seed: numbers that name the sequence.
        balanced: whether the labels take turns, so that each is as frequent as any other.
    """

    def __init__(self, labels: Sequence[int], seed: Sequence[int], *, balanced: bool = False) -> None:
        marks = np.asarray(labels)
        if len(marks) == 0:
            raise ValueError("there is nothing to draw from")
        self._seed = list(seed)
        groups = [np.flatnonzero(marks == mark) for mark in np.unique(marks)]
        self._groups = groups if balanced else [np.arange(len(marks))]
        self._order = functools.lru_cache(maxsize=4 * len(self._groups))(self._order_of)
        counts = np.bincount(marks, minlength=MOST_LABELS)
        counts = (counts > 0).astype(int) if balanced else counts
        #: How often each label is drawn.
        self.label_shares = counts / counts.sum()

    def _order_of(self, group: int, turn: int) -> np.ndarray:
        return np.random.default_rng([*self._seed, group, turn]).permutation(self._groups[group])

    def take(self, first: int, count: int) -> np.ndarray:
        """Items ``first`` to ``first + count`` of the sequence, as their numbers."""
        chosen = []
        for position in range(first, first + count):
            place, group = divmod(position, len(self._groups))
            turn, offset = divmod(place, len(self._groups[group]))
            chosen.append(self._order(group, turn)[offset])
        return np.array(chosen, dtype=int)


class _Pictures:
    """What batches of frames and of windows share: the stage's random numbers, and pixels to inputs."""

    def __init__(self, preprocessing: Preprocessing, stage: str, seed: int, *, on_device: bool) -> None:
        self.preprocessing = preprocessing
        self._seed = [seed, zlib.crc32(stage.encode())]
        self._on_device = on_device

    def _random(self, iteration: int) -> np.random.Generator:
        return np.random.default_rng([*self._seed, iteration])

    def _batch(self, pictures: Sequence[Sequence[np.ndarray]], labels: Sequence[int], crops: np.ndarray) -> Batch:
        """A batch of N items of T pictures; on a CPU cropped here while they are bytes, else later on the device."""
        size = self.preprocessing.input_size
        if self._on_device:
            pixels = np.stack([np.stack(item) for item in pictures])
        else:
            pixels = np.empty((len(pictures), len(pictures[0]), size, size, self.preprocessing.channels), np.uint8)
            for number, (item, crop) in enumerate(zip(pictures, crops, strict=True)):
                for time, picture in enumerate(item):
                    pixels[number, time] = cropped(self.preprocessing.stored(picture), crop, size)
        targets = torch.tensor(labels, dtype=torch.int64)
        return Batch(torch.from_numpy(pixels), targets, torch.from_numpy(crops) if self._on_device else None)

    def _inputs(self, batch: Batch, device: torch.device) -> Tensor:
        """Float ``[N, T, 3, H, W]``."""
        pixels = batch.inputs.to(device, non_blocking=True)
        if batch.crops is not None:
            crops = batch.crops.to(device, non_blocking=True)
            pixels = cropped_on_device(pixels, crops, self.preprocessing.input_size)
        return self.preprocessing.to_input(pixels)


class FrameBatches(_Pictures):
    """Single pictures for VGG: face images, and frames of clips (paper.md, section 4.3.2).

    Clips are drawn evenly, then one of a clip's face frames, so that a long clip counts no more than a short one.

    Args:
        images: uint8 ``[M, S, S, 3]`` face images, or None.
        image_labels: the label of each image that may be drawn, N of them.
        image_numbers: the number of each of those among ``images``.
        clips: clips with at least one face frame.
        image_share: the share of a batch that is taken from the face images; None: in proportion to the number of
            images and of face frames.
    """

    def __init__(
        self,
        images: np.ndarray | None,
        image_labels: Sequence[int],
        image_numbers: np.ndarray,
        clips: Sequence[FaceClip],
        preprocessing: Preprocessing,
        *,
        stage: str,
        seed: int,
        batch_size: int,
        image_share: float | None,
        balanced: bool,
        on_device: bool = False,
    ) -> None:
        super().__init__(preprocessing, stage, seed, on_device=on_device)
        self._images, self._image_labels, self._image_numbers = images, list(image_labels), image_numbers
        self._clips = list(clips)
        count = 0 if images is None else len(self._image_labels)
        if image_share is None:
            image_share = count / (count + sum(len(clip.frames) for clip in clips))
        share = 1.0 if not clips else 0.0 if not count else image_share
        self._of_images = round(batch_size * share)
        self._of_clips = batch_size - self._of_images
        if self._of_images:
            self._image_order = Shuffled(image_labels, [*self._seed, 1], balanced=balanced)
        if self._of_clips:
            self._clip_order = Shuffled([clip.label for clip in clips], [*self._seed, 2], balanced=balanced)
        parts = [(self._of_images, self._image_order)] if self._of_images else []
        parts += [(self._of_clips, self._clip_order)] if self._of_clips else []
        self.label_shares = sum(count / batch_size * order.label_shares for count, order in parts)
        self.identity = _identity(
            stage, seed, batch_size, share, balanced, preprocessing, count, self._image_labels,
            _image_digest(images, image_numbers) if images is not None and self._of_images else "",
            [(clip.key, clip.label) for clip in clips],
        )  # fmt: skip

    def load(self, iteration: int, items: Sequence[int] | None = None) -> Batch:
        rng = self._random(iteration)
        pictures: list[list[np.ndarray]] = []
        labels: list[int] = []
        if self._of_images:
            assert self._images is not None
            for item in self._image_order.take(iteration * self._of_images, self._of_images):
                pictures.append([self._images[self._image_numbers[item]]])
                labels.append(self._image_labels[item])
        if self._of_clips:
            for item in self._clip_order.take(iteration * self._of_clips, self._of_clips):
                clip = self._clips[item]
                pictures.append([clip.faces[rng.choice(clip.frames)]])
                labels.append(clip.label)
        # Within a micro-batch both sources should occur: batch normalisation sees one micro-batch at a time.
        order = rng.permutation(len(labels))
        crops = random_crops(rng, len(labels), pictures[0][0].shape[0], self.preprocessing.crops)
        kept = slice(None) if items is None else items
        return self._batch([pictures[i] for i in order[kept]], [labels[i] for i in order[kept]], crops[kept])

    def finish(self, batch: Batch, device: torch.device) -> Tensor:
        return self._inputs(batch, device)[:, 0]


class WindowBatches(_Pictures):
    """Windows of consecutive face frames for C3D; a window's frames share one crop (paper.md, section 4.3.1)."""

    def __init__(
        self,
        clips: Sequence[FaceClip],
        preprocessing: Preprocessing,
        *,
        window: int,
        stage: str,
        seed: int,
        batch_size: int,
        balanced: bool,
        on_device: bool = False,
    ) -> None:
        super().__init__(preprocessing, stage, seed, on_device=on_device)
        self._clips, self._window, self._size = list(clips), window, batch_size
        self._order = Shuffled([clip.label for clip in clips], [*self._seed, 1], balanced=balanced)
        self.label_shares = self._order.label_shares
        self.identity = _identity(
            stage, seed, batch_size, window, balanced, preprocessing, [(clip.key, clip.label) for clip in clips]
        )

    def load(self, iteration: int, items: Sequence[int] | None = None) -> Batch:
        rng = self._random(iteration)
        chosen = [self._clips[item] for item in self._order.take(iteration * self._size, self._size)]
        pictures = []
        for clip in chosen:
            first = int(rng.integers(max(1, len(clip.frames) - self._window + 1)))
            pictures.append([clip.faces[frame] for frame in window_frames(clip.frames, first, self._window)])
        crops = random_crops(rng, len(chosen), pictures[0][0].shape[0], self.preprocessing.crops)
        kept = range(len(chosen)) if items is None else items
        return self._batch([pictures[i] for i in kept], [chosen[i].label for i in kept], crops[kept])

    def finish(self, batch: Batch, device: torch.device) -> Tensor:
        return self._inputs(batch, device).transpose(1, 2)


class StillBatches(_Pictures):
    """Face images as windows for C3D: one picture, whose crop drifts evenly, as faces in clips are never quite still.

    A picture travels to the device once, and its crops are taken there, on a CPU too: between pixels, so that the drift
    is as even as that of a head.

    Args:
        images: uint8 ``[M, S, S, 3]``.
        image_labels: the label of each image that may be drawn, N of them.
        image_numbers: the number of each of those among ``images``.
        window: frames of a window; 1 for single frames, which C3D takes for windows without motion.
    """

    def __init__(
        self,
        images: np.ndarray,
        image_labels: Sequence[int],
        image_numbers: np.ndarray,
        preprocessing: Preprocessing,
        *,
        window: int,
        stage: str,
        seed: int,
        batch_size: int,
        balanced: bool,
    ) -> None:
        super().__init__(preprocessing, stage, seed, on_device=True)
        self._images, self._labels, self._numbers = images, list(image_labels), image_numbers
        self._window, self._size = window, batch_size
        self._order = Shuffled(image_labels, [*self._seed, 1], balanced=balanced)
        self.label_shares = self._order.label_shares
        self.identity = _identity(
            stage, seed, batch_size, window, balanced, preprocessing, self._labels, _image_digest(images, image_numbers)
        )

    def load(self, iteration: int, items: Sequence[int] | None = None) -> Batch:
        rng, side = self._random(iteration), self._images.shape[1]
        chosen = self._order.take(iteration * self._size, self._size)
        crops = random_crops(rng, self._size, side, self.preprocessing.crops)
        crops = drifting_crops(rng, crops, side, self._window)
        kept = range(self._size) if items is None else items
        pictures = [[self.preprocessing.stored(self._images[self._numbers[chosen[i]]])] for i in kept]
        return self._batch(pictures, [self._labels[chosen[i]] for i in kept], crops[kept])

    def finish(self, batch: Batch, device: torch.device) -> Tensor:
        return self._inputs(batch, device).transpose(1, 2)


class SequenceBatches:
    """Sequences of fc6 activations for the Bi-LSTM, with jitter in time and mirrored faces.

    Args:
        features: float32 ``[N, V, T, F]``; V views of each clip: as it is and, where there are two, mirrored.
        labels: the label of each clip.
    """

    #: The shortest stretch of a clip that a training sequence is taken from, as a share of the clip.
    SHORTEST = 0.7

    def __init__(
        self,
        features: np.ndarray,
        labels: Sequence[int],
        keys: Sequence[str],
        *,
        stage: str,
        seed: int,
        batch_size: int,
        balanced: bool,
    ) -> None:
        self._seed = [seed, zlib.crc32(stage.encode())]
        self._features, self._labels, self._size = features, np.asarray(labels), batch_size
        self._order = Shuffled(labels, [*self._seed, 1], balanced=balanced)
        self.label_shares = self._order.label_shares
        weights = hashlib.sha256(features[:, :, 0].tobytes()).hexdigest()
        self.identity = _identity(stage, seed, batch_size, balanced, list(zip(keys, labels, strict=True)), weights)

    def load(self, iteration: int, items: Sequence[int] | None = None) -> Batch:
        rng = np.random.default_rng([*self._seed, iteration])
        chosen = self._order.take(iteration * self._size, self._size)
        views, steps = self._features.shape[1:3]
        sequences = np.empty((self._size, steps, self._features.shape[3]), np.float32)
        for number, item in enumerate(chosen):
            length = rng.uniform(self.SHORTEST, 1) * steps
            first = rng.uniform(0, steps - length)
            times = (first + (np.arange(steps) + 0.5) * length / steps).astype(int)
            np.take(self._features[item, rng.integers(views)], times, axis=0, out=sequences[number], mode="clip")
        kept = slice(None) if items is None else items
        return Batch(torch.from_numpy(sequences[kept]), torch.from_numpy(self._labels[chosen[kept]]))

    def finish(self, batch: Batch, device: torch.device) -> Tensor:
        return batch.inputs.to(device, non_blocking=True)


def _image_digest(images: np.ndarray, numbers: np.ndarray) -> str:
    """Which images these are; the middle row of pixels tells a picture, and all of them may be gigabytes."""
    return hashlib.sha256(images[numbers, images.shape[1] // 2].tobytes()).hexdigest()


def _identity(*facts: object) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()
