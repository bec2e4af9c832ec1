"""The name of a fusion: one value, one text."""

from __future__ import annotations

import pytest

from affekt.fusion import FusionKey


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (FusionKey("svm"), "svm"),
        (FusionKey("svm", ("bilstm", "random_forest", "svc")), "svm@bilstm+random_forest+svc"),
        (FusionKey("highest_confidence", person=True), "highest_confidence~person"),
        (FusionKey("average", ("svc",), person=True), "average@svc~person"),
    ],
)
def test_a_key_has_one_text_and_is_read_from_it(key: FusionKey, text: str) -> None:
    assert str(key) == text
    assert FusionKey.parse(text) == key


@pytest.mark.parametrize(
    "text", ["", "@svc", "svm@", "svm@svc+", "svm@a@b", "sv+m", "svm~", "~person", "svm~person~person"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="fusion"):
        FusionKey.parse(text)


def test_a_fusion_of_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match="one model at least"):
        FusionKey("svm", ())


def test_plain_and_adapted_answers_of_a_fusion_have_each_others_key() -> None:
    key = FusionKey("svm", ("svc",))
    assert key.adapted() == FusionKey("svm", ("svc",), person=True)
    assert key.adapted().plain() == key
