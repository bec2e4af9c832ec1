"""The face encoder reads wider pictures where a training kept them; heads of before go on reading face crops."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import DataError, SettingsError
from affekt.media import PreparedClip, PreparedIndex, PreparedRow
from affekt.media.prepared import WidePictures
from affekt.models.graphs.members import load_face
from affekt.models.graphs.writing import write_face
from affekt.models.member import HardwareChoice
from affekt.models.members import Members
from affekt.pipelines.job import job_of
from affekt.settings import load_settings, settings_of_stored
from affekt.store.entries import Store
from affekt.training.given import Given, train_member

LABELS = ("happy", "sad")


def _clip(chance: np.random.Generator, bright: int) -> PreparedClip:
    def pictures(count: int, side: int) -> np.ndarray:
        return chance.integers(0, 90, (count, side, side, 3), dtype=np.uint8) + np.uint8(bright)

    return PreparedClip(
        pictures(6, 96), np.ones(6, bool), np.full((6, 4), 8, np.float32), np.arange(6, dtype=np.float32) / 25,
        np.zeros(88, np.float32), voice=False, wide=WidePictures(np.array([0, 3]), pictures(2, 40)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory, encoders: tuple[str, ...]) -> dict[str, Path]:
    """A head that was trained on wider pictures and one on face crops, of the same clips."""
    root = tmp_path_factory.mktemp("heads")
    wide = load_settings("small", [*encoders, "media.wide_size=40", "media.wide_frames=2"])
    store, chance, rows = Store(root / "store", wide.media), np.random.default_rng(0), []
    for number in range(16):
        label, key = number % 2, f"{number:04d}"
        store.put(key, _clip(chance, 80 * label))
        split = "train" if number < 12 else "val"
        rows.append(PreparedRow(key, LABELS[label], f"s{number // 4}", split, key, 6, 6, False))
    found = {}
    for name, size in (("wide", 40), ("crops", 0)):
        settings = replace(wide, media=replace(wide.media, wide_size=size))
        found[name] = root / name
        train_member(Given("face_embedding", PreparedIndex(tuple(rows)), store, settings, LABELS, found[name]))
    return found


def _row(folder: Path, clip: PreparedClip) -> np.ndarray:
    said = Members.load({"face_embedding": folder}, inference="torch").look(clip)["face_embedding"].row
    assert said is not None
    return said


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("head", ["wide", "crops"])
def test_a_head_reads_the_pictures_that_it_was_trained_on(heads: dict[str, Path], head: str, graph: bool) -> None:
    def row(clip: PreparedClip) -> np.ndarray:
        found = member.row_of(clip) if graph else _row(heads[head], clip)
        assert found is not None
        return found

    if graph:
        write_face(heads[head])
        member = load_face(heads[head], {}, HardwareChoice("cpu", "float32"))
    clip, other = _clip(np.random.default_rng(1), 40), _clip(np.random.default_rng(2), 90)
    margin, face = replace(clip, wide=other.wide), replace(clip, faces=other.faces)
    read, left = (margin, face) if head == "wide" else (face, margin)
    np.testing.assert_array_equal(row(left), row(clip))
    assert (row(read) != row(clip)).mean() > 0.1


def test_a_head_that_does_not_say_what_it_reads_is_of_before_and_reads_face_crops(
    heads: dict[str, Path], tmp_path: Path
) -> None:
    for path in heads["crops"].iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    description = json.loads((tmp_path / "model.json").read_text())
    assert description.pop("pictures") == "face crops"
    (tmp_path / "model.json").write_text(json.dumps(description))
    clip = replace(_clip(np.random.default_rng(1), 40), wide=None)
    np.testing.assert_array_equal(_row(tmp_path, clip), _row(heads["crops"], clip))


def test_a_clip_that_was_prepared_without_them_is_refused(heads: dict[str, Path]) -> None:
    with pytest.raises(DataError, match="without the wider face pictures"):
        _row(heads["wide"], replace(_clip(np.random.default_rng(1), 40), wide=None))


def test_a_training_keeps_them_where_the_encoder_is_here_and_is_trained(
    sample_clips: Path, encoders: tuple[str, ...], tmp_path: Path
) -> None:
    def size(*overrides: str, only: str = "face_embedding", elsewhere: bool = False) -> int | None:
        job = job_of(str(sample_clips), only=only, overrides=overrides, elsewhere=elsewhere)
        return job.settings.media.wide_size

    here = next(text for text in encoders if text.startswith("face_embedding.pretrained"))
    assert size(here) == 160
    assert size(here, elsewhere=True) == 0  # what lies here alone says nothing of pods
    assert size(f"face_embedding.pretrained={tmp_path}") == 0
    assert size(only="svc") == 0
    assert size(here, "media.wide_size=0") == 0
    assert size(f"face_embedding.pretrained={tmp_path}", "media.wide_size=64") == 64


def test_a_model_stored_before_there_were_any_has_none() -> None:
    values = load_settings("small").to_dict()
    values["media"] = {name: value for name, value in values["media"].items() if not name.startswith("wide_")}
    assert settings_of_stored(values).media.wide_size == 0


def test_more_frames_than_there_are_pictures_of_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"32 is more than media\.wide_frames \(16\)"):
        load_settings("small", ["face_embedding.frames_per_clip=32"])
    load_settings("small", ["face_embedding.frames_per_clip=32", "media.wide_frames=32"])
    load_settings("small", ["face_embedding.frames_per_clip=32", "media.wide_size=0"])
