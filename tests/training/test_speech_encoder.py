"""The encoder of speech: what is read of a clip, what is learned from, and where its weights come from."""

from __future__ import annotations

from operator import le

import numpy as np
import pytest
import torch

from affekt.errors import DataError
from affekt.media.other_speakers import at_speed
from affekt.models.few_lengths import next_length
from affekt.models.graphs.writing import _write, write_speech
from affekt.models.members import Members
from affekt.models.speech_embedding.frames import AT_ONCE, LEAST, of_few_lengths, statistics_of
from affekt.models.speech_embedding.member import load_speech_encoder
from affekt.models.speech_embedding.network import BLOCKS, SpeechEncoder
from affekt.pretrained import moonshine
from affekt.pretrained.package_file import PackageFile
from affekt.settings import load_settings
from affekt.training.given import Given, train_member
from affekt.training.sitting_out import SatOut, train_or_sit_out

LABELS = ("angry", "happy", "sad", "neutral")
PEOPLE = [(f"s{n}", "train", LABELS) for n in range(4)] + [("v", "val", LABELS)]
RATE = 16000


@pytest.fixture(scope="module")
def encoder():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SpeechEncoder(32)


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(0, 2000, 3 * RATE).astype(np.int16)


def test_every_block_is_told_beside_the_others_a_frame_each_24_ms(encoder, noise):
    heard = encoder.hear(noise[None].astype(np.float32) / 32768)
    waves = (len(noise) - 127) // 64 + 1
    assert heard.shape == (1, ((waves - 7) // 3 + 1 - 3) // 2 + 1, 32 * BLOCKS)
    assert abs(heard.shape[1] / 3 - 1 / 0.024) < 1


def test_a_clip_is_mean_and_deviation_of_its_frames(encoder, noise):
    frames = encoder.hear(noise[None].astype(np.float32) / 32768)[0]
    expected = np.concatenate([frames.mean(axis=0), frames.std(axis=0)])
    np.testing.assert_allclose(statistics_of(noise, encoder.hear), expected, atol=1e-5)


def test_a_frame_is_heard_by_its_place_and_not_by_its_neighbours_order_alone(encoder, noise):
    sound = noise[None].astype(np.float32) / 32768
    changed = encoder.get_buffer("pace") * 0
    still = SpeechEncoder.of(encoder.state_dict())
    still.register_buffer("pace", changed, persistent=False)
    assert np.abs(still.hear(sound) - encoder.hear(sound)).max() > 1e-4


@pytest.mark.parametrize("count", [LEAST, 895 + 63, RATE + 1, 3 * RATE])
def test_silence_behind_sound_changes_none_of_its_frames(encoder, noise, count):
    sound = noise[None, :count].astype(np.float32) / 32768
    told = []

    def hear(longer, samples):
        told.append(longer.shape[1])
        return encoder(torch.from_numpy(longer), torch.from_numpy(samples)).numpy()

    np.testing.assert_allclose(of_few_lengths(hear)(sound), encoder.hear(sound), atol=1e-4)
    assert told == [next_length(count, RATE // 2)]


def test_the_first_convolution_is_one(encoder, noise):
    for count in (895, 895 + 1, 895 + 63, RATE):
        sound = torch.from_numpy(noise[None, :count].astype(np.float32) / 32768)
        np.testing.assert_allclose(encoder._first(sound), encoder.first(sound.unsqueeze(1)), atol=1e-6)


def test_sound_of_up_to_ten_seconds_has_thirteen_lengths():
    found = [next_length(count, RATE // 2) for count in range(LEAST, AT_ONCE + 1, 100)]
    assert [length / RATE for length in sorted(set(found))] == [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 10]
    assert found == sorted(found) and all(map(le, range(LEAST, AT_ONCE + 1, 100), found))


def test_long_sound_is_heard_in_equal_parts(noise):
    heard = []

    def hear(sound):
        heard.append(sound.shape[1])
        return np.ones((1, 5, 3), np.float32) * len(heard)

    told = statistics_of(np.tile(noise, 8), hear)
    assert heard == [8 * RATE] * 3 and max(heard) <= AT_ONCE
    np.testing.assert_allclose(told, [2] * 3 + [(2 / 3) ** 0.5] * 3)


def test_a_moment_is_followed_by_silence(encoder, noise):
    short = noise[:500]
    followed = np.concatenate([short, np.zeros(LEAST - 500, np.int16)])
    np.testing.assert_array_equal(statistics_of(short, encoder.hear), statistics_of(followed, encoder.hear))


@pytest.mark.parametrize("factor", [0.87, 1.15])
def test_sound_played_faster_is_shorter_and_higher(factor):
    tone = np.rint(9000 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.int16)
    played = at_speed(tone, factor)
    assert played.dtype == np.int16 and abs(len(played) - RATE / factor) <= 1
    loudest = np.abs(np.fft.rfft(played)).argmax() * RATE / len(played)
    assert loudest == pytest.approx(1000 * factor, rel=0.01)


def test_it_learns_from_copies_and_answers_as_a_graph_what_it_answers_in_pytorch(make_set, tmp_path, encoders):
    index, store = make_set(PEOPLE, mute=(3, 33))
    settings = load_settings("small", [*encoders, "speech_embedding.speed_factors=[0.9]"])
    out = tmp_path / "speech_embedding"
    table = train_member(Given("speech_embedding", index, store, settings, LABELS, out))
    assert [row for row in range(len(table)) if not table.available[row, 0]] == [3, 33]
    write_speech(out)
    graph, network = (
        Members.load({"speech_embedding": out}, precision="float32", inference=way) for way in ("openvino", "torch")
    )
    for row, item in enumerate(index.rows):
        if item.split == "val" and row != 33:
            clip = store.get(item.key)
            np.testing.assert_allclose(network.score(clip)["speech_embedding"], table.scores[row, 0], atol=1e-6)
            np.testing.assert_allclose(graph.score(clip)["speech_embedding"], table.scores[row, 0], atol=1e-4)


class _NotTold(torch.nn.Module):
    """The encoder as graphs were stored at first: nobody tells it how much is sound."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, sound):
        return self.encoder(sound, torch.zeros(1, dtype=torch.int64) + sound.shape[1])


def test_a_graph_that_is_not_told_how_much_is_sound_answers_as_it_did(make_set, tmp_path, encoders):
    index, store = make_set(PEOPLE)
    settings = load_settings("small", [*encoders, "speech_embedding.speed_factors=[]"])
    out = tmp_path / "speech_embedding"
    table = train_member(Given("speech_embedding", index, store, settings, LABELS, out))
    _write(out, _NotTold(load_speech_encoder(out)), torch.zeros(2, LEAST), any_length=True)
    graph = Members.load({"speech_embedding": out}, precision="float32", inference="openvino")
    row = next(number for number, item in enumerate(index.rows) if item.split == "val")
    scores = graph.score(store.get(index.rows[row].key))["speech_embedding"]
    np.testing.assert_allclose(scores, table.scores[row, 0], atol=1e-4)


def test_without_its_encoder_it_sits_out_with_a_word(make_set, tmp_path):
    index, store = make_set(PEOPLE)
    settings = load_settings("small", [f"speech_embedding.pretrained={tmp_path / 'none.pt'}"])
    assert train_or_sit_out(Given("speech_embedding", index, store, settings, LABELS, tmp_path / "s")) is None
    found = SatOut.read(tmp_path / "s")
    assert found is not None and found.code == "absent" and "expected a speech encoder" in found.reason


def test_another_file_under_the_packages_name_is_refused(tmp_path, monkeypatch):
    (tmp_path / "encoder_model.ort").write_bytes(b"x" * 99)
    monkeypatch.setattr(PackageFile, "path", lambda file, name: tmp_path / "encoder_model.ort")
    with pytest.raises(DataError, match=r"not the file of moonshine-voice 0.0.4"):
        moonshine.open_speech_encoder("moonshine")


def test_a_file_of_other_layers_is_refused(tmp_path):
    torch.save({"first.weight": torch.zeros(32, 1, 127)}, tmp_path / "other.pt")
    with pytest.raises(DataError, match="holds other layers than the speech encoder's"):
        moonshine.open_speech_encoder(str(tmp_path / "other.pt"))


def test_the_packages_encoder_hears_what_its_graph_says():
    if moonshine.absent(load_settings("small").models["speech_embedding"]):
        pytest.skip("the package moonshine-voice is not installed")
    encoder = SpeechEncoder.of(moonshine.open_speech_encoder("moonshine"))
    seconds = np.arange(2 * RATE) / RATE
    sound = (0.1 * np.sin(2 * np.pi * (150 + 60 * np.sin(2 * np.pi * 3 * seconds)) * seconds)).astype(np.float32)
    heard = encoder.hear(sound[None])[0]
    assert heard.shape == (82, 4 * 288)
    np.testing.assert_allclose(heard[[0, 40, 81]][:, [0, 300, 700, 1100]], _SAID, atol=1e-3)


#: Of frames 0, 40 and 81 a number of each block, by the graph's operations computed one by one with its weights in
#: float32: behind the last block that agrees with ONNX Runtime, which multiplies in eight bits, within 0.06 of 1.8.
_SAID = [
    [-0.5912, -0.1190, -0.8121, -3.8008],
    [4.7953, 0.7232, 2.6052, 7.2705],
    [4.9756, 0.6852, -3.4300, 8.2207],
]
