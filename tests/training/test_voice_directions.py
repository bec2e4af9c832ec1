"""How what the voice encoder hears moves together: what the covariances tell, and what a model keeps of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from affekt.errors import DataError
from affekt.models.member import HardwareChoice
from affekt.models.members import Members
from affekt.models.voice_embedding.directions import COUNT, DIGEST, DIRECTIONS, Directions
from affekt.models.voice_embedding.member import load
from affekt.models.voice_embedding.network import VoiceEncoder
from affekt.models.voice_embedding.utterances import frames_of, statistics_of
from affekt.settings import load_settings
from affekt.training.given import Given, train_member

LABELS = ("angry", "happy", "sad", "neutral")
PEOPLE = [(f"s{n}", "train", LABELS) for n in range(3)] + [("v", "val", LABELS)]


def _clips(seed: int = 0, units: int = 40) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(units, units))
    return [random.normal(size=(60, units)) @ mixed + 3 for _ in range(20)]


def test_frames_of_all_clips_vary_alike_along_each_direction_and_by_themselves():
    clips = _clips()
    directions = Directions.fit(clips)
    along = (np.concatenate(clips) - directions.mean) @ directions.weights
    assert along.shape[1] == COUNT
    np.testing.assert_allclose(np.cov(along.T, bias=True), np.eye(COUNT), atol=1e-3)


def test_clips_that_differ_only_in_which_units_move_together_are_told_apart():
    random = np.random.default_rng(1)
    steps = random.normal(size=(2, 200, 1))
    steps = (steps - steps.mean(axis=1, keepdims=True)) / steps.std(axis=1, keepdims=True)
    one, other = steps
    other -= one * (one * other).mean()
    other /= other.std()
    together, apart = np.hstack([one, one, other]), np.hstack([one, other, one])
    for statistic in (np.mean, np.std):
        np.testing.assert_allclose(statistic(together, axis=0), statistic(apart, axis=0), atol=1e-9)
    directions = Directions.fit([together, apart])
    assert np.abs(directions.covariances_of(together) - directions.covariances_of(apart)).max() > 0.5


def test_a_level_that_is_the_same_in_all_frames_changes_nothing():
    clips = _clips()
    directions = Directions.fit(clips)
    np.testing.assert_allclose(directions.covariances_of(clips[0] + 5), directions.covariances_of(clips[0]), atol=1e-9)


@pytest.mark.parametrize("frames", [np.zeros((1, 40)), np.ones((160, 40)), _clips()[0][:1]])
def test_frames_that_hardly_move_have_numbers_too(frames):
    for directions in (Directions.fit([frames]), Directions.fit(_clips())):
        found = directions.covariances_of(frames)
        assert found.shape == (COUNT * (COUNT + 1) // 2,) and np.isfinite(found).all()


def test_statistics_of_an_utterance_end_with_its_covariances():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        hear = VoiceEncoder(2, gates=True).hear
    mels = [np.random.default_rng(seed).exponential(size=(200, 40)).astype(np.float32) for seed in range(3)]
    directions = Directions.fit([frames_of(mel, hear) for mel in mels])
    found = statistics_of(mels[0], hear, directions)
    plain = statistics_of(mels[0], hear)
    np.testing.assert_array_equal(found[: len(plain)], plain)
    np.testing.assert_array_equal(found[len(plain) :], directions.covariances_of(frames_of(mels[0], hear)))


@pytest.fixture
def trained(make_set, tmp_path, encoders):
    index, store = make_set(PEOPLE)
    settings = load_settings(
        "small", [*encoders, "voice_embedding.tempo_factors=[]", "voice_embedding.frequency_factors=[]"]
    )
    out = tmp_path / "voice_embedding"
    table = train_member(Given("voice_embedding", index, store, settings, LABELS, out))
    return out, table, [store.get(row.key) for row in index]


def test_a_trained_head_answers_by_its_own_directions_and_notices_others(trained):
    out, table, clips = trained
    answer = Members.load({"voice_embedding": out}).score(clips[-1])["voice_embedding"]
    np.testing.assert_allclose(answer, table.scores[-1, 0], atol=1e-6)
    (out / DIRECTIONS).write_bytes((out / "model.safetensors").read_bytes())
    with pytest.raises(DataError, match="not the directions that the model was trained with") as raised:
        Members.load({"voice_embedding": out})
    assert raised.value.code == "damaged"
    (out / DIRECTIONS).unlink()
    with pytest.raises(DataError) as raised:
        Members.load({"voice_embedding": out})
    assert raised.value.code == "missing"


def test_a_model_whose_description_names_no_directions_reads_mean_and_deviation(trained):
    out, _, clips = trained
    description = json.loads((out / "model.json").read_text())
    assert description["features"] == 4 * 256 + COUNT * (COUNT + 1) // 2
    del description[DIGEST]
    (out / "model.json").write_text(json.dumps(description | {"features": 4 * 256}))
    assert load(out, {}, HardwareChoice()).row_of(clips[-1]).shape == (4 * 256,)
