"""The joint network: it hears what belongs to each face, needs both, and scores nothing that it learned from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from affekt.errors import DataError
from affekt.media.functionals import HOP
from affekt.media.prepared import PreparedClip, PreparedIndex, PreparedRow
from affekt.models.hardware import Hardware
from affekt.models.joint.acoustic_steps import acoustic_steps
from affekt.models.joint.network import JointBiLSTM
from affekt.models.members import Members
from affekt.settings import load_settings
from affekt.store.entries import Store
from affekt.training.checkpoints import Checkpoints, Stage
from affekt.training.given import Given, train_member
from affekt.training.loop import train
from affekt.training.sequence_batches import SequenceBatches

CPU = Hardware.choose("cpu")
LABELS = ("happy", "sad")
SILENT, NO_FACE = 3, 7
TINY = (
    "vgg.width=0.05", "vgg.input_size=32", "vgg.base_iterations=0", "vgg.iterations=1", "vgg.batch_size=4",
    "vgg.frames_per_clip=4", "joint.projection=4", "joint.hidden=4", "joint.time_steps=8", "joint.iterations=2",
    "joint.batch_size=4", "fusion.folds=2", "media.face_size=40", "c3d.input_size=32",
)  # fmt: skip


def clip_of(
    seconds: float, rows: np.ndarray, *, rate: float = 25, face: bool = True, voice: bool = True
) -> PreparedClip:
    """A clip whose faces are noise and whose descriptors are the given ones."""
    frames = int(seconds * 25)
    rng = np.random.default_rng(frames)
    faces = rng.integers(0, 255, (frames, 40, 40, 3), dtype=np.uint8) * np.uint8(face)
    return PreparedClip(
        faces, np.full(frames, face), np.zeros((frames, 4), np.float32), np.arange(frames, dtype=np.float32) / 25,
        np.zeros(88, np.float32), voice, descriptors=rows.astype(np.float32),
    )  # fmt: skip


def clock(seconds: float) -> np.ndarray:
    """Descriptors that tell the time: a single column, the middle of each row in seconds."""
    return (np.arange(round(seconds / HOP))[:, None] + 0.5) * HOP


def test_each_face_hears_its_own_moment() -> None:
    clip = clip_of(3.0, clock(3.0))
    frames = np.arange(5, 70, 4)

    heard = acoustic_steps(clip, frames)

    assert heard is not None and heard.shape == (len(frames), 2)
    np.testing.assert_allclose(heard[1:-1, 0], clip.times[frames][1:-1], atol=HOP)


def test_all_of_the_sound_is_heard_once() -> None:
    clip = clip_of(2.0, np.ones((200, 1)))
    frames = np.array([10, 11, 30, 45])
    ends = (clip.times[frames][1:] + clip.times[frames][:-1]) / 2
    sizes = np.diff([0, *np.round(ends / HOP), 200])
    clip = dataclasses.replace(clip, descriptors=np.repeat(np.arange(4.0), sizes.astype(int))[:, None])

    heard = acoustic_steps(clip, frames)

    assert heard is not None
    assert heard[:, 0].tolist() == [0, 1, 2, 3]  # no row of a neighbour is mixed in
    assert heard[:, 1].tolist() == [0, 0, 0, 0]


def test_a_frame_that_occurs_twice_hears_the_same_twice() -> None:
    heard = acoustic_steps(clip_of(1.0, clock(1.0)), np.array([2, 2, 20]))

    assert heard is not None and heard[0].tolist() == heard[1].tolist() != heard[2].tolist()


def test_where_the_sound_ends_early_its_end_is_heard() -> None:
    heard = acoustic_steps(clip_of(2.0, clock(0.5)), np.array([0, 20, 49]))

    assert heard is not None and heard[2, 0] == pytest.approx(0.495)


@pytest.mark.parametrize(
    "clip", [clip_of(1.0, np.zeros((0, 25))), clip_of(1.0, clock(1.0), voice=False)], ids=["no rows", "no voice"]
)
def test_without_usable_sound_nothing_is_heard(clip: PreparedClip) -> None:
    assert acoustic_steps(clip, np.array([0, 5])) is None


def test_both_inputs_are_standardised_by_the_training_features() -> None:
    network = JointBiLSTM(face=3, voice=2, projection=4, hidden=4, classes=2)
    features = torch.randn(50, 6, 5) * torch.tensor([1.0, 5.0, 2.0, 1000.0, 0.01]) + 7

    network.standardise_by(features)

    scaled = ((features - network.mean) * network.gain).reshape(-1, 5)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(5), atol=1e-3, rtol=0)
    torch.testing.assert_close(scaled.std(0), torch.ones(5), atol=1e-2, rtol=0)


def test_a_modality_is_hidden_in_training_alone() -> None:
    torch.manual_seed(0)
    network = JointBiLSTM(face=3, voice=3, projection=4, hidden=4, classes=2, dropout=0.0, modality_dropout=0.9)
    sequences = torch.randn(1, 5, 6).expand(64, 5, 6)

    varied = network.train()(sequences).std(0).min()
    constant = network.eval()(sequences).std(0).max()

    assert varied > 1e-3 and constant < 1e-6


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_face_or_voice_is_hidden_of_its_share_of_the_clips_and_never_both(share: float) -> None:
    network = JointBiLSTM(face=1, voice=1, projection=1, hidden=2, dropout=0.0, modality_dropout=share).train()
    for layer in (network.look, network.listen):
        torch.nn.init.ones_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    heard: list[torch.Tensor] = []
    network.lstm.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
    torch.manual_seed(0)
    network(torch.ones(4000, 2, 2))
    hidden = heard[0] == 0  # [clips, time, face and voice]
    assert (hidden == hidden[:, :1]).all()  # for the whole clip
    face, voice = hidden[:, 0].unbind(1)
    assert not (face & voice).any()
    for one in (face, voice):
        assert one.float().mean().item() == pytest.approx(share / 2, abs=0.02)


def test_it_learns_what_neither_face_nor_voice_tells_alone(tmp_path: Path) -> None:
    """The label is whether the signs of face and voice agree: each alone says nothing about it."""
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], size=(240, 2))
    noise = rng.normal(0, 0.3, (240, 2, 6, 8))
    features = (np.repeat(signs, 4, axis=1)[:, None, None, :] + noise).astype(np.float32)
    labels = (signs.prod(axis=1) > 0).astype(int)
    torch.manual_seed(0)
    network = JointBiLSTM(face=4, voice=4, projection=16, hidden=8, classes=2, dropout=0.0, modality_dropout=0.0)
    network.standardise_by(torch.from_numpy(features[:200]))
    batches = SequenceBatches(
        features[:200], labels[:200], [str(n) for n in range(200)], stage="final", seed=0, batch_size=32, balanced=False
    )
    joint = load_settings("small", ["joint.iterations=150", "joint.batch_size=32", "joint.learning_rate=0.1"]).joint

    train(network, batches, joint, Stage("joint", "final", 0, Checkpoints(tmp_path)), CPU)

    def accuracy(values: np.ndarray) -> float:
        with torch.inference_mode():
            return float((network.eval()(torch.from_numpy(values)).argmax(1).numpy() == labels[200:]).mean())

    held = features[200:, 0]
    deaf, blind = held.copy(), held.copy()
    deaf[..., 4:], blind[..., :4] = features[:200, 0, :, 4:].mean((0, 1)), features[:200, 0, :, :4].mean((0, 1))
    assert accuracy(held) > 0.95
    assert max(accuracy(deaf), accuracy(blind)) < 0.75


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("joint")
    settings = load_settings("small", TINY)
    store = Store(root / "store", settings.media)
    rng = np.random.default_rng(0)
    rows = []
    for number in range(12):
        sound = rng.normal(size=(0 if number == SILENT else 80, 5))
        clip = clip_of(0.8, sound, face=number != NO_FACE, voice=number != SILENT)
        key = f"{number:032d}-0"
        store.put(key, clip)
        rows.append(
            PreparedRow(
                f"clip{number}", LABELS[number % 2], f"subject{number // 3}", "train" if number < 9 else "val", key,
                len(clip.present), int(clip.present.sum()), clip.voice,
            )
        )  # fmt: skip
    store.pack()
    index = PreparedIndex(tuple(rows))
    train_member(Given("vgg", index, store, settings, LABELS, root / "vgg"))
    table = train_member(Given("joint", index, store, settings, LABELS, root / "joint", needs={"vgg": root / "vgg"}))
    return SimpleNamespace(settings=settings, store=store, index=index, root=root, table=table)


def test_every_clip_with_face_and_voice_has_a_score(world: Any) -> None:
    missing = {clip for clip, there in zip(world.table.clips, world.table.available[:, 0], strict=True) if not there}

    assert missing == {f"clip{SILENT}", f"clip{NO_FACE}"}
    assert len(world.table) == 12


def test_the_served_model_gives_the_score_of_the_table(world: Any) -> None:
    scorer = Members.load({name: world.root / name for name in ("vgg", "joint")}, device="cpu")

    for number in range(9, 12):
        answer = scorer.score(world.store.get(world.index.rows[number].key))["joint"]
        row = world.table.clips.index(f"clip{number}")
        np.testing.assert_allclose(answer, world.table.scores[row, 0], atol=1e-9)


def test_a_clip_without_sound_has_no_answer_of_it_but_the_vggs(world: Any) -> None:
    scorer = Members.load({name: world.root / name for name in ("vgg", "joint")}, device="cpu")

    assert list(scorer.score(world.store.get(world.index.rows[SILENT].key))) == ["vgg"]


def test_a_train_clip_is_scored_by_a_network_that_did_not_see_its_subject(world: Any) -> None:
    """With the sound of a subject's clips changed, the models that score this subject stay what they were."""
    store = Store(world.root / "other", world.settings.media)
    for number, row in enumerate(world.index):
        clip = world.store.get(row.key)
        changed = number < 3 and clip.voice
        store.put(row.key, dataclasses.replace(clip, descriptors=clip.descriptors * 3 + 1) if changed else clip)

    train_member(
        Given(
            "joint", world.index, store, world.settings, LABELS, world.root / "again", needs={"vgg": world.root / "vgg"}
        )
    )

    def weights(folder: Path) -> bytes:
        return (folder / "model.safetensors").read_bytes()

    same = [weights(world.root / "joint/folds" / k) == weights(world.root / "again/folds" / k) for k in "12"]
    assert sorted(same) == [False, True]  # one fold learned from the subject, the one that scores it did not
    assert weights(world.root / "joint") != weights(world.root / "again")


def test_a_joint_network_of_another_vgg_is_refused(world: Any) -> None:
    train_member(
        Given(
            "vgg",
            world.index,
            world.store,
            dataclasses.replace(world.settings, seed=5),
            LABELS,
            world.root / "other_vgg",
        )
    )

    with pytest.raises(DataError, match="another vgg"):
        Members.load({"vgg": world.root / "other_vgg", "joint": world.root / "joint"})


def test_a_feature_set_without_descriptors_is_named(world: Any, tmp_path: Path) -> None:
    store = Store(tmp_path, world.settings.media)
    for row in world.index:
        clip = world.store.get(row.key)
        store.put(row.key, dataclasses.replace(clip, descriptors=np.zeros((0, 0), np.float32)))

    with pytest.raises(DataError, match=r"clip\d+: .*media\.functionals"):
        train_member(
            Given(
                "joint",
                world.index,
                store,
                world.settings,
                LABELS,
                tmp_path / "joint",
                needs={"vgg": world.root / "vgg"},
            )
        )
