"""Sound to a mel spectrogram: the power in 40 bands of short frames, as encoders of voices read it."""

from __future__ import annotations

from functools import cache

import numpy as np

from affekt.media.sound_code import RATE

#: Bands of the spectrogram.
BANDS = 40
#: Samples of a frame (25 ms), and from one frame to the next (10 ms).
FRAME, HOP = 400, 160
# Slaney's scale: linear up to 1000 Hz, which is 15 mel, then 27 mel from there to 6400 Hz.
_LINEAR, _BREAK, _LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def mel_spectrogram(sound: np.ndarray) -> np.ndarray:
    """The power mel spectrogram of sound at 16 kHz in [-1, 1), float32 ``[1 + n // 160, 40]``; equal to librosa's.

    Frames of 25 ms below a Hann window, centred on every tenth millisecond, zeros beyond the ends; bands of equal area
    on Slaney's scale (Slaney, "Auditory Toolbox", 1998) from 0 to 8000 Hz.

    Args:
        sound: float ``[n]``.
    """
    padded = np.pad(np.asarray(sound, dtype=np.float64), FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    return np.asarray(power @ _bands().T, dtype=np.float32)


def band_centres() -> np.ndarray:
    """The frequency in the middle of each band, Hz, float64 ``[40]``, ascending."""
    centres: np.ndarray = _edges()[1:-1]
    return centres


@cache
def _edges() -> np.ndarray:
    """Where the triangles of the bands begin, are highest and end, Hz, float64 ``[42]``."""
    top = _BREAK / _LINEAR + np.log(RATE / 2 / _BREAK) / _LOG_STEP
    mel = np.linspace(0, top, BANDS + 2)
    above = mel >= _BREAK / _LINEAR
    edges: np.ndarray = np.where(above, _BREAK * np.exp(_LOG_STEP * (mel - _BREAK / _LINEAR)), mel * _LINEAR)
    return edges


@cache
def _bands() -> np.ndarray:
    """How much each frequency counts in each band, float64 ``[40, 201]``: triangles of equal area."""
    edges = _edges()
    distance = edges[:, None] - np.linspace(0, RATE / 2, FRAME // 2 + 1)
    width = np.diff(edges)[:, None]
    bands: np.ndarray = np.maximum(0, np.minimum(-distance[:-2] / width[:-1], distance[2:] / width[1:]))
    even: np.ndarray = bands * (2 / (edges[2:] - edges[:-2]))[:, None]
    return even
