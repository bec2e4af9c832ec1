"""Train the networks that read a clip in time from a trained VGG's fc6: the Bi-LSTM and the joint network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from affekt.errors import DataError
from affekt.extensions import model_spec
from affekt.media.prepared import PreparedClip
from affekt.models.bilstm.member import BilstmMember
from affekt.models.bilstm.network import BiLSTM
from affekt.models.joint.acoustic_steps import with_voice
from affekt.models.joint.member import JointMember
from affekt.models.joint.network import JointBiLSTM
from affekt.models.member import Member, Scored
from affekt.models.model_folder import load_model
from affekt.models.vgg.member import VggMember
from affekt.models.vgg.network import VGG16
from affekt.progress import track
from affekt.score_table import ScoreTable
from affekt.training.face_clips import FaceClips
from affekt.training.fc6 import Fc6
from affekt.training.given import Given
from affekt.training.member import MemberTraining
from affekt.training.out_of_fold import Fold, folds_of, require_two_labels
from affekt.training.sequence_batches import SequenceBatches


def train_bilstm(given: Given) -> ScoreTable:
    """Train the Bi-LSTM on the fc6 activations of a trained VGG (paper.md, sections 3.1.2 and 4.3.3).

    Each fold reads the activations of the fold's own VGG, so that neither of the two has seen the clips that they
    score. Each clip passes through a VGG once, as it is and mirrored.

    Files and errors as for :func:`affekt.training.pictures.train_vgg`.

    Raises:
        DataError: the VGG's folds were trained on other clips.
    """
    return _train(given, _bilstm, BilstmMember)


def train_joint(given: Given) -> ScoreTable:
    """Train the joint network of face and voice on the clips that have both (paper.md, section 6).

    It reads the same faces as the Bi-LSTM, and the acoustic descriptors around each of them. A clip without a
    face or without usable sound has no score.

    Files and errors as for :func:`train_bilstm`.

    Raises:
        DataError: the audio feature set has no frame-level descriptors.
    """
    return _train(given, _joint, JointMember)


def _bilstm(given: Given, face: int, features: np.ndarray) -> BiLSTM:
    group = given.group
    network = BiLSTM(features=face, hidden=group.hidden, classes=len(given.labels), dropout=group.dropout)
    if group.standardise:
        network.standardise_by(torch.from_numpy(features))
    return network


def _joint(given: Given, face: int, features: np.ndarray) -> JointBiLSTM:
    group = given.group
    network = JointBiLSTM(
        face=face, voice=features.shape[-1] - face, projection=group.projection, hidden=group.hidden,
        classes=len(given.labels), dropout=group.dropout, modality_dropout=group.modality_dropout,
    )  # fmt: skip
    network.standardise_by(torch.from_numpy(features))
    return network


def _train(given: Given, start: Callable[[Given, int, np.ndarray], Any], member: Callable[..., Any]) -> ScoreTable:
    """Train a network that reads fc6 in time.

    Args:
        given: what it learns from.
        start: the network to train, from the number of fc6 units and the features ``[N, V, T, F]`` of the train clips.
        member: the class of the trained model.
    """
    run, clips, group = MemberTraining(given), FaceClips(given), given.group
    folds = folds_of(given)
    require_two_labels(given, folds)
    # The VGG may have learned from more than its reader does (clips without sound), never from what a fold scores.
    learned_by_vgg = {fold.key: fold.learns for fold in folds_of(dataclasses.replace(given, member="vgg"))}
    for fold in folds:
        vgg = _vgg_of(fold, given, run, clips.digest(learned_by_vgg[fold.key]))
        fc6 = Fc6(vgg, clips, group.time_steps)
        features = _features(given, fold, clips, fc6)
        with torch.random.fork_rng():
            torch.manual_seed(given.settings.seed)
            network = start(given, vgg.network.fc6_units, features)
        batches = _batches(given, fold, clips, features, on_device=run.on_accelerator)
        run.train(network, batches, group, fold.name, fold.key)
        run.save(fold, network, None, group, {"vgg_sha256": vgg.sha256})
        trained = member(network, run.hardware, labels=given.labels, time_steps=group.time_steps)

        def score(
            row: int, clip: PreparedClip, vgg: VggMember = vgg, fc6: Fc6 = fc6, trained: Member = trained
        ) -> Scored:
            sequence = fc6.of(row, clip, mirrored=fc6.mirror)
            return trained.score(clip, {"vgg": {group.time_steps: sequence}})

        run.score_rows(fold, score)
    return run.finish()


def _vgg_of(fold: Fold, given: Given, run: MemberTraining, learned_from: str) -> VggMember:
    """The VGG of a fold, which must not have seen what the fold scores."""
    folder = fold.folder(given.needs["vgg"])
    stored = load_model(folder, "vgg", VGG16)
    if stored.facts.get("learned_from") != learned_from or stored.labels != given.labels:
        raise DataError(
            f"this vgg ({fold.name}) learned from other clips or labels than the {given.member} is to learn from; "
            "train the vgg with the same clips, seed and fusion settings first",
            code="mismatch",
            where=str(folder),
        )
    return VggMember.of(stored, run.hardware)


def _features(given: Given, fold: Fold, clips: FaceClips, fc6: Fc6) -> np.ndarray:
    """What a fold learns from: float32 ``[N, 2, steps, F]``, each clip as it is and mirrored."""
    hears = model_spec(given.member).hears
    features: dict[int, np.ndarray] = {}
    places = fc6.in_turn(fold.learns, given.member)
    for place in track(places, f"{given.member} {fold.name}: fc6", len(places)):
        row = int(fold.learns[place])
        clip = clips.prepared(row)
        sequence = fc6.of(row, clip, mirrored=True)
        assert sequence is not None  # a clip without a face is not learned from
        if hears:
            sequence = with_voice(clip, sequence)
            if sequence is None:
                raise DataError(
                    "has sound but no frame-level acoustic descriptors; the joint network needs a feature set "
                    "(media.functionals) that offers them, as egemaps does",
                    code="no_descriptors",
                    where=clips.name(row),
                )
        features[place] = sequence
    return np.stack([features[place] for place in range(len(places))])


def _batches(given: Given, fold: Fold, clips: FaceClips, features: np.ndarray, *, on_device: bool) -> SequenceBatches:
    chosen = clips.rows(fold.learns)
    return SequenceBatches(
        features, [clip.label for clip in chosen], [clip.key for clip in chosen], stage=fold.key,
        seed=given.settings.seed, batch_size=given.group.batch_size, balanced=given.group.balanced,
        on_device=on_device, possible=[clip.possible for clip in chosen],
    )  # fmt: skip
