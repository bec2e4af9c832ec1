"""The voices of the sample clips: a source-filter synthesiser whose prosody follows the feeling.

A train of glottal pulses with jitter and shimmer, mixed with breath noise, passes four formant resonators that glide
from vowel to vowel (after Klatt, "Software for a cascade/parallel formant synthesizer", 1980). Nothing intelligible is
said. Like the faces, the voices are for the demo and for tests: what a model scores on them says nothing about people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from affekt.samples.subjects import Subject

SAMPLE_RATE = 22050
_STEP = 110  # samples from one filter setting to the next, 5 ms

# First to fourth formant of an average voice, Hz.
_VOWELS = np.array(
    [(730, 1200, 2500, 3500), (530, 1800, 2500, 3500), (300, 2200, 2950, 3600), (560, 920, 2450, 3400),
     (320, 900, 2300, 3400), (500, 1500, 2500, 3500), (660, 1700, 2450, 3500)],
    np.float64,
)  # fmt: skip
_WIDTHS = np.array([70, 100, 140, 200], np.float64)


@dataclass(frozen=True)
class Prosody:
    """How a feeling sounds.

    Attributes:
        pitch: semitones above the subject's own; ``span``: semitones of its swing; ``slope``: semitones over the clip.
        loudness: decibels; ``rate``: syllables a second; ``tilt``: 0 bright and pressed to 1 dull and soft.
        breath: share of noise; ``roughness``: jitter and shimmer, 1 is ordinary; ``tremor``: semitones at 6-8 Hz.
        spread: formants relative to rest (smiling lips raise them).
    """

    pitch: float
    span: float
    slope: float
    loudness: float
    rate: float
    tilt: float
    breath: float
    roughness: float
    tremor: float
    spread: float


PROSODY: dict[str, Prosody] = {
    # pitch, span, slope, loudness, rate, tilt, breath, roughness, tremor, spread
    "angry": Prosody(4.0, 3.2, -1.5, 6.0, 4.9, 0.08, 0.05, 1.8, 0.0, 1.0),
    "disgust": Prosody(-2.0, 1.6, -2.5, -1.5, 2.9, 0.45, 0.12, 2.8, 0.0, 0.93),
    "fear": Prosody(5.5, 1.2, 1.0, -1.0, 5.8, 0.4, 0.3, 1.6, 0.7, 1.03),
    "happy": Prosody(4.5, 4.5, 0.5, 3.0, 4.7, 0.2, 0.06, 0.9, 0.0, 1.08),
    "sad": Prosody(-1.0, 0.8, -2.0, -6.0, 2.6, 0.85, 0.28, 1.2, 0.15, 0.98),
    "surprise": Prosody(5.0, 3.0, 5.5, 2.5, 3.4, 0.25, 0.15, 0.9, 0.0, 1.0),
    "neutral": Prosody(0.0, 1.6, -1.0, 0.0, 3.9, 0.45, 0.08, 1.0, 0.0, 1.0),
}
# Standard deviations of one clip's prosody around its feeling's.
_SCATTER = Prosody(1.3, 0.6, 1.1, 1.8, 0.45, 0.11, 0.05, 0.35, 0.1, 0.025)


@dataclass(frozen=True)
class Voice:
    """The voice of one clip.

    Attributes:
        sound: float32 ``[N]`` within -1 to 1, ``SAMPLE_RATE`` a second.
        mouth: how far the mouth opens in each picture, float32 ``[T]``, 0 to 1.
        pitch: what was meant, Hz, every 5 ms.
    """

    sound: np.ndarray
    mouth: np.ndarray
    pitch: np.ndarray


def speak(subject: Subject, label: str, seconds: float, frame_rate: int, generator: np.random.Generator) -> Voice:
    """Say something for ``seconds`` in the voice of ``subject`` and the manner of ``label``.

    The sound is 82 to 340 Hz high and never clips.
    """
    prosody = _drawn(label, subject.manner[1], generator)
    count = round(seconds * SAMPLE_RATE)
    steps = count // _STEP + 1
    time = np.arange(steps) * _STEP / SAMPLE_RATE
    loud, vowel, accent = _syllables(prosody, time, seconds, generator)
    pitch = _pitch(subject, prosody, time, seconds, accent, generator)
    source = _source(prosody, subject, pitch, loud, count, generator)
    sound = _resonate(source, vowel * subject.tract * prosody["spread"])
    sound /= np.sqrt(np.mean(sound**2)) + 1e-9
    level = 0.05 * 10 ** (prosody["loudness"] / 20)
    sound = level * sound + 10 ** generator.uniform(-3.3, -2.5) * generator.standard_normal(count)
    sound = 0.9 * np.tanh(sound / 0.9)
    frames = round(seconds * frame_rate)
    mouth = np.interp(np.arange(frames) / frame_rate, time, loud)
    return Voice(sound.astype(np.float32), mouth.astype(np.float32), pitch)


def _drawn(label: str, manner: float, generator: np.random.Generator) -> dict[str, float]:
    """One clip's prosody: the feeling's, as strongly as chance and the subject's manner have it, and disturbed."""
    strength = manner * (1 - 0.5 * generator.beta(1.5, 3.0))
    calm = vars(PROSODY["neutral"])
    drawn = {
        name: calm[name] + strength * (value - calm[name]) + vars(_SCATTER)[name] * generator.standard_normal()
        for name, value in vars(PROSODY[label]).items()
    }
    floors = {"span": 0.2, "rate": 2.0, "tilt": 0.0, "breath": 0.01, "roughness": 0.2, "tremor": 0.0}
    for name, floor in floors.items():
        drawn[name] = max(floor, drawn[name])
    drawn["tilt"] = min(1.0, drawn["tilt"])
    drawn["loudness"] = min(9.0, drawn["loudness"])
    return drawn


def _syllables(
    prosody: Mapping[str, float], time: np.ndarray, seconds: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Loudness 0 to 1 ``[T]``, formants ``[T, 4]`` and pitch accents ``[T]`` of a run of syllables."""
    loud, accent = np.zeros_like(time), np.zeros_like(time)
    formants = np.zeros((len(time), 4))
    weight = np.full((len(time), 1), 1e-6)
    start = generator.uniform(0.05, 0.2)
    while start < seconds - 0.15:
        length = np.clip(generator.normal(1, 0.18), 0.6, 1.5) / prosody["rate"]
        voiced = length * generator.uniform(0.72, 0.9)
        middle = start + voiced / 2
        reach = np.clip(1 - np.abs(time - middle) / (voiced / 2), 0, 1)
        strength = generator.uniform(0.65, 1.0)
        loud = np.maximum(loud, strength * np.sin(np.pi / 2 * np.minimum(1, reach * 2.5)))
        accent += generator.normal(0, 1) * np.exp(-0.5 * ((time - middle) / (0.4 * length)) ** 2)
        near = np.exp(-0.5 * ((time - middle) / (0.35 * length)) ** 2)[:, None] + 1e-9
        formants += near * _VOWELS[generator.integers(len(_VOWELS))] * generator.normal(1, 0.03, 4)
        weight += near
        start += length
        if generator.random() < 0.12:
            start += generator.uniform(0.08, 0.2)
    return loud, np.where(weight > 1e-5, formants / weight, _VOWELS[5]), accent


def _pitch(
    subject: Subject,
    prosody: Mapping[str, float],
    time: np.ndarray,
    seconds: float,
    accent: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """The pitch in Hz ``[T]``."""
    tremor = prosody["tremor"] * np.sin(2 * np.pi * generator.uniform(6, 8) * time)
    semitones = prosody["pitch"] + prosody["slope"] * (time / seconds - 0.5) + 0.6 * prosody["span"] * accent + tremor
    pitch = subject.pitch * 2 ** (semitones / 12)
    low, high = 82.0, 340.0
    return np.asarray(np.where(pitch > 280, 280 + 60 * np.tanh((pitch - 280) / 60), pitch).clip(low, high))


def _source(
    prosody: Mapping[str, float],
    subject: Subject,
    pitch: np.ndarray,
    loud: np.ndarray,
    count: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Glottal pulses and breath ``[N]``."""
    from scipy.signal import lfilter  # heavy: scipy

    at = np.arange(count) / _STEP
    steps = np.arange(len(pitch))
    cycles = np.cumsum(np.interp(at, steps, pitch) / SAMPLE_RATE)
    number = np.floor(cycles).astype(int)
    jitter = 0.012 * prosody["roughness"] * generator.standard_normal(number[-1] + 2)
    shimmer = 1 + 0.06 * prosody["roughness"] * generator.standard_normal(number[-1] + 2)
    phase = np.clip(cycles - number + jitter[number], 0, 1)
    # Rosenberg's pulse: opens slowly, closes fast; a pressed voice keeps it open more briefly.
    opening = 0.38 + 0.14 * prosody["tilt"]
    closing = 0.08 + 0.22 * prosody["tilt"]
    flow = np.where(
        phase < opening,
        0.5 * (1 - np.cos(np.pi * phase / opening)),
        np.where(phase < opening + closing, np.cos(0.5 * np.pi * (phase - opening) / closing), 0.0),
    )
    pulses = np.diff(flow * shimmer[number], prepend=0.0)
    pulses /= np.abs(pulses).max() + 1e-9
    noise = generator.standard_normal(count) * (0.3 + 0.7 * flow)
    breath = (prosody["breath"] + 0.05 * subject.breath) * 0.25
    mixed = np.interp(at, steps, loud) * (pulses + breath * noise)
    dullness = 0.15 + 0.6 * prosody["tilt"]
    return np.asarray(lfilter([1 - dullness], [1, -dullness], mixed))


def _resonate(source: np.ndarray, formants: np.ndarray) -> np.ndarray:
    """The source through four resonators in cascade whose formants ``[T, 4]`` change every ``_STEP`` samples."""
    from scipy.signal import sosfilt  # heavy: scipy

    radius = np.exp(-np.pi * _WIDTHS / SAMPLE_RATE)
    cosine = 2 * radius * np.cos(2 * np.pi * np.minimum(formants, 0.45 * SAMPLE_RATE) / SAMPLE_RATE)
    sections = np.zeros((len(formants), 4, 6))
    sections[..., 0] = 1 - cosine + radius**2
    sections[..., 3] = 1
    sections[..., 4] = -cosine
    sections[..., 5] = radius**2
    state = np.zeros((4, 2))
    out = np.empty_like(source)
    for step, section in enumerate(sections):
        part = slice(step * _STEP, (step + 1) * _STEP)
        if len(source[part]):
            out[part], state = sosfilt(section, source[part], zi=state)
    return out
