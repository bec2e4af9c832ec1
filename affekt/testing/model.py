"""Checks a model by the contract of :class:`affekt.extensions.ModelSpec`, on small clips made for it."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affekt.extensions import ModelSpec, members_needed, model_spec, named
from affekt.media.prepared import FaceSet, PreparedClip, PreparedIndex, PreparedRow
from affekt.media.sound_code import RATE, Sound
from affekt.models.explainer import Explainer
from affekt.models.members import Members
from affekt.score_table import ScoreTable
from affekt.settings import Settings, load_settings
from affekt.store.entries import Store
from affekt.testing.conformance import require, require_spec
from affekt.training.given import Given, train_member

LABELS = ("angry", "happy", "neutral")
#: People, of whom the last two validate; each has two clips a label. Face and voice say a little of the label.
_SUBJECTS, _VALIDATE, _REPEATS = 6, 2, 2
_FACE, _FRAMES = 40, 12
#: What all checked models share; a model's author gives what makes the model itself small.
_COMMON = (
    f"media.face_size={_FACE}", "vgg.input_size=32", "c3d.input_size=32", "device=cpu", "precision=float32",
    "fusion.folds=2",
)  # fmt: skip


def check_model(name: str, settings: Sequence[str] = (), *, folder: Path | None = None) -> None:
    """Train, save, load and ask an installed model, and hold it to its contract.

    The spec's module is light to import; there are rows for the preset ``paper``; score vectors are probabilities; two
    trainings with one seed write the same bytes; what is read back answers as the score table says; a clip without
    what the model looks at has no answer; what looks at faces alone answers before a voice is heard, and what listens
    to voices alone before a face is seen; no label of a person reaches that person's own out-of-fold scores; and of a
    model that is explained there are pictures for every label.

    Args:
        name: of the model.
        settings: overrides that make it (and the models that it needs) small enough to be trained in seconds, as
            ``my_model.width=0.1``.
        folder: where it is trained; a temporary folder by default.

    Raises:
        ConformanceError: the first promise that is not kept.
        AffektError: the training or the loading failed.
    """
    spec = model_spec(name)
    who = f"model {name!r}"
    _check_spec(spec, who)
    load_settings("paper")  # tells what the rows of the preset lack
    chosen = load_settings("small", (*_COMMON, *settings))
    with tempfile.TemporaryDirectory(prefix="affekt-") as temporary:
        root = folder or Path(temporary)
        trial = _Trial(spec, who, chosen, root, *_clips(root / "store", chosen))
        table = trial.trained("first")
        _check_table(trial, table)
        _check_repeats(trial, table)
        _check_loaded(trial, table)
        _check_no_leak(trial, table)
        _check_explained(trial)


@dataclass(frozen=True)
class _Trial:
    """A model that is checked, and what it is trained with."""

    spec: ModelSpec
    who: str
    settings: Settings
    root: Path
    store: Store
    index: PreparedIndex
    faces: FaceSet

    def trained(self, out: str) -> ScoreTable:
        """The model's score table; it and those that it needs are trained, each into its folder below ``out``."""
        for name in members_needed([self.spec.name]):
            needed = model_spec(name)
            table = train_member(
                Given(
                    name,
                    self.index,
                    self.store,
                    self.settings,
                    LABELS,
                    self.root / out / name,
                    faces=self.faces if needed.learns_from_images else None,
                    needs={each: self.root / out / each for each in needed.needs},
                )
            )
        return table


def _check_spec(spec: ModelSpec, who: str) -> None:
    require_spec("model", spec.name, who)
    require(
        bool(spec.modalities) and set(spec.modalities) <= {"face", "voice"},
        who,
        f"its modalities should be of face and voice, found {spec.modalities}",
    )


def _clips(root: Path, settings: Settings) -> tuple[Store, PreparedIndex, FaceSet]:
    """Clips of people whose faces and voices say a little of the label; two lack a face, two a voice."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(len(LABELS), 88))
    store, rows = Store(root, settings.media), []
    for number in range(_SUBJECTS * len(LABELS) * _REPEATS):
        subject, label = divmod(number // _REPEATS, len(LABELS))
        face, voice = number % 11 != 4, number % 13 != 5
        bright = np.uint8(60 * label)
        pictures = rng.integers(0, 120, (_FRAMES, _FACE, _FACE, 3), dtype=np.uint8) + bright
        clip = PreparedClip(
            pictures * np.uint8(face),
            np.full(_FRAMES, face),
            np.tile(np.array([4, 4, 20, 24] if face else [np.nan] * 4, np.float32), (_FRAMES, 1)),
            np.arange(_FRAMES, dtype=np.float32) / 25,
            (centres[label] + rng.normal(size=88)).astype(np.float32) * np.float32(voice),
            voice,
            flags=tuple(flag for flag, lacks in (("no_face", not face), ("no_sound", not voice)) if lacks),
            descriptors=(rng.normal(size=(48 if voice else 0, 25)) + label).astype(np.float32),
            sound=_sound(7680 if voice else 0, number, label),
        )
        key = f"{number:032d}-0"
        store.put(key, clip)
        split = "train" if subject < _SUBJECTS - _VALIDATE else "val"
        frames = _FRAMES if face else 0
        rows.append(PreparedRow(f"clip{number}", LABELS[label], f"s{subject}", split, key, _FRAMES, frames, voice))
    store.pack()  # as after every preparation; of clips that wait, a file is opened for each picture
    images = rng.integers(0, 255, (24, _FACE, _FACE, 3), dtype=np.uint8)
    words = tuple(LABELS[number % len(LABELS)] for number in range(24))
    return store, PreparedIndex(tuple(rows)), FaceSet(images, words, ("train",) * 16 + ("val",) * 8)


def _sound(count: int, number: int, label: int) -> Sound:
    """So many samples of noise, and of a tone that is as high as the label says."""
    noise = np.random.default_rng(number).normal(size=count)
    tone = np.sin(2 * np.pi * 300 * (label + 1) * np.arange(count) / RATE)
    return Sound((1000 * noise + 3000 * tone).astype(np.int16))


def _has_what_it_looks_at(spec: ModelSpec, row: PreparedRow) -> bool:
    return (row.frames_with_face > 0 or not spec.sees) and (row.voice or not spec.hears)


def _check_table(trial: _Trial, table: ScoreTable) -> None:
    spec, index, who = trial.spec, trial.index, trial.who
    require(table.models == (spec.name,), who, f"its score table should be of itself, found {table.models}")
    require(
        table.clips == tuple(row.clip for row in index),
        who,
        "its score table should have a row for every clip, in their order: train clips by the fold that held them out",
    )
    require(
        table.scores.shape == (len(index), 1, len(LABELS)), who, f"score vectors [N, 1, L], got {table.scores.shape}"
    )
    for row, available in zip(index, table.available[:, 0], strict=True):
        if _has_what_it_looks_at(spec, row):
            require(bool(available), who, f"{row.clip} has what it looks at, and no score")
        else:
            require(not available, who, f"{row.clip} lacks what it looks at, and has a score")
    known = table.scores[table.available]
    require(bool((known >= 0).all()), who, "its scores should be probabilities, and some are negative")
    require(bool(np.allclose(known.sum(axis=1), 1, atol=1e-6)), who, "its score vectors should sum to one")


def _check_repeats(trial: _Trial, table: ScoreTable) -> None:
    root, name, who = trial.root, trial.spec.name, trial.who
    again = trial.trained("again")
    require(
        bool(np.array_equal(again.scores, table.scores, equal_nan=True)),
        who,
        "two trainings with one seed should give equal scores to the last bit",
    )
    for path in sorted((root / "first" / name).rglob("*.safetensors")):
        other = root / "again" / path.relative_to(root / "first")
        require(
            path.read_bytes() == other.read_bytes(),
            who,
            f"two trainings with one seed should write the same {path.name}",
        )


def _check_loaded(trial: _Trial, table: ScoreTable) -> None:
    """What is read back, also from a copy of the folder, answers as the final model did."""
    spec, root, who = trial.spec, trial.root, trial.who
    copied = root / "copied"
    shutil.copytree(root / "first" / spec.name, copied)
    folders = {name: root / "first" / name for name in members_needed([spec.name])} | {spec.name: copied}
    members = Members.load(folders, device="cpu", precision="float32")
    require(
        members.labels == LABELS, who, f"it should know the labels {LABELS} when it is loaded, found {members.labels}"
    )
    for number, row in enumerate(trial.index):
        clip = trial.store.get(row.key)
        answer = members.score(clip).get(spec.name)
        if not _has_what_it_looks_at(spec, row):
            require(answer is None, who, f"{row.clip} lacks what it looks at, and is answered")
        elif row.split != "train":
            require(answer is not None, who, f"{row.clip} has what it looks at, and is not answered")
            same = answer is not None and np.allclose(answer, table.scores[number, 0], atol=1e-6)
            require(bool(same), who, f"{row.clip}: what is loaded should answer as the score table says")
        _check_early(trial, members, clip, row.clip)


def _check_early(trial: _Trial, members: Members, clip: PreparedClip, name: str) -> None:
    """Of half a clip comes the answer of the whole, wherever the model looks at no more than this half."""
    spec, asked = trial.spec, members.looking()
    if spec.sees and spec.hears:
        return
    what = "looks at faces alone should answer as well while the voice is listened to"
    if spec.sees:
        asked.seen(_unheard(clip))
    else:
        what = "listens to the voice alone should answer as well while faces are searched"
        asked.heard(_unseen(clip))
    nothing = dataclasses.replace(_unheard(clip), present=np.zeros_like(clip.present))
    early, whole = (each.get(spec.name) for each in (asked.whole(nothing), members.look(clip)))
    parts = [[getattr(said, part, None) for part in ("vector", "row", "distance")] for said in (early, whole)]
    same = whole is not None and all(np.array_equal(one, other) for one, other in zip(*parts, strict=True))
    require(same, trial.who, f"{name}: a model that {what}")


def _unheard(clip: PreparedClip) -> PreparedClip:
    """A clip of which nothing has been heard yet."""
    return dataclasses.replace(
        clip, functionals=clip.functionals[:0], voice=False, descriptors=clip.descriptors[:0], sound=Sound()
    )


def _unseen(clip: PreparedClip) -> PreparedClip:
    """A clip of which nothing has been seen yet."""
    return dataclasses.replace(
        clip, faces=clip.faces[:0], present=clip.present[:0], boxes=clip.boxes[:0], times=clip.times[:0], wide=None
    )


def _check_no_leak(trial: _Trial, table: ScoreTable) -> None:
    """With other labels of one person, that person's own scores stay, and those of others may change."""
    rows = trial.index.rows
    person = rows[0].subject
    changed = PreparedIndex(
        tuple(
            dataclasses.replace(row, label=LABELS[(LABELS.index(row.label) + 1) % len(LABELS)])
            if row.subject == person
            else row
            for row in rows
        )
    )
    other = dataclasses.replace(trial, index=changed).trained("changed")
    own = np.array([row.subject == person for row in rows])
    require(
        bool(np.allclose(other.scores[own], table.scores[own], atol=1e-6, equal_nan=True)),
        trial.who,
        "the labels of a person should not reach that person's own out-of-fold scores; they do "
        "(use affekt.training.out_of_fold)",
    )


def _check_explained(trial: _Trial) -> None:
    """What draws Figure 7 gives PNG files, the same each time."""
    spec, who = trial.spec, trial.who
    if not spec.explain:
        return
    explainer: Explainer = named(spec.explain, who)(trial.root / "first" / spec.name)
    require(explainer.labels == LABELS, who, f"its explainer should know the labels {LABELS}, not {explainer.labels}")
    face = trial.faces.images[0]
    for label in LABELS:
        drawn = explainer.class_model(label, iterations=2), explainer.grad_cam(face, label)
        again = explainer.class_model(label, iterations=2), explainer.grad_cam(face, label)
        require(
            all(picture.startswith(b"\x89PNG\r\n\x1a\n") for picture in drawn),
            who,
            f"what its explainer draws for {label} should be PNG files",
        )
        require(drawn == again, who, f"what its explainer draws for {label} should be the same each time")
