"""Train the networks that read a clip in time from a trained VGG's fc6: the Bi-LSTM and the joint network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from affekt.errors import DataError
from affekt.media.prepared import PreparedClip
from affekt.models.bilstm.network import BiLSTM
from affekt.models.joint.network import JointBiLSTM
from affekt.models.model_folder import StoredModel, load_model
from affekt.models.scoring import BilstmScoring, JointScoring, VggScoring, with_voice
from affekt.models.vgg.network import VGG16
from affekt.progress import track
from affekt.score_table import ScoreTable
from affekt.training.batches import SequenceBatches
from affekt.training.face_clips import FaceClips
from affekt.training.given import Given
from affekt.training.member import MemberTraining
from affekt.training.out_of_fold import Part, nothing_to_learn, parts_of


def train_bilstm(given: Given) -> ScoreTable:
    """Train the Bi-LSTM on the fc6 activations of a trained VGG (paper.md, sections 3.1.2 and 4.3.3).

    Each fold reads the activations of the fold's own VGG, so that neither of the two has seen the clips that they
    score. Each clip passes through a VGG once, as it is and mirrored.

    Files and errors as for :func:`affekt.training.pictures.train_vgg`.

    Raises:
        DataError: the VGG's folds were trained on other clips.
    """
    run, clips = MemberTraining(given), FaceClips(given)
    index, settings, labels, group = given.index, given.settings, given.labels, given.group
    for part in parts_of(index, settings, labels):
        if not len(part.learns):
            raise nothing_to_learn("bilstm")
        stored, looking = _vgg_of(part, given.needs["vgg"], run, clips)
        features = _features(run, part, clips, looking, group.time_steps)
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            network = BiLSTM(
                features=looking.network.fc6_units, hidden=group.hidden, classes=len(labels), dropout=group.dropout
            )
        if group.standardise:
            network.standardise_by(torch.from_numpy(features))
        run.train(network, _batches(run, part, clips, features), group, part.name, part.key)
        run.save(part, network, None, group, {"vgg_sha256": stored.sha256})
        answering = BilstmScoring(network, run.hardware)

        def score(clip: PreparedClip, seen: VggScoring = looking, last: BilstmScoring = answering) -> np.ndarray | None:
            sequence = seen.sequence(clip, group.time_steps, mirrored=seen.mirror)
            return None if sequence is None else last.score(sequence)

        run.score(part, score)
    return run.finish()


def train_joint(given: Given) -> ScoreTable:
    """Train the joint network of face and voice on the clips that have both (paper.md, section 6).

    It reads the same faces as the Bi-LSTM, and the acoustic descriptors around each of them. A clip without a
    face or without usable sound has no score.

    Files and errors as for :func:`train_bilstm`.

    Raises:
        DataError: the audio feature set has no frame-level descriptors.
    """
    run, clips = MemberTraining(given), FaceClips(given)
    index, settings, labels, group = given.index, given.settings, given.labels, given.group
    for part in parts_of(index, settings, labels, voice=True):
        if not len(part.learns):
            raise nothing_to_learn("joint")
        stored, looking = _vgg_of(part, given.needs["vgg"], run, clips)
        features = _features(run, part, clips, looking, group.time_steps, voice=True)
        face = looking.network.fc6_units
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            network = JointBiLSTM(
                face=face, voice=features.shape[-1] - face, projection=group.projection, hidden=group.hidden,
                classes=len(labels), dropout=group.dropout, modality_dropout=group.modality_dropout,
            )  # fmt: skip
        network.standardise_by(torch.from_numpy(features))
        run.train(network, _batches(run, part, clips, features), group, part.name, part.key)
        run.save(part, network, None, group, {"vgg_sha256": stored.sha256})
        answering = JointScoring(network, run.hardware)

        def score(clip: PreparedClip, seen: VggScoring = looking, last: JointScoring = answering) -> np.ndarray | None:
            sequence = seen.sequence(clip, group.time_steps, mirrored=seen.mirror)
            return None if sequence is None else last.score(clip, sequence)

        run.score(part, score)
    return run.finish()


def _vgg_of(part: Part, vgg: Path, run: MemberTraining, clips: FaceClips) -> tuple[StoredModel, VggScoring]:
    """The VGG of a part, which must not have seen what the part scores.

    A fold's VGG may have learned from more than the part does (clips without sound), never from what it scores.
    """
    stored = load_model(part.folder(vgg), "vgg")
    if stored.facts.get("learned_from") != clips.digest(part.of_face) or stored.labels != run.labels:
        raise DataError(
            f"this vgg ({part.name}) learned from other clips or labels than the {run.member} is to learn from; "
            "train the vgg with the same clips, seed and fusion settings first",
            code="mismatch",
            where=str(part.folder(vgg)),
        )
    assert isinstance(stored.network, VGG16) and stored.preprocessing
    return stored, VggScoring.of(stored.network, stored.preprocessing, run.hardware, run.settings.vgg)


def _features(
    run: MemberTraining, part: Part, clips: FaceClips, looking: VggScoring, steps: int, *, voice: bool = False
) -> np.ndarray:
    """What a part learns from: float32 ``[N, 2, steps, F]``, each clip as it is and mirrored."""
    features = []
    for row in track(part.learns, f"{run.member} {part.name}: fc6", len(part.learns)):
        clip = clips.prepared(row)
        sequence = looking.sequence(clip, steps, mirrored=True)
        assert sequence is not None  # a clip without a face is not learned from
        if voice:
            sequence = with_voice(clip, sequence)
            if sequence is None:
                raise DataError(
                    "has sound but no frame-level acoustic descriptors; the joint network needs a feature set "
                    "(media.functionals) that offers them, as egemaps does",
                    code="no_descriptors",
                    where=clips.name(row),
                )
        features.append(sequence)
    return np.stack(features)


def _batches(run: MemberTraining, part: Part, clips: FaceClips, features: np.ndarray) -> SequenceBatches:
    group = getattr(run.settings, run.member)
    chosen = clips.rows(part.learns)
    return SequenceBatches(
        features, [clip.label for clip in chosen], [clip.key for clip in chosen], stage=part.key,
        seed=run.settings.seed, batch_size=group.batch_size, balanced=group.balanced,
    )  # fmt: skip
