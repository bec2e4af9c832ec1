"""All engines give the same: the same clips, the same bytes of answers, the same errors."""

from __future__ import annotations

import json

import pytest
import requests

from affekt.registry import pyfunc_model


@pytest.fixture(scope="module")
def pyfunc(tiny_ensemble):
    """MLflow's form of the ensemble."""
    model = pyfunc_model.EnsembleModel()
    model.load_context(type("Context", (), {"artifacts": {"ensemble": str(tiny_ensemble)}}))
    return model


def answered(url: str, body: bytes):
    answer = requests.post(url, data=body, timeout=120)
    assert answer.status_code < 500, answer.text
    return answer.status_code, answer.json()


def test_every_engine_gives_the_same_answer_and_the_same_errors(server, door, pyfunc, clip, no_clip, tmp_path):
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[:5000])
    for path in (clip, no_clip, cut):
        torchserve, direct = (answered(each.url, path.read_bytes()) for each in (server, door))
        assert json.dumps(torchserve) == json.dumps(direct)
        (said,) = pyfunc.predict(None, [str(path)])
        mine = {key: value for key, value in direct[1].items() if key != "model"}
        assert json.loads(json.dumps(said)) == mine
