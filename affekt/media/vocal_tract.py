"""A mel spectrogram as if somebody with a longer or shorter vocal tract had said the same in the same way.

All resonances of a vocal tract move together, by about a fifth between women and men. A spectrogram whose frequencies
are multiplied is nearly that of another speaker (Jaitly and Hinton, "Vocal tract length perturbation (VTLP) improves
speech recognition", 2013); pitch moves with them, timing does not.
"""

from __future__ import annotations

import numpy as np

from affekt.media.mel import band_centres

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
    below = np.minimum(source.astype(int), len(centres) - 2)
    share = source - below
    logs = np.log(mel + _LEAST)
    warped: np.ndarray = np.exp(logs[:, below] * (1 - share) + logs[:, below + 1] * share)
    return warped.astype(np.float32)
