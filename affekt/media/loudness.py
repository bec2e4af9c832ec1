"""How loud a clip's sound is while something is heard in it, and the same sound at one level, without silent ends.

A knock at the microphone or a click of its switch is what is loudest in some clips, and no measure of their voices.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

#: The level that sound is brought to: the usual one of speech in telephony, 26 dB below full scale (ITU-T P.56).
LEVEL = -26.0
#: Sound counts as heard where it is less than this far below the loudest moment of its clip, dB.
HEARD = 40.0
#: Seconds over which a moment's power is measured, and those that are kept before the first and behind the last one.
MOMENT, KEPT = 0.02, 0.1
#: Moments, of which the middle one by loudness tells how loud it is around: what is shorter than half of them does not
#: count. A knock is that many dB louder than it ever is around: in speech the loudest moment is 2 to 10.
AROUND, KNOCK = 7, 15.0


def heard_moments(sound: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean power of each :data:`MOMENT` of int16 sound, ``[M]``, and which of them are heard, bool ``[M]``.

    What is appended in silence changes neither, since the measure is the loudest moment.
    """
    size = max(1, int(MOMENT * sample_rate))
    whole = np.pad(sound, (0, -len(sound) % size)).astype(np.float64)
    power = np.square(whole).reshape(-1, size).mean(axis=1)
    return power, power > power.max(initial=0.0) * 10 ** (-HEARD / 10)


def without_knocks(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """Int16 sound in which what is short and much louder than all that lasts is as loud as what is around it."""
    if not len(sound):
        return sound
    power, _ = heard_moments(sound, sample_rate)
    half = AROUND // 2
    around = np.median(sliding_window_view(np.pad(power, half), AROUND), axis=1)
    knocks = power > around.max() * 10 ** (KNOCK / 10)
    if not knocks.any() or not around.any():
        return sound
    # A knock takes a moment to come and to go.
    near = sliding_window_view(np.pad(knocks, half), AROUND).any(axis=1)
    gain = np.ones(len(power))
    np.sqrt(around / np.maximum(power, 1e-9), where=near & (power > around), out=gain)
    each = np.repeat(gain, max(1, int(MOMENT * sample_rate)))[: len(sound)]
    quieter: np.ndarray = np.rint(sound * each).astype(np.int16)
    return quieter


def level_of(sound: np.ndarray, sample_rate: int) -> float | None:
    """The mean power of what is heard in int16 sound, dB of full scale; None where nothing is."""
    power, heard = heard_moments(sound, sample_rate)
    mean = power[heard].mean() if heard.any() else 0.0
    return float(10 * np.log10(mean / 32768**2)) if mean else None


def at_level(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """Int16 sound at :data:`LEVEL`, the mean power of what is heard; as loud as goes where it would be clipped."""
    power, heard = heard_moments(sound, sample_rate)
    if not heard.any():
        return sound
    gain = 32768 * 10 ** (LEVEL / 20) / power[heard].mean() ** 0.5
    gain = min(gain, 32767 / float(np.abs(sound.astype(np.int32)).max()))
    levelled: np.ndarray = np.rint(sound * gain).astype(np.int16)
    return levelled


def heard_part(sound: np.ndarray, sample_rate: int) -> slice:
    """The samples from a little before what is heard first to a little behind what is heard last."""
    _, heard = heard_moments(sound, sample_rate)
    if not heard.any():
        return slice(0, len(sound))
    first, last = np.flatnonzero(heard)[[0, -1]]
    size, kept = max(1, int(MOMENT * sample_rate)), int(KEPT * sample_rate)
    return slice(max(0, int(first) * size - kept), min(len(sound), (int(last) + 1) * size + kept))
