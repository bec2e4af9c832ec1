"""The boxes of a face track in every frame: smoothed at key frames, interpolated between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from affekt.media.tracks import Track


def boxes_between(track: Track) -> tuple[range, np.ndarray]:
    """The frames from the first to the last of a track and a smoothed box for each, float64 ``[n, 4]``.

    The places at key frames are freed of outliers and of the detector's trembling by a filter that is symmetric in
    time, so that the box does not lag; between key frames the box moves evenly.
    """
    numbers = sorted(track.boxes)
    boxes = np.array([track.boxes[number] for number in numbers], np.float64)
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    centres = _smoothed(centres, np.array([-3, 12, 17, 12, -3]) / 35)  # Savitzky and Golay 1964: keeps fast turns
    sizes = _smoothed(_median(boxes[:, 2:]), np.array([1, 2, 3, 2, 1]) / 9)
    frames = range(numbers[0], numbers[-1] + 1)
    columns = [np.interp(frames, numbers, values) for values in np.concatenate([centres - sizes / 2, sizes], axis=1).T]
    return frames, np.stack(columns, axis=1)


def _smoothed(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """A symmetric filter along the first axis; point reflection at the ends keeps those in place."""
    reach = min(len(kernel) // 2, len(values) - 1)
    kernel = kernel[len(kernel) // 2 - reach : len(kernel) // 2 + reach + 1]
    kernel = kernel / kernel.sum()
    before = 2 * values[:1] - values[1 : reach + 1][::-1]
    after = 2 * values[-1:] - values[len(values) - reach - 1 : -1][::-1]
    padded = np.concatenate([before, values, after])
    return np.stack([np.convolve(column, kernel, mode="valid") for column in padded.T], axis=1)


def _median(values: np.ndarray) -> np.ndarray:
    padded = np.pad(values, ((1, 1), (0, 0)), mode="edge")
    smooth: np.ndarray = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    return smooth
