"""Heads on frozen encoders: what is read, what is kept beside the head, and what happens without the encoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from affekt.errors import DataError
from affekt.models.members import Members
from affekt.models.voice_embedding.network import PARTIAL, STEP, VoiceEncoder
from affekt.pretrained import resemblyzer
from affekt.settings import load_settings
from affekt.training.given import Given
from affekt.training.sitting_out import SatOut, train_or_sit_out

LABELS = ("angry", "happy", "sad", "neutral")
PEOPLE = [(f"s{n}", "train", LABELS) for n in range(4)] + [("v", "val", LABELS)]


def test_a_voice_is_read_in_partial_utterances_whose_statistics_count():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = VoiceEncoder()
    mel = np.random.default_rng(0).exponential(size=(PARTIAL + 3 * STEP + 5, 40)).astype(np.float32)
    alone = [encoder.statistics(mel[first : first + PARTIAL])[:256] for first in range(0, 4 * STEP, STEP)]
    found = encoder.statistics(mel)
    np.testing.assert_allclose(found[:256], np.mean(alone, axis=0), atol=1e-6)
    np.testing.assert_allclose(found[256:], np.std(alone, axis=0), atol=1e-6)


def test_a_short_utterance_is_followed_by_silence():
    encoder = VoiceEncoder()
    mel = np.ones((30, 40), np.float32)
    followed = np.concatenate([mel, np.zeros((PARTIAL - 30, 40), np.float32)])
    np.testing.assert_array_equal(encoder.statistics(mel), encoder.statistics(followed))


def test_a_trained_head_holds_its_encoder_and_notices_another(make_set, tmp_path, encoders):
    index, store = make_set(PEOPLE)
    settings = load_settings("small", encoders)
    out = tmp_path / "voice_embedding"
    assert train_or_sit_out(Given("voice_embedding", index, store, settings, LABELS, out)) is not None
    Members.load({"voice_embedding": out})
    (out / "encoder.safetensors").write_bytes((out / "model.safetensors").read_bytes())
    with pytest.raises(DataError, match="not the encoder that the model was trained on"):
        Members.load({"voice_embedding": out})


def test_without_its_encoder_it_sits_out_with_a_word(make_set, tmp_path, caplog):
    index, store = make_set(PEOPLE)
    settings = load_settings("small", [f"voice_embedding.pretrained={tmp_path / 'none.pt'}"])
    out = tmp_path / "voice_embedding"
    assert train_or_sit_out(Given("voice_embedding", index, store, settings, LABELS, out)) is None
    found = SatOut.read(out)
    assert found is not None and found.code == "absent"
    assert "expected a voice encoder" in found.reason
    assert "voice_embedding sits out" in caplog.text


def test_a_model_of_faces_sits_out_where_no_clip_shows_one(make_set, tmp_path):
    index, store = make_set(PEOPLE)
    assert train_or_sit_out(Given("vgg", index, store, load_settings("small"), LABELS, tmp_path / "vgg")) is None
    given = Given(
        "bilstm", index, store, load_settings("small"), LABELS, tmp_path / "b", needs={"vgg": tmp_path / "vgg"}
    )
    assert train_or_sit_out(given) is None
    found = SatOut.read(tmp_path / "b")
    assert found is not None and found.reason.startswith("it reads the vgg, which sits out: no clip has a face")


def test_another_file_under_the_packages_name_is_refused(tmp_path, monkeypatch):
    other = tmp_path / "pretrained.pt"
    torch.save({"model_state": {}}, other)
    monkeypatch.setattr(resemblyzer, "_file_of", lambda name: other)
    with pytest.raises(DataError, match=r"not the file of resemblyzer 0.1.4"):
        resemblyzer.open_voice_encoder("resemblyzer")
