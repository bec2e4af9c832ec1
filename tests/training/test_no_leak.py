"""No member's own training clips reach a trained fusion: the row of a train clip cannot follow its own label."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affekt.extensions import fusion_specs, model_names, model_specs
from affekt.fusion import Fusion
from affekt.media import FaceSet, PreparedClip, PreparedIndex, PreparedRow
from affekt.media.sound_code import Sound
from affekt.score_table import ScoreTable
from affekt.settings import Settings, load_settings
from affekt.steps import fit_fusion as fusing
from affekt.steps.fit_fusion import fit_fusions
from affekt.store.entries import Store
from affekt.training.given import Given, train_member

TRAINED = tuple(name for name, spec in fusion_specs().items() if spec.fit)

MEMBERS = model_names()

LABELS = ("angry", "happy", "neutral")
TINY = (
    "media.face_size=40", "device=cpu", "evaluation.bootstrap=100",
    "vgg.width=0.02", "vgg.input_size=32", "vgg.batch_size=8", "vgg.base_iterations=2", "vgg.iterations=12",
    "vgg.frames_per_clip=4", "vgg.learning_rate=0.05",
    "c3d.width=0.02", "c3d.input_size=32", "c3d.batch_size=6", "c3d.micro_batch=null", "c3d.base_iterations=2",
    "c3d.iterations=4", "c3d.windows_per_clip=1", "c3d.learning_rate=0.03",
    "bilstm.hidden=4", "bilstm.time_steps=8", "bilstm.batch_size=4", "bilstm.iterations=6",
    "joint.projection=4", "joint.hidden=4", "joint.time_steps=8", "joint.batch_size=4", "joint.iterations=20",
    "joint.learning_rate=0.2",
    "random_forest.trees=10", "random_forest.min_samples_split=2", "svc.c_candidates=[0.1]",
    "fusion.folds=2", "fusion.held_out_share=0.5", "fusion.method=stacking", "fusion.optional=[]",
)  # fmt: skip
SUBJECTS, REPEATS = 5, 2


def clips(store: Store) -> PreparedIndex:
    """Four people in train and one in val, each with two clips a label, pictures and functionals of noise."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(SUBJECTS * len(LABELS) * REPEATS):
        subject, label = divmod(number // REPEATS, len(LABELS))
        frames = np.ones(10, bool)
        clip = PreparedClip(
            rng.integers(0, 255, (10, 40, 40, 3), dtype=np.uint8), frames, np.zeros((10, 4), np.float32),
            np.arange(10, dtype=np.float32) / 25, rng.normal(size=88).astype(np.float32), True,
            descriptors=rng.normal(size=(40, 5)).astype(np.float32),
            sound=Sound(np.random.default_rng(number).normal(0, 3000, 27000).astype(np.int16)),
        )  # fmt: skip
        key = f"{number:032d}-0"
        store.put(key, clip)
        split = "train" if subject < SUBJECTS - 1 else "val"
        rows.append(PreparedRow(f"clip{number}", LABELS[label], f"s{subject}", split, key, 10, 10, True))
    store.pack()
    return PreparedIndex(tuple(rows))


def other_labels(index: PreparedIndex, subjects: set[str]) -> PreparedIndex:
    """The same clips; each clip of some subjects bears the next label, so that every label is as frequent as before."""
    return PreparedIndex(
        tuple(
            dataclasses.replace(row, label=LABELS[(LABELS.index(row.label) + 1) % len(LABELS)])
            if row.subject in subjects
            else row
            for row in index
        )
    )


def trained(index: PreparedIndex, store: Store, settings: Settings, folder: Path) -> dict[str, Path]:
    """All members, trained; the VGG from a base of pictures of noise."""
    noise = np.random.default_rng(1).integers(0, 255, (12, 40, 40, 3), dtype=np.uint8)
    faces = FaceSet(noise, LABELS * 4, ("train",) * 12)
    out = {name: folder / name for name in MEMBERS}
    for name, spec in model_specs().items():
        needs = {needed: out[needed] for needed in spec.needs}
        train_member(Given(name, index, store, settings, LABELS, out[name], faces=faces, needs=needs))
    return out


@dataclasses.dataclass
class Seen:
    """What the trained fusions were fitted on, before and after some subjects' labels were changed."""

    changed: set[str]
    before: list[ScoreTable]
    after: list[ScoreTable]
    members: tuple[dict[str, ScoreTable], ...]


@pytest.fixture(scope="module", params=["out_of_fold", "held_out"])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, encoders: tuple[str, ...]) -> Seen:
    root = tmp_path_factory.mktemp(request.param)
    settings = load_settings("small", (*TINY, *encoders, f"fusion.scores={request.param}"))
    store = Store(root / "store", settings.media)
    index = clips(store)

    def fusion_rows(index: PreparedIndex, folder: Path) -> list[ScoreTable]:
        members = trained(index, store, settings, folder)
        with pytest.MonkeyPatch.context() as patch:
            # Which of two stand-ins is fused is decided by labels, and differs by a clip between processors.
            patch.setattr(fusing, "fall_back", lambda train, models: (models, ()))
            return _spied(patch, lambda: fit_fusions(members, MEMBERS, settings, folder / "ensemble"))

    before = fusion_rows(index, root / "before")
    # Of one fold's subjects alone: the models that score the other folds learn from them and may change.
    held = set(before[0].subjects) if request.param == "held_out" else {before[0].subjects[0]}
    after = fusion_rows(other_labels(index, held), root / "after")
    tables = (
        {name: ScoreTable.read(root / run / name / "scores.csv") for name in MEMBERS} for run in ("before", "after")
    )
    return Seen(held, before, after, tuple(tables))


def _spied(patch: pytest.MonkeyPatch, act: Callable[[], object]) -> list[ScoreTable]:
    """The tables with which trained fusions were fitted while ``act`` ran."""
    tables: list[ScoreTable] = []
    fit = Fusion.fit

    def spy(table: ScoreTable, method: str, **how: object) -> Fusion:
        if method in TRAINED:
            tables.append(table)
        return fit(table, method, **how)  # type: ignore[arg-type]

    patch.setattr(fusing.Fusion, "fit", spy)
    act()
    return tables


def rows_of(table: ScoreTable, member: str, subjects: set[str]) -> dict[str, np.ndarray]:
    """A member's score vectors of the subjects' clips, by clip."""
    column = table.models.index(member)
    return {clip: table.scores[row, column] for row, clip in enumerate(table.clips) if table.subjects[row] in subjects}


@pytest.mark.parametrize("member", MEMBERS)
def test_a_clips_row_does_not_follow_its_own_label(seen: Seen, member: str) -> None:
    whole = [table for table in seen.before if len(table.models) == len(MEMBERS)]
    assert len(whole) >= 2 * len(TRAINED)  # on scores as they are and adapted to their persons; some within another one
    with_them = 0  # a fusion that is tried on some subjects is fitted without them
    for before, after in zip(seen.before, seen.after, strict=True):
        if member in before.models:
            old, new = rows_of(before, member, seen.changed), rows_of(after, member, seen.changed)
            assert old.keys() == new.keys()
            with_them += bool(old)
            for clip, vector in old.items():
                np.testing.assert_allclose(new[clip], vector, atol=1e-6)
    assert with_them >= 2 * len(TRAINED)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_model_that_learned_the_label_would_have_shown_it(seen: Seen, member: str) -> None:
    # The final model learns from every train clip, and scores the person of val.
    first, second = (rows_of(tables[member], member, {"s4"}) for tables in seen.members)
    assert max(np.abs(second[clip] - vector).max() for clip, vector in first.items()) > 1e-3


def test_only_train_rows_are_fitted_on(seen: Seen) -> None:
    assert all(set(table.splits) == {"train"} for table in seen.before)
    subjects = set(seen.before[0].subjects)
    assert len(subjects) == (4 if len(seen.changed) == 1 else 2)
