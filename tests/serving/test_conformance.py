"""All engines give the same: the same clips, the same bytes of answers, the same errors."""

from __future__ import annotations

import json

import pytest
import requests

from affekt.ensemble import Ensemble
from affekt.ensemble.earlier import Earlier
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


def test_every_engine_adapts_to_a_person_alike_as_one_process_would(server, door, tiny_ensemble, clip):
    ensemble, earlier = Ensemble.load(tiny_ensemble), Earlier()
    clips = sorted(clip.parent.iterdir())[:3]
    for number, clip in enumerate([*clips, clips[1]]):
        url = "?person=conformance"
        torchserve, direct = (answered(f"{each.url}{url}", clip.read_bytes()) for each in (server, door))
        assert json.dumps(torchserve) == json.dumps(direct)
        mine, shown = ensemble.predict_after(clip, earlier)
        assert direct[1].pop("model") and direct == (200, json.loads(json.dumps(mine.to_dict())))
        assert direct[1]["earlier_clips"] == min(number, 2)  # the last is one of the others again
        earlier = earlier.joined(shown)
