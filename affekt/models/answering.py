"""What trained networks share when they answer: centred pictures, how many at once, mean vectors."""

from __future__ import annotations

import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.models.crops import centre_crop, cropped
from affekt.models.preprocessing import Preprocessing

#: Pixels that one forward pass takes at once; it bounds the memory and changes no answer beyond rounding.
_PIXELS_AT_ONCE = 16 * 224 * 224


def faces_of(clip: PreparedClip, frames: np.ndarray) -> np.ndarray:
    """The face pictures of the named frames, read from the disk now: uint8 ``[N, S, S, 3]``."""
    return np.asarray(clip.faces[frames])


def centred(pictures: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """The centre crop of each picture in the network's size: uint8 ``[N, size, size, C]``."""
    crop = centre_crop(pictures.shape[1], preprocessing.crops[0])
    size = preprocessing.input_size
    return np.stack([cropped(preprocessing.stored(picture), crop, size) for picture in pictures])


def at_once(input_size: int) -> int:
    """How many pictures of this size one forward pass takes."""
    return max(1, min(256, _PIXELS_AT_ONCE // input_size**2))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities float64 of logits float32, over the last axis."""
    values = logits.astype(np.float64)
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities


def mean_vector(probabilities: np.ndarray) -> np.ndarray:
    """The mean over all but the last axis, with a sum of exactly one as far as float64 can."""
    mean = probabilities.reshape(-1, probabilities.shape[-1]).mean(axis=0)
    scaled: np.ndarray = mean / mean.sum()
    return scaled
