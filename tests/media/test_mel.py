"""The mel spectrogram is librosa's; its frequencies and tempo can be multiplied."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.media.mel import band_centres, mel_spectrogram
from affekt.media.other_speakers import at_frequencies, at_tempo

SECONDS = np.arange(4000) / 16000


def test_it_equals_librosas():
    chirp = 0.3 * np.sin(2 * np.pi * (200 + 3000 * SECONDS) * SECONDS)
    found = mel_spectrogram(chirp.astype(np.float32))
    # librosa 0.11.0: feature.melspectrogram(y, sr=16000, n_fft=400, hop_length=160, n_mels=40), transposed
    expected = [
        [0.585465, 0.02924, 0.000794, 0.000069, 0.000001],
        [0.00004, 4.706436, 0.0, 0.0, 0.0],
        [0.0, 0.0, 8.698032, 0.0, 0.0],
        [0.004667, 0.005572, 0.010456, 1.928816, 0.00007],
    ]
    assert found.shape == (26, 40)
    np.testing.assert_allclose(found[np.ix_([0, 3, 12, 25], [0, 5, 12, 20, 39])], expected, atol=1e-6)


@pytest.mark.parametrize("factor", [0.82, 1.22])
@pytest.mark.parametrize("hertz", [900, 3000])
def test_a_tone_of_multiplied_frequencies_is_where_the_other_tone_is(factor, hertz):
    tone, other = (mel_spectrogram(0.3 * np.sin(2 * np.pi * f * SECONDS))[12] for f in (hertz, factor * hertz))
    warped = at_frequencies(tone[None], factor)[0]
    where = [np.average(np.arange(40), weights=np.sqrt(power)) for power in (warped, other, tone)]
    assert abs(where[0] - where[1]) < 0.5 < abs(where[2] - where[1])


def test_frequencies_and_tempo_multiplied_by_one_are_the_same():
    mel = np.random.default_rng(0).exponential(size=(3, 40)).astype(np.float32)
    np.testing.assert_allclose(at_frequencies(mel, 1.0), mel, rtol=1e-5)
    np.testing.assert_array_equal(at_tempo(mel, 1.0), mel)
    assert np.diff(band_centres()).min() > 0


def test_a_sound_that_is_faster_rises_sooner():
    mel = np.repeat(np.arange(101, dtype=np.float32)[:, None], 40, axis=1)
    np.testing.assert_allclose(at_tempo(mel, 1.25)[:, 0], np.linspace(0, 100, 81), rtol=1e-5)
    assert at_tempo(mel[:1], 0.5).shape == (2, 40) and at_tempo(mel[:1], 2.0).shape == (1, 40)
