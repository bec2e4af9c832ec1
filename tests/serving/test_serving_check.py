"""The check of the gate: a served ensemble has to answer as it does in this process."""

from __future__ import annotations

import json

import pytest

from affekt.serving import check as check_module
from affekt.serving.check import check_serving


def test_an_ensemble_that_answers_alike_passes(tiny_ensemble, clip, no_clip):
    found = check_serving(tiny_ensemble, [clip, no_clip])
    assert found["ok"], found["message"]
    assert found["max_difference"] <= 1e-5
    assert 0 < found["graphs_difference"] < 0.05
    assert found["latency_ms"] > 0
    assert json.dumps(found)


class Glass:
    """The shared server, asked through a glass that shifts its answers."""

    def __init__(self, server, shift):
        self.server, self.shift = server, shift

    def __call__(self, *arguments: object, **options: object) -> Glass:
        return self

    def __enter__(self) -> Glass:
        return self

    def __exit__(self, *arguments: object) -> None: ...

    def predict(self, path):
        answer = self.server.predict(path)
        first, second, *_ = answer["probabilities"]
        answer["probabilities"][first] += self.shift
        answer["probabilities"][second] -= self.shift
        return answer


def test_an_ensemble_that_answers_otherwise_does_not(tiny_ensemble, clip, monkeypatch, server):
    monkeypatch.setattr(check_module, "LocalServer", Glass(server, 1e-4))
    found = check_serving(tiny_ensemble, [clip])
    assert not found["ok"]
    assert found["max_difference"] == pytest.approx(1e-4, rel=0.1)


def test_clips_that_show_nothing_do_not_pass(tiny_ensemble, no_clip, monkeypatch, server):
    monkeypatch.setattr(check_module, "LocalServer", Glass(server, 0))
    found = check_serving(tiny_ensemble, [no_clip])
    assert not found["ok"]
    assert "nothing could be compared" in found["message"]


def test_a_server_that_does_not_start_does_not_pass(tiny_ensemble, clip):
    found = check_serving(tiny_ensemble, [clip], start_timeout=0.1)
    assert not found["ok"]
    assert "was not ready" in found["message"]


def test_a_check_without_clips_is_a_mistake(tiny_ensemble):
    with pytest.raises(ValueError, match="clip"):
        check_serving(tiny_ensemble, [])
