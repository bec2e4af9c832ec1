"""What trained networks share when they answer: a copy that is ready, centred pictures, even frames, mean vectors."""

from __future__ import annotations

import copy
from typing import TypeVar

import numpy as np
from torch import nn

from affekt.media.prepared import PreparedClip
from affekt.models.crops import centre_crop, cropped
from affekt.models.hardware import Hardware
from affekt.models.normalisation import folded
from affekt.models.preprocessing import Preprocessing

#: Pixels that one forward pass takes at once; it bounds the memory and changes no answer beyond rounding.
_PIXELS_AT_ONCE = 16 * 224 * 224
Network = TypeVar("Network", bound=nn.Module)


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
