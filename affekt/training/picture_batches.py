"""Batches of face pictures for VGG and C3D, each a pure function of the seed, the stage and the iteration."""

from __future__ import annotations

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
from affekt.training.augmentation import Distortions, drifting_crops, random_crops
from affekt.training.batches import Batch, identity_of
from affekt.training.possible import packed
from affekt.training.shuffled import Shuffled

#: Bytes of face images up to which they are all made grey before the first batch, and not each time one is drawn.
_GREY_AT_ONCE = 4 << 30


class Pictures(Protocol):
    """An array of pictures, or what gives them one by one."""

    def __getitem__(self, frame: int, /) -> np.ndarray: ...


@dataclass(frozen=True)
class FaceClip:
    """The face frames of one clip: ``faces[t]`` uint8 ``[S, S, 3]``, numbers of frames with a face, the label.

    ``possible`` are the labels, bool ``[L]``, that it could have had; None where all.
    """

    key: str
    faces: Pictures
    frames: np.ndarray
    label: int
    possible: tuple[bool, ...] | None = None


class _Pictures:
    """What batches of frames and of windows share: the stage's random numbers, and pixels to inputs."""

    def __init__(
        self, preprocessing: Preprocessing, stage: str, seed: int, *, on_device: bool, distortions: Distortions | None
    ) -> None:
        self.preprocessing = preprocessing
        self._seed = [seed, zlib.crc32(stage.encode())]
        self._distortions = distortions or Distortions()
        # Angles are for the interpolation between pixels, which takes place on the device, a CPU too.
        self._on_device = on_device or self._distortions.moves_pixels

    #: Of targets: all labels are possible.
    possible: tuple[tuple[bool, ...], ...] = ()

    def _random(self, iteration: int) -> np.random.Generator:
        return np.random.default_rng([*self._seed, iteration])

    def _batch(
        self,
        pictures: Sequence[Sequence[np.ndarray]],
        labels: Sequence[int],
        crops: np.ndarray,
        shares: np.ndarray | None,
        items: Sequence[int] | None,
    ) -> Batch:
        """The given items of N, or all, of T pictures; on a CPU cropped here while they are bytes, else on the device.

        Args:
            pictures, labels, crops, shares: of all N.
        """
        if items is not None:
            pictures, labels = [pictures[item] for item in items], [labels[item] for item in items]
            crops, shares = crops[items], None if shares is None else shares[items]
        size, channels = self.preprocessing.input_size, self.preprocessing.channels
        shape = pictures[0][0].shape[:2] if self._on_device else (size, size)
        pixels = np.empty((len(pictures), len(pictures[0]), *shape, channels), np.uint8)
        for number, (item, crop) in enumerate(zip(pictures, crops, strict=True)):
            for time, picture in enumerate(item):
                stored = picture if picture.shape[2] == channels else self.preprocessing.stored(picture)
                pixels[number, time] = stored if self._on_device else cropped(stored, crop, size)
        targets = torch.tensor(labels, dtype=torch.int64)
        return Batch(
            torch.from_numpy(pixels),
            targets,
            torch.from_numpy(crops) if self._on_device else None,
            None if shares is None else torch.from_numpy(shares),
        )

    def _inputs(self, batch: Batch, device: torch.device) -> Tensor:
        """Float ``[N, T, 3, H, W]``."""
        pixels = batch.inputs.to(device, non_blocking=True)
        if batch.crops is not None:
            crops = batch.crops.to(device, non_blocking=True)
            pixels = cropped_on_device(pixels, crops, self.preprocessing.input_size)
        inputs = self.preprocessing.to_input(pixels)
        if self._distortions.erasing and batch.crops is not None:
            inputs = _erased(inputs, crops)
        return inputs


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
        distortions: Distortions | None = None,
    ) -> None:
        super().__init__(preprocessing, stage, seed, on_device=on_device, distortions=distortions)
        self._images, self._image_labels, self._image_numbers = images, list(image_labels), image_numbers
        if images is not None and self._on_device and preprocessing.grey and images.nbytes < _GREY_AT_ONCE:
            self._images = np.stack([preprocessing.stored(image) for image in images])
        self._clips = list(clips)
        self._targets, self.possible = _targets(clips)
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
        self.identity = identity_of(
            stage, seed, batch_size, share, balanced, preprocessing, count, self._image_labels,
            image_digest(images, image_numbers) if images is not None and self._of_images else "",
            [(clip.key, target) for clip, target in zip(clips, self._targets, strict=True)],
            *filter(None, [self.possible]),
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
                pictures.append([clip.faces[clip.frames[rng.integers(len(clip.frames))]]])
                labels.append(self._targets[item])
        # Within a micro-batch both sources should occur: batch normalisation sees one micro-batch at a time.
        order = rng.permutation(len(labels))
        crops = random_crops(rng, len(labels), pictures[0][0].shape[0], self.preprocessing.crops)
        crops, shares = self._distortions.added(rng, crops), self._distortions.shares(rng, len(labels))
        return self._batch([pictures[i] for i in order], [labels[i] for i in order], crops, shares, items)

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
        distortions: Distortions | None = None,
    ) -> None:
        super().__init__(preprocessing, stage, seed, on_device=on_device, distortions=distortions)
        self._clips, self._window, self._size = list(clips), window, batch_size
        self._targets, self.possible = _targets(clips)
        self._order = Shuffled([clip.label for clip in clips], [*self._seed, 1], balanced=balanced)
        self.label_shares = self._order.label_shares
        self.identity = identity_of(
            stage, seed, batch_size, window, balanced, preprocessing,
            [(clip.key, target) for clip, target in zip(clips, self._targets, strict=True)],
            *filter(None, [self.possible]),
        )  # fmt: skip

    def load(self, iteration: int, items: Sequence[int] | None = None) -> Batch:
        rng = self._random(iteration)
        drawn = self._order.take(iteration * self._size, self._size)
        chosen = [self._clips[item] for item in drawn]
        pictures = []
        for clip in chosen:
            first = int(rng.integers(max(1, len(clip.frames) - self._window + 1)))
            pictures.append([clip.faces[frame] for frame in window_frames(clip.frames, first, self._window)])
        crops = random_crops(rng, len(chosen), pictures[0][0].shape[0], self.preprocessing.crops)
        crops, shares = self._distortions.added(rng, crops), self._distortions.shares(rng, len(chosen))
        return self._batch(pictures, [self._targets[item] for item in drawn], crops, shares, items)

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
        distortions: Distortions | None = None,
    ) -> None:
        super().__init__(preprocessing, stage, seed, on_device=True, distortions=distortions)
        self._images, self._labels, self._numbers = images, list(image_labels), image_numbers
        self._window, self._size = window, batch_size
        self._order = Shuffled(image_labels, [*self._seed, 1], balanced=balanced)
        self.label_shares = self._order.label_shares
        self.identity = identity_of(
            stage, seed, batch_size, window, balanced, preprocessing, self._labels, image_digest(images, image_numbers)
        )

    def load(self, iteration: int, items: Sequence[int] | None = None) -> Batch:
        rng, side = self._random(iteration), self._images.shape[1]
        chosen = self._order.take(iteration * self._size, self._size)
        crops = random_crops(rng, self._size, side, self.preprocessing.crops)
        crops = self._distortions.added(rng, drifting_crops(rng, crops, side, self._window))
        shares = self._distortions.shares(rng, self._size)
        pictures = [[self._images[self._numbers[item]]] for item in chosen]
        return self._batch(pictures, [self._labels[item] for item in chosen], crops, shares, items)

    def finish(self, batch: Batch, device: torch.device) -> Tensor:
        return self._inputs(batch, device).transpose(1, 2)


def _erased(inputs: Tensor, crops: Tensor) -> Tensor:
    """Inputs ``[N, T, 3, H, W]`` with the rectangles of :meth:`Distortions.added` at zero, which is grey."""
    count, frames, _, height, width = inputs.shape
    left, top, wide, high = crops.float()[..., 6:10].reshape(count, -1, 4).unbind(-1)
    x = (torch.arange(width, device=inputs.device) + 0.5) / width
    y = (torch.arange(height, device=inputs.device) + 0.5) / height
    across = (x >= left[..., None]) & (x < (left + wide)[..., None])
    along = (y >= top[..., None]) & (y < (top + high)[..., None])
    inside = (along[..., :, None] & across[..., None, :]).expand(count, frames, height, width)
    return inputs.masked_fill(inside[:, :, None], 0.0)


def _targets(clips: Sequence[FaceClip]) -> tuple[list[int], tuple[tuple[bool, ...], ...]]:
    return packed([clip.label for clip in clips], [clip.possible for clip in clips])


def image_digest(images: np.ndarray, numbers: np.ndarray) -> str:
    """Which images these are; the middle row of pixels tells a picture, and all of them may be gigabytes."""
    return hashlib.sha256(images[numbers, images.shape[1] // 2].tobytes()).hexdigest()
