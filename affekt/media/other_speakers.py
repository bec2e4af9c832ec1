"""A mel spectrogram, or sound, as if somebody else had said the same: with another vocal tract, or at another tempo.

All resonances of a vocal tract move together, by about a fifth between women and men. A spectrogram whose frequencies
are multiplied is nearly that of another speaker (Jaitly and Hinton, "Vocal tract length perturbation (VTLP) improves
speech recognition", 2013); pitch moves with them, timing does not.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from affekt.media.mel import band_centres
from affekt.media.resampling import resampled

#: Power that is added before the logarithm between bands is taken.
_LEAST = 1e-8


def at_frequencies(mel: np.ndarray, factor: float) -> np.ndarray:
    """A power mel spectrogram whose frequencies are all so many times as high, float32 ``[B, 40]``.

    What would come from beyond the lowest or highest band repeats that band.

    Args:
        mel: float32 ``[B, 40]``, as :func:`affekt.media.mel.mel_spectrogram` gives it.
        factor: above 1 as of a shorter vocal tract, below 1 as of a longer one.
    """
    centres = band_centres()
    source = np.interp(centres / factor, centres, np.arange(len(centres)))
    warped: np.ndarray = np.exp(_between(np.log(mel + _LEAST).T, source).T)
    return warped.astype(np.float32)


def at_tempo(mel: np.ndarray, factor: float) -> np.ndarray:
    """A mel spectrogram that is so many times as fast, float32 ``[round(B / factor), 40]``, at least one frame.

    Args:
        mel: float32 ``[B, 40]``, at least one frame.
        factor: above 1 faster, below 1 slower.
    """
    count = max(1, round(len(mel) / factor))
    return _between(mel, np.linspace(0, len(mel) - 1, count)).astype(np.float32)


def _between(rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows ``[P, F]`` at the P places between rows ``[N, F]``, linearly."""
    below = np.minimum(places.astype(int), max(0, len(rows) - 2))
    above = np.minimum(below + 1, len(rows) - 1)
    share = (places - below)[:, np.newaxis]
    found: np.ndarray = rows[below] * (1 - share) + rows[above] * share
    return found


def at_speed(samples: np.ndarray, factor: float) -> np.ndarray:
    """Sound played so many times as fast, pitch and resonances with it, int16 ``[n / factor]``.

    As of a smaller speaker who speaks faster, or the other way round (Ko et al., "Audio augmentation for speech
    recognition", 2015).

    Args:
        samples: int16 ``[n]``.
        factor: above 1 faster and higher, below 1 slower and lower; two decimals count.
    """
    share = Fraction(factor).limit_denominator(100)
    return resampled(samples, share.denominator, share.numerator)
