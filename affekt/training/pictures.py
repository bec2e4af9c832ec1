"""Train the networks that see pictures, VGG and C3D, with out-of-fold scores of the train clips (paper.md, 4.3)."""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from affekt.counted import counted
from affekt.errors import SettingsError
from affekt.media.prepared import FaceSet
from affekt.models.c3d.member import C3dMember
from affekt.models.c3d.network import C3D
from affekt.models.member import ImageMember
from affekt.models.vgg import VggSettings
from affekt.models.vgg.member import VggMember
from affekt.models.vgg.network import VGG16
from affekt.score_table import ScoreTable
from affekt.settings.fields import FaceNetwork
from affekt.training.augmentation import Distortions
from affekt.training.face_clips import FaceClips
from affekt.training.given import Given
from affekt.training.member import MemberTraining
from affekt.training.out_of_fold import folds_of, require_two_labels
from affekt.training.picture_batches import FaceClip, FrameBatches, StillBatches, WindowBatches
from affekt.training.starting_weights import start_c3d, start_vgg

logger = logging.getLogger(__name__)
#: Iterations on still images as single frames for each one on them as whole windows, which costs ten times as much. The
#: windows teach the ends of a window, and the running statistics of batch normalisation: after 32,000 single frames of
#: FER2013, 28 % of others were right as windows (42 % as single frames), and 42 % after 1,920 windows.
STILLS_FOR_A_WINDOW = 20
#: Below the VGG's folder, the network from which all folds start, where it has learned something before.
BASE = "folds/base"


def train_vgg(given: Given) -> ScoreTable:
    """Train VGG-16 on face images and on the face frames of clips (paper.md, section 4.3.2).

    A first stage of ``vgg.base_iterations`` learns from face images alone; they name no subject of a clip, so all folds
    share it. From there one training for each fold and the final one learn from both. Writes into ``given.out``:
    ``model.safetensors``, ``model.json``, ``folds/<k>/`` with the same of each fold, ``scores.csv``, ``history.csv``.
    Without clips it learns from the face images alone, and the score table holds the images that are not in their
    train split, under their names.

    Raises:
        DataError: there is nothing to learn from, or the pretrained weights do not fit.
        AffektError: the training diverged.
    """
    run, clips = MemberTraining(given), FaceClips(given)
    index, faces, settings, labels = given.index, given.faces, given.settings, given.labels
    images, image_labels, image_numbers = _images_to_learn(faces, labels)
    group = _with_iterations(given.group, len(image_numbers), clips=len(index) > 0)
    folds = folds_of(given)
    if not len(image_numbers):
        require_two_labels(given, folds)
    network, preprocessing = start_vgg(**_start(group, len(labels), settings.seed), read_layer=group.read_layer)

    def batches(key: str, learns: Sequence[FaceClip]) -> FrameBatches:
        return FrameBatches(
            images, image_labels, image_numbers, learns, preprocessing, stage=key, seed=settings.seed,
            batch_size=group.batch_size, image_share=group.face_share, balanced=group.balanced,
            on_device=run.on_accelerator, distortions=_distortions(group),
        )  # fmt: skip

    def member(trained: VGG16) -> VggMember:
        return VggMember(
            trained, preprocessing, run.hardware, labels=labels, frames_per_clip=group.frames_per_clip,
            mirror=group.mirror,
        )  # fmt: skip

    if group.base_iterations and len(image_numbers):
        base = _base(group)
        run.train(network, batches("base", []), base, "base", "base", lasting=given.checkpoints is not None)
        run.note("base", _accuracy_on_images(member(network), faces, labels))
    if len(index) and (group.pretrained is not None or (group.base_iterations and len(image_numbers))):
        run.save_base(BASE, network, preprocessing, group)
    for fold in folds:
        trained = copy.deepcopy(network)
        run.train(trained, batches(fold.key, clips.rows(fold.learns)), group, fold.name, fold.key)
        scorer = member(trained)
        if fold.final:
            run.note("final", _accuracy_on_images(scorer, faces, labels))
        run.save(fold, trained, preprocessing, group, {"learned_from": clips.digest(fold.learns)})
        run.score(fold, scorer.score)
        if not len(index) and faces is not None:
            return run.finish(_table_of_images(scorer, faces, labels))
    return run.finish()


def train_c3d(given: Given) -> ScoreTable:
    """Train C3D on windows of sixteen consecutive face frames (paper.md, sections 3.1.1 and 4.3.1).

    Where there are face images, a first stage of ``c3d.base_iterations`` learns from them as single frames, which is
    ten times as fast, and one of a twentieth of that from them as windows whose crop drifts; all folds share both, and
    with them filters that know faces. From there the folds learn from clips alone.

    Files and errors as for :func:`train_vgg`.
    """
    run, clips = MemberTraining(given), FaceClips(given)
    faces, settings, labels, group = given.faces, given.settings, given.labels, given.group
    images, image_labels, image_numbers = _images_to_learn(faces, labels)
    folds = folds_of(given)
    require_two_labels(given, folds)
    start, preprocessing = start_c3d(**_start(group, len(labels), settings.seed))

    def member(trained: C3D) -> C3dMember:
        return C3dMember(
            trained, preprocessing, run.hardware, labels=labels, windows_per_clip=group.windows_per_clip,
            mirror=group.mirror,
        )  # fmt: skip

    if group.base_iterations and images is not None and len(image_numbers):
        base = _base(group)
        drift = dataclasses.replace(group, iterations=-(-group.base_iterations // STILLS_FOR_A_WINDOW))
        for key, stage, frames in (("base", base, 1), ("drift", drift, group.window)):
            stills = StillBatches(
                images, image_labels, image_numbers, preprocessing, window=frames, stage=key, seed=settings.seed,
                batch_size=group.batch_size, balanced=group.balanced, distortions=_distortions(group),
            )  # fmt: skip
            run.train(start, stills, stage, key, key, lasting=given.checkpoints is not None)
        run.note("base", _accuracy_on_images(member(start), faces, labels))
    for fold in folds:
        network = copy.deepcopy(start)
        batches = WindowBatches(
            clips.rows(fold.learns), preprocessing, window=group.window, stage=fold.key, seed=settings.seed,
            batch_size=group.batch_size, balanced=group.balanced, on_device=run.on_accelerator,
            distortions=_distortions(group),
        )  # fmt: skip
        run.train(network, batches, group, fold.name, fold.key)
        run.save(fold, network, preprocessing, group, {"learned_from": clips.digest(fold.learns)})
        scorer = member(network)
        run.score(fold, scorer.score)
    return run.finish()


def _with_iterations(group: VggSettings, images: int, *, clips: bool) -> VggSettings:
    """The settings with a number of iterations, where they name rounds through the images instead."""
    if group.iterations is not None:
        return group
    if clips or group.rounds is None:
        raise SettingsError(["vgg.iterations: expected a number; rounds are for face images without clips"])
    return dataclasses.replace(group, iterations=max(1, round(group.rounds * images / group.batch_size)))


def _start(group: FaceNetwork, classes: int, seed: int) -> dict[str, Any]:
    """What a model's settings say of the network that it starts from."""
    names = ("width", "input_size", "batch_norm", "dropout", "pretrained", "crops")
    return {"classes": classes, "seed": seed, **{name: getattr(group, name) for name in names}}


def _distortions(group: FaceNetwork) -> Distortions:
    return Distortions(group.rotation, group.erasing, group.mixup)


def _base(group: Any) -> Any:
    """The settings of the stage that learns from still images alone."""
    return dataclasses.replace(group, iterations=group.base_iterations, learning_rate=group.base_learning_rate)


def _images_to_learn(faces: FaceSet | None, labels: tuple[str, ...]) -> tuple[np.ndarray | None, list[int], np.ndarray]:
    """The face images, and of those to learn from the labels and the numbers."""
    if faces is None:
        return None, [], np.zeros(0, dtype=int)
    numbers = [n for n, split in enumerate(faces.splits) if split not in ("val", "test")]
    known = [n for n in numbers if faces.labels[n] in labels]
    if len(known) < len(numbers):
        logger.info(
            "left out, since their label is none of %s: %s",
            ", ".join(labels),
            counted(len(numbers) - len(known), "face images"),
        )
    return faces.images, [labels.index(faces.labels[n]) for n in known], np.array(known, dtype=int)


def _held_images(faces: FaceSet, labels: tuple[str, ...]) -> list[int]:
    return [n for n, split in enumerate(faces.splits) if split in ("val", "test") and faces.labels[n] in labels]


def _accuracy_on_images(member: ImageMember, faces: FaceSet | None, labels: tuple[str, ...]) -> dict[str, float]:
    """``face_images_accuracy`` on the face images that were not learned from; nothing without such images."""
    numbers = _held_images(faces, labels) if faces is not None else []
    if faces is None or not numbers:
        return {}
    vectors = _score_images(member, faces, numbers)
    truth = np.array([labels.index(faces.labels[n]) for n in numbers])
    return {"face_images_accuracy": float((vectors.argmax(axis=1) == truth).mean())}


def _score_images(member: ImageMember, faces: FaceSet, numbers: Sequence[int]) -> np.ndarray:
    """Score vectors float64 ``[N, L]`` of single images."""
    parts = [
        member.score_faces(np.asarray(faces.images[list(numbers[first : first + 256])]))
        for first in range(0, len(numbers), 256)
    ]
    return np.concatenate(parts)


def _table_of_images(member: ImageMember, faces: FaceSet, labels: tuple[str, ...]) -> ScoreTable:
    numbers = _held_images(faces, labels)
    vectors = _score_images(member, faces, numbers) if numbers else np.zeros((0, len(labels)))
    return ScoreTable(
        tuple(faces.name(n) for n in numbers),
        labels,
        ("vgg",),
        vectors[:, None, :],
        np.array([labels.index(faces.labels[n]) for n in numbers], dtype=int),
        ("",) * len(numbers),
        tuple(faces.splits[n] for n in numbers),
    )
