"""Sound of several channels as one in which a voice is as loud as in the channels that carry it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: A channel is heard unless it is this far below the loudest one, dB.
HEARD = 20.0
#: Channels with a correlation above this carry one sound, and below its negative cancel each other. They are not mixed
#: where they do the latter for more than a tenth of what is heard.
RELATED, CANCELLED_SHARE = 0.5, 0.1
_BLOCK = 4000
#: The root of the power below which a channel is silent: 60 dB below full scale.
_SILENT = 32768 * 10 ** (-60 / 20)
#: A channel is off zero where its mean is beyond this share of its deviation: recordings of voices have a thousandth.
OFFSET = 0.05
#: Samples of the mean around which a sound lies whose zero wanders: a tenth of a second at 16 kHz.
_ZERO = 1600
#: Samples over which loudness is told, a twentieth of a second at 16 kHz; and the correlation of that in two channels
#: above which they hold one voice: with echoes it is .9, that of two people below .5.
_SYLLABLE, _TOGETHER = 800, 0.7
_WITH_CENTRE, _CENTRE = re.compile(r"[3-9]\.\d"), 2
#: Layouts of a number of channels that would have a centre, and have none.
_NO_CENTRE = frozenset({"3.0(back)", "6.0(front)", "6.1(front)"})
_LOW_FREQUENCIES = {"2.1": 2, "3.1": 3, "4.1": 3, "5.1": 3, "5.1(side)": 3, "6.1": 3, "7.1": 3, "7.1(wide)": 3}


@dataclass(frozen=True)
class Mix:
    """One channel of several.

    Attributes:
        samples: int16 ``[n]``.
        apart: they hold sounds that have nothing in common, as those of two places, or a voice and a noise.
    """

    samples: np.ndarray
    apart: bool = False


def downmix(channels: np.ndarray, layout: str = "") -> np.ndarray:
    """The samples of :func:`mix`."""
    return mix(channels, layout).samples


def mix(channels: np.ndarray, layout: str = "") -> Mix:
    """One channel of several, int16 ``[n, C]``.

    The centre of a film's layout counts alone, since it carries what is spoken; the channel of low frequencies does not
    count where any other is more than silent. Channels that carry one sound count by their power, so that a silent one
    takes nothing from it and a mono file and its stereo copy have one loudness; those that carry different ones count
    alike. Of channels of opposite phase, which would cancel each other, the loudest counts. A channel that is off zero,
    or whose zero wanders, is brought back to it first.

    Args:
        channels: the samples.
        layout: ffmpeg's name of the channels' places.
    """
    channels = _around_zero(channels)
    if channels.shape[1] == 1 or not len(channels):  # a part of a file may lie before its sound begins
        return Mix(np.ascontiguousarray(channels[:, 0]))
    power = np.array([float(np.square(column.astype(np.float64)).mean()) for column in channels.T])
    low = _LOW_FREQUENCIES.get(layout, len(power))
    if low < len(power) and np.delete(power, low).max() > _SILENT**2:
        power[low] = 0
    heard = np.flatnonzero(power > power.max(initial=0.0) * 10 ** (-HEARD / 10))
    if not len(heard):
        return Mix(np.zeros(len(channels), np.int16))
    centred = _WITH_CENTRE.match(layout) and layout not in _NO_CENTRE
    if centred and _CENTRE in heard:
        return Mix(np.ascontiguousarray(channels[:, _CENTRE]))
    samples = channels[:, heard].astype(np.float64)
    related = _correlation(samples / power[heard] ** 0.5) if len(heard) > 1 else 1.0
    if related is None:
        return Mix(np.ascontiguousarray(channels[:, int(power.argmax())]))
    weights = power[heard] if related > RELATED else np.ones(len(heard))
    return Mix(np.rint(samples @ (weights / weights.sum())).astype(np.int16), related <= RELATED)


def same_sound(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two stretches of int16 sound from one moment on hold the same, loud or soft, or one its opposite."""
    size = min(len(one), len(other))
    first, second = one[:size].astype(np.float64), other[:size].astype(np.float64)
    return bool(np.square(first @ second) > RELATED**2 * (first @ first) * (second @ second))


def spoken_together(channels: Sequence[np.ndarray]) -> bool:
    """Whether all of some channels of one sound become loud and soft together, as one voice does that is heard from
    several places, and two who talk to each other do not.
    """
    size = min(map(len, channels), default=0) // _SYLLABLE * _SYLLABLE
    blocks = [channel[:size].reshape(-1, _SYLLABLE) for channel in channels]
    loudness = np.array([np.sqrt(np.square(block.astype(np.float64)).mean(axis=1)) for block in blocks])
    if len(loudness) < 2 or loudness.shape[1] < 2 or not loudness.std(axis=1).all():
        return True
    return bool(np.corrcoef(loudness).min() > _TOGETHER)


def _around_zero(channels: np.ndarray) -> np.ndarray:
    """Channels without the constant that a sound card or a transmitter adds, which is no sound, where it matters; and
    without what such a constant does slowly, as after a plug was put in, where that is more than what is heard.
    """
    if not len(channels):
        return channels
    means = np.array([column.mean(dtype=np.float64) for column in channels.T])
    deviations = np.array([column.std(dtype=np.float64) for column in channels.T])
    off = np.abs(means) > np.maximum(OFFSET * deviations, 1.0)
    wandering = [number for number, column in enumerate(channels.T) if _wanders(column)]
    if not off.any() and not wandering:
        return channels
    moved = channels - np.where(off, means, 0.0)
    for number in wandering:
        moved[:, number] = channels[:, number] - _slow_mean(channels[:, number])
    rounded: np.ndarray = np.clip(np.rint(moved), -32768, 32767).astype(np.int16)
    return rounded


def _wanders(channel: np.ndarray) -> bool:
    """Whether means over a tenth of a second differ more from each other than samples do from those means."""
    blocks = channel[: len(channel) // _ZERO * _ZERO].reshape(-1, _ZERO)
    if len(blocks) < 2:
        return False
    among, within = blocks.mean(axis=1, dtype=np.float64).var(), blocks.var(axis=1, dtype=np.float64).mean()
    return bool(among > max(within, _SILENT**2))


def _slow_mean(channel: np.ndarray) -> np.ndarray:
    """The mean of a tenth of a second around each sample, float64 ``[n]``; the ends are those of the sound."""
    padded = np.pad(channel.astype(np.float64), (_ZERO // 2, _ZERO - _ZERO // 2), "edge")
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    mean: np.ndarray = (sums[_ZERO:-1] - sums[: -_ZERO - 1]) / _ZERO
    return mean


def _correlation(samples: np.ndarray) -> float | None:
    """The mean correlation of channels of equal power ``[n, C]``; None where they cancel each other for long."""
    starts = np.arange(0, len(samples), _BLOCK)
    squares = np.add.reduceat(np.square(samples), starts)
    own = squares.sum(axis=1)
    together = np.add.reduceat(np.square(samples.sum(axis=1)), starts) - own
    most = np.square(np.sqrt(squares).sum(axis=1)) - own
    # Of more than two channels the sum is silence long before all of them are opposite to each other.
    cancelled = most[together < -RELATED * np.minimum(most, own)].sum()
    if cancelled > CANCELLED_SHARE * most.sum():
        return None
    return float(together.sum() / max(most.sum(), 1e-9))
