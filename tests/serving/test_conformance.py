"""All engines give the same: the same clips, the same bytes of answers, the same errors."""

from __future__ import annotations

import json
import random

import pytest
import requests

from affekt.registry import pyfunc_model

SEED = 15


@pytest.fixture(scope="module")
def pyfunc(tiny_ensemble):
    """MLflow's form of the ensemble."""
    model = pyfunc_model.EnsembleModel()
    model.load_context(type("Context", (), {"artifacts": {"ensemble": str(tiny_ensemble)}}))
    return model


def mutants(content: bytes, count: int) -> list[bytes]:
    """Clips that were damaged: bytes changed, left out, doubled, cut off, or swapped for others."""
    rng = random.Random(SEED)
    made = []
    for _ in range(count):
        body = bytearray(content)
        for _ in range(rng.choice((1, 3, 30))):
            at, length = rng.randrange(len(body)), rng.choice((1, 4, 64, 1024))
            match rng.randrange(5):
                case 0:
                    body[at : at + length] = rng.randbytes(min(length, len(body) - at))
                case 1 if len(body) > 4096:
                    del body[at : at + length]
                case 2:
                    body[at:at] = body[at : at + length]
                case 3:
                    body[at] ^= 1 << rng.randrange(8)
                case 4 if rng.random() < 0.1:
                    del body[max(1, at) :]
        made.append(bytes(body))
    return made


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


@pytest.mark.parametrize("count", [6, pytest.param(2000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_damaged_clips_crash_nothing(server, door, clip, count):
    for body in mutants(clip.read_bytes(), count):
        torchserve, direct = (answered(each.url, body) for each in (server, door))
        assert torchserve == direct
    for each in (server, door):
        assert requests.get(f"{each.base}/v2/health/ready", timeout=30).status_code == 200
