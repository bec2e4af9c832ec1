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
        (("surprise", "surprised", "SUR", "Pleasant Surprise", "pleasant__surprise", "pleasant-surprise"), "surprise"),
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


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("hapy", "did you mean happy?"),
        ("suprise", "did you mean surprise?"),
        ("afraidd", "did you mean fear?"),
        ("jo", None),
        ("Angst", None),  # fear, and by its letters like anger
        ("madd", None),
        ("calmm", "did you mean neutral?"),
        ("unhappy", None),
        ("not-angry", None),
        ("xyz", None),
    ],
)
def test_a_spelling_that_is_nearly_known_is_guessed(name: str, meant: str | None) -> None:
    with pytest.raises(DataError) as caught:
        canonical_label(name)
    guess = f"; {meant}" if meant else ""
    assert str(caught.value).startswith(f"unknown label {name!r}{guess}; the labels are angry, disgust, ")


def test_labels_have_one_order() -> None:
    assert in_order({"neutral", "sad", "angry"}) == ("angry", "sad", "neutral")
    assert in_order(reversed(LABELS)) == LABELS


@pytest.mark.parametrize("number", ["0", "6", "3.0", "2,0"])
def test_a_number_is_told_to_be_no_word(number: str) -> None:
    with pytest.raises(DataError, match=f"unknown label '{number}', a number, and data sets count labels in different"):
        canonical_label(number)
