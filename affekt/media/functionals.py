"""Sound to functionals and frame-level descriptors: eGeMAPSv02 by openSMILE, or another feature set in its place."""

from __future__ import annotations

import math
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol, runtime_checkable

import numpy as np

from affekt.counted import there_are
from affekt.errors import SettingsError
from affekt.extensions import extension, extension_names
from affekt.media.loudness import at_level, heard_part, without_knocks
from affekt.media.opensmile_library import Extractor
from affekt.media.resampling import resampled
from affekt.media.sound_code import RATE
from affekt.media.voicing import is_voice
from affekt.media.wanted import unwanted

_EGEMAPS = "egemaps/v02/eGeMAPSv02.conf"
#: Less sound than this says nothing about a voice (openSMILE gives NaN for 0.05 s), seconds.
UNUSABLE_SECONDS = 0.25
#: Sound below this length is used and flagged: several functionals rest on a handful of voiced segments then, seconds.
SHORT_SECONDS = 1.0
#: Sound whose largest sample stays below this is silence: -60 dB of full scale, in 16-bit steps.
SILENT_PEAK = 32
#: Seconds from one row of frame-level descriptors to the next.
HOP = 0.01
#: Feature sets are called by one thread at a time: nothing says that openSMILE's library may be used by several.
_ONE_AT_A_TIME = threading.Lock()


class FeatureSet(Protocol):
    """Turns sound into one vector of a fixed length; what an entry point ``affekt.functionals`` names builds one.

    A set may besides offer ``frame_names`` and ``frames(sound, sample_rate)``, descriptors of short frames as float32
    ``[frames, len(frame_names)]``, one row each :data:`HOP` seconds. Without them there is no joint network. It may
    also offer ``holds_voice(values)``, whether a vector is that of a voice; without it any sound counts as one, and
    ``together(sound, sample_rate, ends)``, the values and the frames where one pass gives both, or ``TimeoutError``
    from ``ends`` on (by :func:`time.monotonic`). It is called by one thread at a time.
    """

    #: The names of the values, in their order.
    names: tuple[str, ...]

    def __call__(self, sound: np.ndarray, sample_rate: int) -> np.ndarray:
        """float32 ``[len(names)]`` from float32 ``[n]`` in [-1, 1); NaN where a value cannot be told."""


@runtime_checkable
class OnePass(Protocol):
    """A feature set that tells its values and its frames in one pass."""

    def together(self, sound: np.ndarray, sample_rate: int, ends: float) -> tuple[np.ndarray, np.ndarray]:
        """What it would give when called, and what its ``frames`` would.

        Raises:
            TimeoutError: it was not done at ``ends`` of :func:`time.monotonic`.
        """


class Egemaps:
    """eGeMAPSv02 (Eyben et al. 2016) by openSMILE: 88 functionals, and the 25 low-level descriptors under them.

    openSMILE's open-source licence covers private, research and education use, not commercial products. Those need a
    licence from audEERING, or another feature set (an entry point ``affekt.functionals``, and its name as the setting
    ``media.functionals``).
    """

    def __init__(self) -> None:
        self._extractor = Extractor(_EGEMAPS)
        self.names = self._extractor.names
        self.frame_names = self._extractor.frame_names

    def __call__(self, sound: np.ndarray, sample_rate: int) -> np.ndarray:
        return self.together(sound, sample_rate)[0]

    def frames(self, sound: np.ndarray, sample_rate: int) -> np.ndarray:
        return self.together(sound, sample_rate)[1]

    def together(self, sound: np.ndarray, sample_rate: int, ends: float = math.inf) -> tuple[np.ndarray, np.ndarray]:
        with _interrupt_later() as interrupted:
            values, rows = self._extractor(sound, sample_rate, ends, interrupted or unwanted())
        return (values[0] if len(values) else np.full(len(self.names), np.nan, np.float32)), rows

    def holds_voice(self, values: np.ndarray) -> bool:
        return is_voice(dict(zip(self.names, map(float, values), strict=True)))


@contextmanager
def _interrupt_later() -> Iterator[Callable[[], bool] | None]:
    """Hold an interrupt (Ctrl-C) back until openSMILE is done: in its calls back into Python it would be lost.

    Gives what tells another thread whether one came; Python's own handler runs only when the library is back in Python,
    the descriptor that it writes to tells at once. None where the interrupt would not end the work, or another part of
    the program has this descriptor.
    """
    if threading.current_thread() is not threading.main_thread():  # signals go to the main thread
        yield None
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    told, tells = socket.socketpair()
    tells.setblocking(False)
    other = signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
    if other != -1:
        signal.set_wakeup_fd(other)
    try:
        yield (lambda: _holds_interrupt(told)) if other == -1 and before is signal.default_int_handler else None
    finally:
        if other == -1:
            signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, before)
        told.close()
        tells.close()
        if came:
            signal.raise_signal(signal.SIGINT)


def _holds_interrupt(told: socket.socket) -> bool:
    """Whether SIGINT is among the numbers of signals that came, which stay to be read again."""
    try:
        return signal.SIGINT in told.recv(64, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False


@dataclass(frozen=True)
class Voice:
    """The functionals and the frame-level descriptors of one clip.

    Attributes:
        functionals: float32 vector, never NaN; zeros where ``usable`` is false.
        descriptors: float32 ``[frames, D]``, a row each :data:`HOP` seconds, never NaN; no rows where ``usable`` is
            false, no columns where the feature set has none.
        usable: whether they come from sound that can carry a voice.
        flags: ``no_sound``, ``silent``, ``short_sound``, ``no_voice`` or ``unusable_sound``.
        sound: int16 ``[n]`` at 16 kHz, the sound that the functionals are of; none where ``usable`` is false.
    """

    functionals: np.ndarray
    descriptors: np.ndarray
    usable: bool
    flags: tuple[str, ...] = ()
    sound: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int16))


@cache
def feature_set(name: str) -> FeatureSet:
    """The feature set of that name; one per process.

    Raises:
        SettingsError: no installed package offers it.
    """
    check_feature_set(name)
    found: FeatureSet = extension("feature set", name)()
    return found


def check_feature_set(name: str) -> None:
    """Refuse a name that no installed package offers, without loading anything.

    Raises:
        SettingsError: names what is installed.
    """
    offered = extension_names("feature set")
    if name not in offered:
        raise SettingsError([f"media.functionals: no feature set {name!r}; {there_are(offered)}"])


def offers_frames(name: str) -> bool:
    """Whether the feature set of that name has frame-level descriptors, which the joint network hears.

    Raises:
        SettingsError: no installed package offers it.
    """
    # Known without loading openSMILE.
    return name == "egemaps" or bool(getattr(feature_set(name), "frame_names", ()))


def as_float(sound: np.ndarray) -> np.ndarray:
    """int16 samples as float32 in [-1, 1); exact, and nothing wraps round when openSMILE turns it back to 16 bits."""
    return np.minimum(sound.astype(np.float32) / 32768, np.float32(32767 / 32768))


def voice_of(
    sound: np.ndarray,
    sample_rate: int,
    name: str = "egemaps",
    *,
    level: bool = False,
    trim: bool = False,
    ends: float = math.inf,
) -> Voice:
    """The functionals of int16 mono sound; they equal openSMILE's own on a 16-bit WAV file of the same samples.

    Args:
        sound: int16 ``[n]``.
        sample_rate: Hz.
        name: of the feature set.
        level: whether the sound is brought to one level first (:func:`affekt.media.loudness.at_level`). With it, and
            with ``trim``, knocks are made as quiet as what is around them.
        trim: whether silence before and behind what is heard counts for nothing: the functionals are those of the part
            between, and the descriptors of what lies outside of it are those of its ends.
        ends: when to give up, by :func:`time.monotonic`; of a feature set that does not know how, never.

    Raises:
        TimeoutError: it was not done by then.
    """
    with _ONE_AT_A_TIME:
        features = feature_set(name)
    columns = len(getattr(features, "frame_names", ()))
    nothing = np.zeros(len(features.names), np.float32), np.zeros((0, columns), np.float32)
    if sound.size == 0:
        return Voice(*nothing, False, ("no_sound",))
    sound = without_knocks(sound, sample_rate) if level or trim else sound
    if max(-int(sound.min()), int(sound.max())) < SILENT_PEAK:
        return Voice(*nothing, False, ("short_sound" if sound.size < UNUSABLE_SECONDS * sample_rate else "silent",))
    part = heard_part(sound, sample_rate) if trim else slice(0, len(sound))
    heard = sound[part]
    if heard.size < UNUSABLE_SECONDS * sample_rate:
        return Voice(*nothing, False, ("short_sound",))
    heard = at_level(heard, sample_rate) if level else heard
    samples = as_float(heard)
    with _ONE_AT_A_TIME:
        values, rows = _described(features, samples, sample_rate, ends)
    if not np.isfinite(values).all() or not np.isfinite(rows).all():
        return Voice(*nothing, False, ("unusable_sound",))
    if not getattr(features, "holds_voice", lambda _: True)(values):
        return Voice(*nothing, False, ("no_voice",))
    if len(rows):
        hop = HOP * sample_rate
        rows = np.pad(rows, ((round(part.start / hop), round((len(sound) - part.stop) / hop)), (0, 0)), mode="edge")
    flags = ("short_sound",) if heard.size < SHORT_SECONDS * sample_rate else ()
    return Voice(values, rows, True, flags, _at_rate(heard, sample_rate))


def _at_rate(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """Int16 sound at the rate that encoders of voices hear."""
    if sample_rate == RATE:
        return sound
    common = math.gcd(sample_rate, RATE)
    return resampled(sound, RATE // common, sample_rate // common)


def _described(features: FeatureSet, sound: np.ndarray, sample_rate: int, ends: float) -> tuple[np.ndarray, np.ndarray]:
    """What a feature set says of sound: its values, and float32 ``[frames, D]`` without rows where it has no frames."""
    if isinstance(features, OnePass):
        return features.together(sound, sample_rate, ends)
    values = features(sound, sample_rate)
    if not getattr(features, "frame_names", ()):
        return values, np.zeros((0, 0), np.float32)
    return values, features.frames(sound, sample_rate)  # type: ignore[attr-defined]
