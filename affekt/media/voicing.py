"""Whether functionals are those of a voice, by openSMILE's own voicing: noise, music and tones are none.

The limits lie outside of what speech has: acted speech in two languages, also under noise, under sustained chords,
through a telephone's band and in a hall (docs/benchmarks/sound.md has what they tell apart and what not).
"""

from __future__ import annotations

from collections.abc import Mapping

#: Share of the time that is voiced; noise has none.
LEAST_VOICED = 0.01
#: Steadier than any vocal folds: amplitude from period to period (dB), period to period, pitch over the whole.
LEAST_SHIMMER, LEAST_JITTER, LEAST_PITCH_DEVIATION = 0.4, 0.004, 0.002
#: Fewer overtones than any voice: the strongest peak below 2 kHz over that above, dB.
MOST_HAMMARBERG = 45.0
#: Pitch in semitones above 27.5 Hz: 69 Hz and 784 Hz.
LOWEST_PITCH, HIGHEST_PITCH = 16.0, 58.0
#: Seconds for which a voice is held without a break, and for which it is so without being a pure or a rough tone.
LONGEST_HELD, LONG_HELD = 3.0, 1.0
#: Harmonics over noise, dB: beyond the first at length only an instrument's, below the second several pitches at once.
PUREST, SEVERAL_PITCHES = 12.0, -1.7
#: Peaks of loudness a second that syllables make, even where music covers the pitch.
FEWEST_PEAKS = 1.3


def is_voice(values: Mapping[str, float]) -> bool:
    """Whether eGeMAPSv02 functionals, by their names, are those of a voice."""
    held = values["MeanVoicedSegmentLengthSec"]
    if values["VoicedSegmentsPerSec"] * held < LEAST_VOICED:
        return False
    pitch = values["F0semitoneFrom27.5Hz_sma3nz_amean"]
    harmonics = values["HNRdBACF_sma3nz_amean"]
    steady = (
        values["shimmerLocaldB_sma3nz_amean"] < LEAST_SHIMMER
        or values["jitterLocal_sma3nz_amean"] < LEAST_JITTER
        or values["F0semitoneFrom27.5Hz_sma3nz_stddevNorm"] < LEAST_PITCH_DEVIATION
        or values["hammarbergIndexV_sma3nz_amean"] > MOST_HAMMARBERG
    )
    instrument = held > LONGEST_HELD or (held > LONG_HELD and not 1.0 <= harmonics <= PUREST)
    several = harmonics < SEVERAL_PITCHES or (harmonics < 0 and values["loudnessPeaksPerSec"] < FEWEST_PEAKS)
    return not (steady or instrument or several) and LOWEST_PITCH <= pitch <= HIGHEST_PITCH
