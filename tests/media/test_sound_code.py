"""Sound is coded without loss, and what is no such code is told."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.media.sound_code import Sound, decode, encode

SPEECH = np.rint(8000 * np.sin(np.arange(16000) ** 1.2 / 40)).astype(np.int16)


@pytest.mark.parametrize("samples", [SPEECH, SPEECH[:1], SPEECH[:0], np.array([-32768, 32767] * 99, np.int16)])
def test_every_bit_comes_back(samples):
    np.testing.assert_array_equal(decode(encode(samples)), samples, strict=True)


def test_speech_takes_less_room_and_the_same_each_time():
    code = encode(SPEECH)
    assert len(code) < 0.75 * SPEECH.nbytes and code == encode(SPEECH)


def test_it_is_decoded_once_and_when_it_is_asked_for():
    asked = []

    def read():
        asked.append(1)
        return encode(SPEECH)

    sound = Sound(read=read)
    assert not asked
    np.testing.assert_array_equal(sound.samples, sound.samples)
    assert asked == [1] and sound.code() == Sound(SPEECH).code()
    assert not len(Sound().samples) and not Sound().code()


@pytest.mark.parametrize("code", [b"fLaC", b"RIFF" + bytes(60), encode(SPEECH)[:50]])
def test_what_is_no_such_code_is_told(code):
    with pytest.raises(ValueError, match="is no FLAC sound"):
        decode(code)
