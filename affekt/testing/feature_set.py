"""Checks an audio feature set by the contract of :class:`affekt.media.functionals.FeatureSet`, on sound made for it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from affekt.extensions import extension
from affekt.media.functionals import HOP, OnePass
from affekt.testing.conformance import require, require_spec

RATE = 16000


def check_feature_set(name: str) -> None:
    """Let an installed feature set describe sound, and hold it to its contract.

    Its module is light to import; it has a name for every value, and gives as many, float32; the values of a voice are
    numbers; the same sound always gives the same, whatever came before it, and is left as it was; silence and a quarter
    of a second do not make it fail; and where it describes frames, there is a row each hundredth of a second.

    Args:
        name: of the feature set.

    Raises:
        ConformanceError: the first promise that is not kept.
    """
    who = f"feature set {name!r}"
    require_spec("feature set", name, who)
    features: Any = extension("feature set", name)()
    names = tuple(getattr(features, "names", ()))
    require(bool(names) and len(set(names)) == len(names), who, "it should have names, each of them once")
    voice = _voice(2.0)
    values = _described(features, voice, len(names), who)
    require(bool(np.isfinite(values).all()), who, "the values of a voice should be numbers")
    for what, sound in {"silence": np.zeros(RATE, np.float32), "a quarter of a second": _voice(0.25)}.items():
        try:
            _described(features, sound, len(names), who)
        except Exception as error:  # whatever an author's code raises is the finding
            if isinstance(error, AssertionError):
                raise
            require(False, who, f"{what} should not make it fail ({type(error).__name__}: {error})")
    again = _described(features, voice, len(names), who)
    fresh = _described(extension("feature set", name)(), voice, len(names), who)
    require(
        bool(np.array_equal(again, values) and np.array_equal(fresh, values)),
        who,
        "the same sound should always give the same values, whatever came before it",
    )
    require(not np.array_equal(_described(features, _voice(2.0, pitch=90), len(names), who), values), who,
            "two different voices should not have the same values")  # fmt: skip
    if getattr(features, "frame_names", ()):
        _check_frames(features, voice, who)
    if isinstance(features, OnePass):
        together = features.together(voice, RATE, math.inf)
        apart = features(voice, RATE), features.frames(voice, RATE)  # type: ignore[operator,attr-defined]
        equal = all(np.array_equal(one, other) for one, other in zip(together, apart, strict=True))
        require(equal, who, "one pass should give the values and the frames that it gives apart")


def _described(features: Any, sound: np.ndarray, count: int, who: str) -> np.ndarray:
    before = sound.copy()
    values = features(sound, RATE)
    require(
        isinstance(values, np.ndarray) and values.dtype == np.float32 and values.shape == (count,),
        who,
        f"it should give float32 [{count}], a value a name; found {getattr(values, 'dtype', type(values))} "
        f"{getattr(values, 'shape', '')}",
    )
    require(bool(np.array_equal(sound, before)), who, "it should leave the sound as it was")
    return np.asarray(values)


def _check_frames(features: Any, voice: np.ndarray, who: str) -> None:
    count = len(features.frame_names)
    rows = features.frames(voice, RATE)
    require(
        isinstance(rows, np.ndarray) and rows.dtype == np.float32 and rows.ndim == 2 and rows.shape[1] == count,
        who,
        f"its frames should be float32 [frames, {count}], a column a name",
    )
    due = len(voice) / RATE / HOP
    require(abs(len(rows) - due) <= 10, who, f"it should give a row each {HOP} s, about {due:.0f}; found {len(rows)}")
    require(bool(np.isfinite(rows).all()), who, "the descriptors of a voice should be numbers")
    require(bool(np.array_equal(features.frames(voice, RATE), rows)), who, "the same sound should give the same frames")


def _voice(seconds: float, pitch: float = 180.0) -> np.ndarray:
    """A vowel of harmonics that fall off, with a trembling pitch, float32 in [-1, 1)."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.02 * np.sin(2 * np.pi * 5 * time))) / RATE
    sound = sum(np.sin(number * phase) / number for number in range(1, 20))
    noise = 0.01 * np.random.default_rng(0).normal(size=len(time))
    return np.asarray(0.2 * sound + noise, np.float32)
