"""Waiting for a service that is away."""

from __future__ import annotations

import logging

import pytest

from affekt import patience
from affekt.errors import AffektError, UsageError
from affekt.patience import as_a_step, at_most, repeated


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(patience, "_PAUSES", (0.01,))
    monkeypatch.setattr(patience, "SAID_EVERY", 0.05)


class Away:
    """Fails as often as told, then answers."""

    def __init__(self, times: float) -> None:
        self.left, self.asked = times, 0

    def __call__(self) -> str:
        self.asked += 1
        if self.asked <= self.left:
            raise ConnectionError("refused")
        return "here"


def asked(service: Away, *, seconds: float, worth: float = float("inf")) -> str:
    return repeated(service, lambda error: worth, seconds=seconds, service="MLflow", where="http://there")


def test_a_service_that_comes_back_is_waited_for():
    assert asked(Away(3), seconds=5) == "here"


def test_lines_say_who_is_waited_for_and_how_long(caplog):
    with caplog.at_level(logging.WARNING), pytest.raises(AffektError):
        asked(Away(float("inf")), seconds=0.2)
    assert "no answer of MLflow at http://there for 0 s; waiting for at most 0 s" in caplog.messages


def test_patience_ends_in_one_error_with_the_address_and_the_last_reason():
    with pytest.raises(AffektError) as caught:
        asked(Away(float("inf")), seconds=0.1)
    assert (caught.value.code, caught.value.where) == ("unanswered", "http://there")
    assert "AFFEKT_PATIENCE" in caught.value.message
    assert caught.value.message.endswith("refused")


def test_an_error_that_stays_is_not_repeated():
    service = Away(3)
    with pytest.raises(ConnectionError):
        asked(service, seconds=5, worth=0)
    assert service.asked == 1


def test_without_patience_a_request_is_sent_once():
    service = Away(1)
    with pytest.raises(ConnectionError):
        asked(service, seconds=0)
    assert service.asked == 1


def test_a_step_waits_as_long_as_the_variable_says(monkeypatch):
    monkeypatch.setenv(patience.VARIABLE, "42")
    assert patience.patience(7) == 7
    with as_a_step():
        assert patience.patience(7) == 42
        with at_most(0):
            assert patience.patience() == 0
    monkeypatch.delenv(patience.VARIABLE)
    with as_a_step():
        assert patience.patience() == 600


@pytest.mark.parametrize("given", ["-1", "long", "inf", "nan"])
def test_what_is_no_number_of_seconds_is_refused(monkeypatch, given):
    monkeypatch.setenv(patience.VARIABLE, given)
    with as_a_step(), pytest.raises(UsageError):
        patience.patience()
