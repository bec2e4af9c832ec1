"""A comparison tells drift of the clips from another mix of emotions, and says where it has too few."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from affekt.ensemble.drift import measure

EMOTIONS = ("angry", "happy", "sad")


def rows(number: int, seed: int, *, shares=(1 / 3, 1 / 3, 1 / 3), pitch: float = 0.0, labelled: bool = True):
    """Clips whose pitch goes by the emotion, and a model that hears some of it."""
    chance = np.random.default_rng(seed)
    truth = chance.choice(3, number, p=shares)
    logits = chance.normal(size=(number, 3))
    logits[np.arange(number), truth] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    frame = {f"voice.{n}": chance.normal(size=number) for n in range(20)}
    frame |= {"voice.pitch": chance.normal(truth + pitch), "level": chance.normal(-26, 2, number)}
    frame |= {"modalities": ["face+voice"] * number, "flags": [""] * number}
    frame |= {f"probability.{label}": probabilities[:, n] for n, label in enumerate(EMOTIONS)}
    frame |= {"label": [EMOTIONS[n] for n in truth]} if labelled else {}
    frame |= {} if labelled else {"time": pd.date_range("2026-11-02", periods=number, freq="min", tz="UTC")}
    return pd.DataFrame(frame)


def test_the_same_is_no_drift():
    found = measure(rows(300, 1), rows(200, 2, labelled=False))
    assert (found.verdict, found.drifted, found.mix) == ("none", (), None)
    assert found.first == "2026-11-02T00:00:00+00:00"
    assert "none of 29 columns" in found.sentence()


def test_other_clips_are_told_with_what_is_other():
    found = measure(rows(300, 1), rows(200, 2, pitch=2.0, labelled=False))
    assert found.verdict == "inputs"
    assert found.columns[0].name == "voice.pitch"


def test_another_mix_of_emotions_is_told_from_other_clips():
    found = measure(rows(600, 1), rows(400, 2, shares=(0.8, 0.1, 0.1), labelled=False))
    assert found.verdict == "labels"
    assert {"answer", "voice.pitch"} <= {column.name for column in found.drifted}
    assert found.mix["angry"][1] == pytest.approx(0.8, abs=0.1)


def test_a_certain_but_small_difference_does_not_count():
    old, new = rows(3000, 1), rows(3000, 2, pitch=0.2, labelled=False)
    assert measure(old, new, least=0.01).verdict == "inputs"
    assert measure(old, new).verdict == "none"


def test_too_few_are_too_few():
    found = measure(rows(300, 1), rows(29, 2, labelled=False))
    assert (found.verdict, found.columns) == ("too_few", ())


def test_columns_that_only_one_side_has_are_left_aside():
    old = rows(300, 1).drop(columns=["level", "voice.pitch"])
    assert len(measure(old, rows(200, 2, labelled=False)).columns) == 27
