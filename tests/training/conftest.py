"""Prepared clips whose functionals are drawn around a centre per label, moved by a shift per subject."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affekt.media import PreparedClip, PreparedIndex, PreparedRow
from affekt.media.sound_code import RATE, Sound
from affekt.settings import load_settings
from affekt.store.entries import Store

SETTINGS = load_settings("small")


def prepared_clip(functionals: np.ndarray, voice: bool = True) -> PreparedClip:
    empty = np.zeros((0, 32, 32, 3), np.uint8)
    return PreparedClip(
        faces=empty, present=np.zeros(0, bool), boxes=np.zeros((0, 4), np.float32), times=np.zeros(0, np.float32),
        functionals=functionals.astype(np.float32), voice=voice, flags=() if voice else ("no_sound",),
        sound=Sound(_tones(functionals)[: 6400 * voice]),
    )  # fmt: skip


def _tones(functionals: np.ndarray) -> np.ndarray:
    """Samples in which the first functionals can be heard, int16 ``[6400]``."""
    hertz = np.geomspace(150, 6000, 20)
    tones = np.sin(2 * np.pi * hertz[:, None] * np.arange(6400) / RATE)
    return np.clip(600 * np.abs(functionals[:20]) @ tones, -32768, 32767).astype(np.int16)


@pytest.fixture
def make_clip() -> Callable[..., PreparedClip]:
    """Builds a prepared clip without frames from its functionals."""
    return prepared_clip


@pytest.fixture
def make_set(tmp_path: Path) -> Callable[..., tuple[PreparedIndex, Store]]:
    """Writes a prepared set; ``layout`` gives (subject, split, labels) per subject, two clips for each label."""

    def make(
        layout: list[tuple[str, str, tuple[str, ...]]],
        *,
        repeats: int = 2,
        spread: float = 1.0,
        mute: tuple[int, ...] = (),
    ) -> tuple[PreparedIndex, Store]:
        names = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
        random = np.random.default_rng(5)
        centres = dict(zip(names, random.normal(size=(7, 88)), strict=True))
        store = Store(tmp_path / "store", SETTINGS.media)
        rows = []
        for subject, split, labels in layout:
            shift = 0.3 * random.normal(size=88)
            for label in labels:
                for repeat in range(repeats):
                    number = len(rows)
                    voice = number not in mute
                    values = centres[label] + shift + spread * random.normal(size=88)
                    key = f"{number:04d}"
                    store.put(key, prepared_clip(values if voice else np.zeros(88), voice))
                    rows.append(PreparedRow(f"{subject}/{label}{repeat}", label, subject, split, key, 0, 0, voice))
        return PreparedIndex(tuple(rows)), store

    return make
