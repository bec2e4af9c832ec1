"""The seven labels under all the names that data sets give them."""

from __future__ import annotations

import pytest

from affekt.dataset import LABELS, canonical_label, in_order
from affekt.errors import DataError


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (("angry", "Anger", "ANG", " angry "), "angry"),
        (("disgust", "Disgusted", "DIS"), "disgust"),
        (("fear", "fearful", "FEA", "afraid"), "fear"),
        (("happy", "Happiness", "HAP", "joy"), "happy"),
        (("sad", "Sadness"), "sad"),
        (("surprise", "surprised", "SUR", "Pleasant Surprise", "pleasant-surprise"), "surprise"),
        (("neutral", "NEU", "calm"), "neutral"),
    ],
)
def test_spellings(names: tuple[str, ...], label: str) -> None:
    assert {canonical_label(name) for name in names} == {label}


@pytest.mark.parametrize("name", ["", "bored", "0", "train", "happy!"])
def test_other_words_are_no_labels(name: str) -> None:
    with pytest.raises(DataError) as caught:
        canonical_label(name)
    assert caught.value.code == "unknown_label"


def test_labels_have_one_order() -> None:
    assert in_order({"neutral", "sad", "angry"}) == ("angry", "sad", "neutral")
    assert in_order(reversed(LABELS)) == LABELS
