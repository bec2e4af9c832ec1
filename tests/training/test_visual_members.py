"""The visual members end to end on tiny networks: what they write, what they score, and what they never see."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affekt.errors import DataError, SettingsError
from affekt.extensions import members_needed, model_spec
from affekt.media import FaceSet, PreparedClip, PreparedIndex, PreparedRow
from affekt.models.member import HardwareChoice, load_member
from affekt.models.members import Members
from affekt.models.vgg.member import VggMember
from affekt.score_table import ScoreTable
from affekt.settings import Settings, load_settings
from affekt.store.entries import Store
from affekt.training.face_clips import FaceClips
from affekt.training.fc6 import Fc6
from affekt.training.given import Given, train_member
from affekt.training.out_of_fold import Fold, folds_of

LABELS = ("angry", "happy", "neutral")
TINY = (
    "media.face_size=40", "device=cpu",
    "vgg.width=0.02", "vgg.input_size=32", "vgg.batch_size=8", "vgg.base_iterations=4", "vgg.iterations=3",
    "vgg.frames_per_clip=4", "vgg.mirror=true",
    "c3d.width=0.02", "c3d.input_size=32", "c3d.batch_size=3", "c3d.micro_batch=null", "c3d.base_iterations=3",
    "c3d.iterations=2", "c3d.windows_per_clip=2",
    "bilstm.hidden=4", "bilstm.time_steps=8", "bilstm.batch_size=4", "bilstm.iterations=3",
    "fusion.folds=2",
)  # fmt: skip
NO_FACE, SHORT = 3, 4


@dataclasses.dataclass
class World:
    """Prepared clips of five subjects, face images, and the members trained on them."""

    settings: Settings
    store: Store
    index: PreparedIndex
    faces: FaceSet
    folders: dict[str, Path]
    tables: dict[str, ScoreTable]
    logged: dict[str, list[tuple[int, dict[str, float]]]]

    def clip(self, row: int) -> PreparedClip:
        return self.store.get(self.index.rows[row].key)


def prepared_clip(rng: np.random.Generator, frames: int, *, face: bool = True) -> PreparedClip:
    present = (rng.random(frames) > 0.2) if face else np.zeros(frames, bool)
    if face:
        present[0] = True
    faces = rng.integers(0, 255, (frames, 40, 40, 3), dtype=np.uint8) * present[:, None, None, None]
    return PreparedClip(
        faces.astype(np.uint8), present, np.zeros((frames, 4), np.float32), np.arange(frames, dtype=np.float32) / 25,
        np.zeros(88, np.float32), False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("visual")
    settings = load_settings("small", TINY)
    store = Store(root / "store", settings.media)
    rng = np.random.default_rng(0)
    rows = []
    for number in range(15):
        clip = prepared_clip(rng, 5 if number == SHORT else 20, face=number != NO_FACE)
        key = f"{number:032d}-0"
        store.put(key, clip)
        subject = number // 3
        rows.append(
            PreparedRow(
                f"clip{number}", LABELS[number % 3], f"subject{subject}", "train" if subject < 4 else "val", key,
                len(clip.present), int(clip.present.sum()), False,
            )
        )  # fmt: skip
    store.pack()
    index = PreparedIndex(tuple(rows))
    labels = (*LABELS, "fear")
    faces = FaceSet(
        rng.integers(0, 255, (24, 40, 40, 3), dtype=np.uint8), tuple(labels[n % 4] for n in range(24)),
        ("train",) * 16 + ("val",) * 8,
    )  # fmt: skip
    folders = {name: root / name for name in ("vgg", "c3d", "bilstm")}
    logged: dict[str, list[tuple[int, dict[str, float]]]] = {name: [] for name in folders}

    def log(name: str) -> Any:
        return lambda metrics, step: logged[name].append((step, dict(metrics)))

    tables = {
        "vgg": train_member(Given("vgg", index, store, settings, LABELS, folders["vgg"], faces=faces, log=log("vgg"))),
        "c3d": train_member(Given("c3d", index, store, settings, LABELS, folders["c3d"], faces=faces, log=log("c3d"))),
        "bilstm": train_member(
            Given(
                "bilstm",
                index,
                store,
                settings,
                LABELS,
                folders["bilstm"],
                needs={"vgg": folders["vgg"]},
                log=log("bilstm"),
            )
        ),
    }
    return World(settings, store, index, faces, folders, tables, logged)


MEMBERS = pytest.mark.parametrize("member", ["vgg", "c3d", "bilstm"])


def scorer_of(world: World, member: str, fold: str) -> Callable[[PreparedClip], np.ndarray | None]:
    """The answers of one fold's stored model, read from its files."""
    below = Path() if fold == "final" else Path("folds", fold.removeprefix("fold"))
    folders = {name: world.folders[name] / below for name in members_needed([member])}
    loaded = Members.load(folders, device="cpu")
    return lambda clip: loaded.score(clip).get(member)


def folds(world: World, member: str = "vgg", **changes: Any) -> list[Fold]:
    """Who learns and who scores, as every training of a member asks for it."""
    return folds_of(Given(member, **{"index": world.index, "store": world.store, "settings": world.settings,
                                     "labels": LABELS, "out": Path("unused"), **changes}))  # fmt: skip


@MEMBERS
def test_every_clip_has_a_row_and_those_with_a_face_a_score_vector(world: World, member: str) -> None:
    table = world.tables[member]
    assert table.models == (member,)
    assert table.clips == tuple(row.clip for row in world.index)
    assert [table.labels[t] for t in table.truth] == [row.label for row in world.index]
    assert np.flatnonzero(~table.available[:, 0]).tolist() == [NO_FACE]
    assert table.scores[table.available].sum(axis=1) == pytest.approx(1, abs=1e-12)


@MEMBERS
def test_each_train_clip_is_scored_by_the_model_that_did_not_see_its_subject(world: World, member: str) -> None:
    table = world.tables[member]
    parts = folds(world, member)
    assert [part.key for part in parts] == ["fold1", "fold2", "final"]
    for part in parts:
        learned = {world.index.rows[row].subject for row in part.learns}
        scored = {world.index.rows[row].subject for row in part.scores}
        assert not learned & scored
        score = scorer_of(world, member, part.key)
        for row in part.scores:
            expected = score(world.clip(row))
            if expected is not None:
                assert table.scores[row, 0] == pytest.approx(expected, abs=1e-6)


def test_the_parts_cover_every_clip_once_and_the_final_model_learns_from_all_train_clips(world: World) -> None:
    parts = folds(world)
    assert sorted(np.concatenate([part.scores for part in parts]).tolist()) == list(range(len(world.index)))
    usable = [n for n, row in enumerate(world.index) if row.split == "train" and row.frames_with_face]
    assert parts[-1].learns.tolist() == usable


def test_held_out_scores_need_a_single_fold(world: World) -> None:
    settings = load_settings("small", (*TINY, "fusion.scores=held_out", "fusion.held_out_share=0.25"))
    parts = folds(world, settings=settings)
    assert [part.key for part in parts] == ["fold1", "final"]
    assert {world.index.rows[row].split for row in parts[0].scores} == {"train"}
    assert len({world.index.rows[row].subject for row in parts[0].scores}) == 1


def test_clips_of_a_single_subject_leave_the_final_model_alone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    one = PreparedIndex(tuple(dataclasses.replace(row, subject="alone", split="train") for row in world.index))
    assert [part.key for part in folds(world, index=one)] == ["final"]
    assert "no train clip gets a score" in caplog.text


@MEMBERS
def test_the_written_score_table_is_the_returned_one(world: World, member: str) -> None:
    written = ScoreTable.read(world.folders[member] / "scores.csv")
    assert np.array_equal(written.scores, world.tables[member].scores, equal_nan=True)


@MEMBERS
def test_the_description_holds_what_is_needed_to_use_the_model_again(world: World, member: str) -> None:
    description = json.loads((world.folders[member] / "model.json").read_text())
    assert description["labels"] == list(LABELS)
    assert description["settings"]["iterations"] == getattr(world.settings, member).iterations
    assert len(description["weights"]["sha256"]) == 64
    if member != "bilstm":
        assert description["preprocessing"]["grey"] is True


@pytest.mark.parametrize(
    ("member", "expected"),
    [("vgg", "base 4 fold1 3 fold2 3 final 3"), ("c3d", "base 3 drift 1 fold1 2 fold2 2 final 2")],
)
def test_the_history_names_every_stage(world: World, member: str, expected: str) -> None:
    with (world.folders[member] / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["model"] for row in rows} == {member}
    assert " ".join(f"{row['stage']} {row['step']}" for row in rows) == expected


@pytest.mark.parametrize(("member", "last"), [("vgg", {"final.face_images_accuracy"}), ("c3d", set())])
def test_losses_and_accuracies_are_logged(world: World, member: str, last: set[str]) -> None:
    names = {name for _, metrics in world.logged[member] for name in metrics}
    assert {
        "base.loss",
        "base.face_images_accuracy",
        "fold2.loss",
        "final.loss",
        "train_accuracy",
        "val_accuracy",
        *last,
    } <= names


@MEMBERS
def test_no_checkpoint_is_left_after_the_training(world: World, member: str) -> None:
    assert not (world.folders[member] / "checkpoints").exists()


def test_the_scorer_gives_the_scores_of_the_table(world: World) -> None:
    scorer = Members.load(world.folders, device="cpu")
    assert scorer.labels == LABELS
    for row in range(12, 15):  # the split that the final models scored
        answers = scorer.score(world.clip(row))
        assert list(answers) == ["vgg", "c3d", "bilstm"]
        for name, vector in answers.items():
            assert vector.dtype == np.float64
            assert vector.sum() == pytest.approx(1, abs=1e-12)
            assert vector == pytest.approx(world.tables[name].scores[row, 0], abs=1e-6)


def test_the_scorer_leaves_out_a_clip_without_a_face(world: World) -> None:
    assert Members.load(world.folders, device="cpu").score(world.clip(NO_FACE)) == {}


def test_the_scorer_answers_the_same_each_time(world: World) -> None:
    first, second = (Members.load(world.folders, device="cpu").score(world.clip(SHORT)) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("members", [["vgg"], ["c3d"], ["vgg", "bilstm"], []])
def test_the_scorer_takes_any_subset(world: World, members: list[str]) -> None:
    scorer = Members.load({name: world.folders[name] for name in members}, device="cpu")
    assert list(scorer.score(world.clip(0))) == members


def test_the_scorer_passes_a_clip_through_vgg_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = 0
    plain = VggMember.look

    def look(self: VggMember, pictures: np.ndarray, *, mirrored: bool) -> Any:
        nonlocal seen
        seen += len(pictures)
        return plain(self, pictures, mirrored=mirrored)

    monkeypatch.setattr(VggMember, "look", look)
    scorer = Members.load({name: world.folders[name] for name in ("vgg", "bilstm")}, device="cpu")
    scorer.score(world.clip(0))
    assert seen == 8  # the time steps; the four frames of VGG's own answer are among them


def test_the_bilstm_needs_its_vgg(world: World) -> None:
    with pytest.raises(DataError, match="vgg"):
        Members.load({"bilstm": world.folders["bilstm"]})


def copied(world: World, member: str, tmp_path: Path) -> Path:
    shutil.copytree(world.folders[member], tmp_path / member)
    return tmp_path / member


def test_weights_that_were_changed_are_refused(world: World, tmp_path: Path) -> None:
    folder = copied(world, "vgg", tmp_path)
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(DataError, match="SHA-256") as caught:
        Members.load({"vgg": folder})
    assert caught.value.code == "damaged"


def test_another_kind_of_model_is_refused(world: World) -> None:
    with pytest.raises(DataError, match="expected a c3d") as caught:
        Members.load({"c3d": world.folders["vgg"]})
    assert caught.value.code == "wrong_model"


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        Members.load({"vgg": tmp_path})
    assert (caught.value.code, caught.value.where) == ("missing", str(tmp_path))


def test_a_bilstm_of_another_vgg_is_refused(world: World) -> None:
    other = world.folders["vgg"] / "folds" / "1"
    with pytest.raises(DataError, match="another vgg") as caught:
        Members.load({"vgg": other, "bilstm": world.folders["bilstm"]})
    assert caught.value.code == "mismatch"


def test_a_vgg_that_learned_from_other_clips_is_refused_by_the_bilstm(world: World, tmp_path: Path) -> None:
    fewer = PreparedIndex(world.index.rows[3:])
    with pytest.raises(DataError, match="other clips") as caught:
        train_member(
            Given("bilstm", fewer, world.store, world.settings, LABELS, tmp_path, needs={"vgg": world.folders["vgg"]})
        )
    assert caught.value.code == "mismatch"


def test_vgg_learns_from_face_images_alone(world: World, tmp_path: Path) -> None:
    table = train_member(
        Given("vgg", PreparedIndex(()), world.store, world.settings, LABELS, tmp_path, faces=world.faces)
    )
    held = [n for n in range(16, 24) if world.faces.labels[n] in LABELS]
    assert table.clips == tuple(f"face/{n:06d}" for n in held)
    assert [table.labels[t] for t in table.truth] == [world.faces.labels[n] for n in held]
    assert set(table.splits) == {"val"}
    assert (tmp_path / "model.safetensors").is_file()


def test_rounds_count_the_face_images(world: World, tmp_path: Path) -> None:
    settings = load_settings("small", (*TINY, "vgg.base_iterations=0", "vgg.iterations=null", "vgg.rounds=4"))
    train_member(Given("vgg", PreparedIndex(()), world.store, settings, LABELS, tmp_path, faces=world.faces))
    learned = sum(label in LABELS for label in world.faces.labels[:16])
    with (tmp_path / "history.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == [str(round(4 * learned / 8))]


def test_rounds_are_refused_where_there_are_clips(world: World, tmp_path: Path) -> None:
    settings = load_settings("small", (*TINY, "vgg.iterations=null", "vgg.rounds=4"))
    with pytest.raises(SettingsError, match="rounds are for face images without clips"):
        train_member(Given("vgg", world.index, world.store, settings, LABELS, tmp_path, faces=world.faces))


def test_vgg_learns_from_clips_alone(world: World, tmp_path: Path) -> None:
    table = train_member(Given("vgg", world.index, world.store, world.settings, LABELS, tmp_path))
    assert len(table) == len(world.index)


@MEMBERS
def test_nothing_to_learn_from_is_said(world: World, member: str, tmp_path: Path) -> None:
    held = PreparedIndex(tuple(dataclasses.replace(row, split="val") for row in world.index))
    faces = world.faces if member == "c3d" else None
    with pytest.raises(DataError) as caught:
        train_member(
            Given(member, held, world.store, world.settings, LABELS, tmp_path, faces=faces, needs=world.folders)
        )
    assert caught.value.code == "no_train_clips"


def test_a_training_that_was_ended_goes_on_in_another_folder(world: World, tmp_path: Path) -> None:
    def end(metrics: Mapping[str, float], step: int) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    settings = load_settings("small", (*TINY, "c3d.iterations=22", "c3d.width=0.01"))
    train_member(Given("c3d", world.index, world.store, settings, LABELS, tmp_path / "whole"))
    root = str(tmp_path / "checkpoints")
    with pytest.raises(SystemExit):
        train_member(
            Given("c3d", world.index, world.store, settings, LABELS, tmp_path / "ended", log=end, checkpoints=root)
        )
    (left,) = (tmp_path / "checkpoints").iterdir()
    other = left.with_name("of-another-run.pt")
    other.touch()
    steps: list[int] = []
    train_member(
        Given(
            "c3d",
            world.index,
            world.store,
            settings,
            LABELS,
            tmp_path / "resumed",
            log=lambda _, step: steps.append(step),
            checkpoints=root,
        )
    )
    assert steps[0] == 22  # the report of iteration 20 is in the checkpoint
    for model in ("model.safetensors", "folds/1/model.safetensors"):
        assert (tmp_path / "resumed" / model).read_bytes() == (tmp_path / "whole" / model).read_bytes()
    assert list((tmp_path / "checkpoints").iterdir()) == [other]


def test_a_training_that_was_ended_goes_on_to_the_same_models(world: World, tmp_path: Path) -> None:
    def end_in_the_second_fold(metrics: Mapping[str, float], step: int) -> None:
        if "fold2.loss" in metrics:
            os.kill(os.getpid(), signal.SIGTERM)

    settings = load_settings("small", (*TINY, "vgg.iterations=22"))
    given = Given("vgg", world.index, world.store, settings, LABELS, tmp_path / "ended", faces=world.faces)
    expected = train_member(dataclasses.replace(given, out=tmp_path / "whole"))
    with pytest.raises(SystemExit):
        train_member(dataclasses.replace(given, log=end_in_the_second_fold))
    left = sorted(path.stem.rpartition("-")[0] for path in (tmp_path / "ended" / "checkpoints").iterdir())
    assert left == ["vgg-base", "vgg-fold-1-2", "vgg-fold-2-2"]
    resumed = train_member(given)
    assert np.array_equal(resumed.scores, expected.scores, equal_nan=True)


@pytest.mark.parametrize("stage", ["base", "drift"])
def test_a_stage_on_face_images_that_was_ended_goes_on_to_the_same_c3d(
    world: World, tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(metrics: Mapping[str, float], step: int) -> None:
        if f"{stage}.loss" in metrics:
            os.kill(os.getpid(), signal.SIGTERM)

    settings = load_settings("small", (*TINY, "c3d.base_iterations=22", "c3d.width=0.01"))
    monkeypatch.setattr("affekt.training.pictures.STILLS_FOR_A_WINDOW", 1)  # as many iterations for both
    given = Given("c3d", world.index, world.store, settings, LABELS, tmp_path / "ended", faces=world.faces)
    train_member(dataclasses.replace(given, out=tmp_path / "whole"))
    with pytest.raises(SystemExit):
        train_member(dataclasses.replace(given, log=end))
    left = {path.stem.rpartition("-")[0] for path in (tmp_path / "ended" / "checkpoints").iterdir()}
    assert left == {"c3d-base", f"c3d-{stage}"}
    train_member(given)
    for model in ("model.safetensors", "folds/1/model.safetensors"):
        assert (tmp_path / "ended" / model).read_bytes() == (tmp_path / "whole" / model).read_bytes()


def test_c3d_learns_from_face_images_that_are_not_held_out_and_from_no_others(world: World, tmp_path: Path) -> None:
    for name, rows in (("held", slice(16, None)), ("learned", slice(None, 16))):
        images = world.faces.images.copy()
        images[rows] = 255 - images[rows]
        faces = dataclasses.replace(world.faces, images=images)
        train_member(Given("c3d", world.index, world.store, world.settings, LABELS, tmp_path / name, faces=faces))
    train_member(Given("c3d", world.index, world.store, world.settings, LABELS, tmp_path / "none"))
    weights = {name: (tmp_path / name / "model.safetensors").read_bytes() for name in ("held", "learned", "none")}
    assert weights["held"] == (world.folders["c3d"] / "model.safetensors").read_bytes()
    assert len(set(weights.values())) == 3


def test_a_still_image_scores_as_a_clip_of_it_alone(world: World) -> None:
    c3d = load_member(model_spec("c3d"), world.folders["c3d"], {}, HardwareChoice("cpu"))
    vectors = c3d.score_faces(world.faces.images[:5])
    for picture, vector in zip(world.faces.images[:5], vectors, strict=True):
        clip = prepared_clip(np.random.default_rng(0), 20)
        still = dataclasses.replace(clip, faces=np.repeat(picture[None], 20, axis=0), present=np.ones(20, bool))
        assert c3d.score(still, {}).vector == pytest.approx(vector, abs=1e-6)


@pytest.mark.parametrize(("member", "stages"), [("vgg", {"vgg-base"}), ("c3d", {"c3d-base", "c3d-drift"})])
def test_the_stage_on_face_images_is_trained_once_for_all_trainings(
    world: World, tmp_path: Path, member: str, stages: set[str]
) -> None:
    reported: list[set[str]] = [set(), set()]
    for number, index in enumerate((world.index, PreparedIndex(world.index.rows[1:]))):
        train_member(
            Given(
                member, index, world.store, world.settings, LABELS, tmp_path / str(number), faces=world.faces,
                log=lambda metrics, _, to=reported[number]: to.update(metrics),
                checkpoints=str(tmp_path / "checkpoints"),
            )
        )  # fmt: skip
    assert "base.loss" in reported[0] and "base.loss" not in reported[1] and "final.loss" in reported[1]
    assert {path.name.rpartition("-")[0] for path in (tmp_path / "checkpoints").iterdir()} == stages


def test_fc6_that_one_reader_worked_out_is_read_by_the_next_with_equal_answers(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFEKT_SHARED", str(tmp_path / "shared"))
    passes: list[bool] = []
    plain = VggMember.sequence

    def counted(self: VggMember, clip: PreparedClip, steps: int, *, mirrored: bool) -> np.ndarray | None:
        passes.append(mirrored)
        return plain(self, clip, steps, mirrored=mirrored)

    monkeypatch.setattr(VggMember, "sequence", counted)
    counts = []
    for out in ("first", "second"):
        table = train_member(
            Given("bilstm", world.index, world.store, world.settings, LABELS, tmp_path / out,
                  needs={"vgg": world.folders["vgg"]})
        )  # fmt: skip
        assert np.array_equal(table.scores, world.tables["bilstm"].scores, equal_nan=True)
        counts.append(len(passes))
    # Two folds of 12 train clips, of which one has no face, and the final model of all 15: each clip once.
    assert counts == [11 + 11 + 14, 11 + 11 + 14]


def test_two_readers_of_a_vgg_take_its_clips_from_both_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    given = Given("bilstm", world.index, world.store, world.settings, LABELS, Path("unused"))
    vgg = load_member(model_spec("vgg"), world.folders["vgg"], {}, HardwareChoice("cpu"))
    assert isinstance(vgg, VggMember)
    fc6 = Fc6(vgg, FaceClips(given), 8)
    assert sorted([tuple(fc6.in_turn([5, 6, 7], name)) for name in ("bilstm", "joint")]) == [(0, 1, 2), (2, 1, 0)]
