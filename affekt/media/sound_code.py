"""What is heard of a clip: samples that are coded without loss, and decoded when they are asked for."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cached_property

import numpy as np

from affekt.media.pictures import Code

#: Samples a second.
RATE = 16000
#: How hard FLAC tries, from 0 to 1; the hardest takes 1.8 times as long for 1.6 hundredths less.
_EFFORT = 0.6


def encode(samples: np.ndarray) -> bytes:
    """Samples, int16 ``[n]``, as FLAC, which gives every bit back; no bytes where there are none."""
    if not len(samples):
        return b""
    import soundfile  # heavy: its library, which clips that nobody hears do without

    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="FLAC", subtype="PCM_16", compression_level=_EFFORT)
    return file.getvalue()


def decode(code: Code) -> np.ndarray:
    """The samples of :func:`encode`.

    Raises:
        ValueError: the bytes are no FLAC of one channel at 16 kHz.
    """
    if not len(code):
        return np.zeros(0, np.int16)
    import soundfile  # heavy: as above

    try:
        samples, rate = soundfile.read(io.BytesIO(code), dtype="int16")
    except soundfile.LibsndfileError as error:
        raise ValueError(f"is no FLAC sound ({error})") from error
    if rate != RATE or samples.ndim != 1:
        raise ValueError(f"is no FLAC sound of one channel at {RATE} Hz")
    return np.asarray(samples)


class Sound:
    """Mono sound at 16 kHz; it is decoded when its samples are first asked for.

    Args:
        samples: int16 ``[n]``; none by default.
        read: gives their code instead, as :func:`encode` made it.
    """

    def __init__(self, samples: np.ndarray | None = None, read: Callable[[], Code] | None = None) -> None:
        self._samples, self._read = samples, read

    @cached_property
    def samples(self) -> np.ndarray:
        """The samples, int16 ``[n]``."""
        if self._read is not None:
            return decode(self._read())
        return np.zeros(0, np.int16) if self._samples is None else self._samples

    def code(self) -> Code:
        """What the store keeps of it."""
        return self._read() if self._read is not None else encode(self.samples)
