"""Score tables of models that err in known ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from affekt.score_table import ScoreTable

LABELS = ("angry", "happy", "sad", "neutral")


@pytest.fixture
def make_table() -> Callable[..., ScoreTable]:
    """Builds a table; the strength of a model is how far its logit of the true label stands out of the noise."""

    def make(
        clips: int = 200,
        *,
        models: Sequence[str] = ("face", "voice"),
        strengths: Sequence[float] = (2.0, 1.0),
        splits: Sequence[str] = ("",),
        subjects: int = 10,
        seed: int = 0,
        labels: tuple[str, ...] = LABELS,
    ) -> ScoreTable:
        random = np.random.default_rng(seed)
        truth = random.integers(len(labels), size=clips)
        logits = random.normal(size=(clips, len(models), len(labels)))
        logits[np.arange(clips), :, truth] += np.array(strengths)
        scores = np.exp(logits)
        scores /= scores.sum(axis=2, keepdims=True)
        names = [f"{splits[n % subjects % len(splits)]}{n % subjects}" for n in range(clips)]
        return ScoreTable(
            tuple(f"clip{n}" for n in range(clips)), labels, tuple(models), scores, truth, tuple(names),
            tuple(splits[n % subjects % len(splits)] for n in range(clips)),
        )  # fmt: skip

    return make
