"""Evaluates a trained ensemble on any labelled clips or still images, as the command ``affekt evaluate`` does."""

from __future__ import annotations

import logging
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from affekt.counted import counted
from affekt.dataset import load_clips, read_faces, unit_of
from affekt.dataset.labels import in_order
from affekt.dataset.several import names_beside, places_of, possible_in, told_possible, told_without
from affekt.dataset.split_asked import no_clips, no_images
from affekt.ensemble import Ensemble, Learned, score_images, score_index
from affekt.ensemble.among import only_among, only_possible
from affekt.ensemble.manifest import MANIFEST
from affekt.errors import DataError
from affekt.fusion import FusionKey
from affekt.media import PreparedIndex, face_picture
from affekt.media.prepared import SkippedClip
from affekt.report.document import Evaluation
from affekt.report.evaluation import evaluate_table
from affekt.report.report import Report
from affekt.report.thumbnails import face_of, thumbnail
from affekt.score_table import ScoreTable
from affekt.settings import digest_of
from affekt.statistics.adaptation import AdaptationCurve, adaptation_curve
from affekt.steps.counted_once import counted_once
from affekt.steps.evaluation_folder import SAMPLE_NOTICE, holds_samples
from affekt.steps.random_starts import random_starts
from affekt.storage import file_digest
from affekt.store import Store
from affekt.store.preparing import prepare_clips

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelEvaluation:
    """What an ensemble makes of labelled clips, and what a report tells besides the figures.

    Attributes:
        evaluation: the figures.
        faces: JPEG by clip, of the most confident mistakes.
        ensemble: that answered.
        sample: whether any clip is a sample clip.
    """

    evaluation: Evaluation
    faces: Mapping[str, bytes]
    ensemble: Ensemble
    sample: bool = False

    def report(self, command: str) -> Report:
        """The report of it; ``command`` makes the same again."""
        settings = self.ensemble.settings
        return Report(
            self.evaluation,
            settings=settings.to_dict(),
            digests={"settings": digest_of(settings), "ensemble": file_digest(self.ensemble.folder / MANIFEST)},
            title=f"affekt: evaluation of {self.evaluation.model}",
            faces=self.faces,
            notice=SAMPLE_NOTICE if self.sample else None,
            command=command,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def evaluate_model(
    ensemble: Ensemble, data: str, store: Path, *, model: str, split: str | None = None
) -> ModelEvaluation:
    """What an ensemble makes of labelled clips; of still images, what its model of images does.

    Args:
        ensemble: that answers.
        data: where the clips or images are.
        store: root of the prepared store; clips that it holds are not prepared again.
        model: the name under which it was asked for.
        split: only these; None for all.

    Raises:
        DataError: the data are wrong, there is nothing of the split, or nothing of it can be used.
    """
    found = _of_images(ensemble, data, split) if unit_of(data) == "images" else _of_clips(ensemble, data, store, split)
    starts = random_starts(ensemble.settings, ensemble.manifest["members"])
    told = replace(found.evaluation, model=model, known_labels=ensemble.known or None, random_starts=starts)
    return replace(found, evaluation=told)


def _of_clips(ensemble: Ensemble, data: str, store: Path, split: str | None) -> ModelEvaluation:
    everything = load_clips(data)
    table = everything.select(split=split)
    if not len(table):
        raise no_clips(split, (clip.split for clip in everything), data)
    require_known(ensemble, [clip.label for clip in table], data)
    features: list[Mapping[str, np.ndarray]] = []
    settings = ensemble.settings
    prepared = Store(store, settings.media)
    possible, curve = possible_in(everything, ensemble.known or ensemble.labels), None  # whatever split is evaluated
    for sentence in [*told_without(everything, table, split), *told_possible(everything, possible)]:
        logger.warning("%s", sentence)
    index = counted_once(prepare_clips(table, prepared), ensemble.labels, possible)
    scores, fused = score_index(ensemble, index, prepared, features=features)
    if not len(index):
        reasons = "; ".join(f"{item.clip}: {item.reason}" for item in index.skipped[:3])
        raise DataError(f"none of {counted(len(table), 'clips')} can be used ({reasons})", code="no_clips", where=data)
    key = FusionKey(settings.fusion.method)
    answers = {key: fused}
    strange = _not_learned(ensemble, ((row.clip, row.label) for row in index), data)
    if ensemble.adapts:
        answers[key.adapted()] = ensemble.answers_of_people(scores)
        curve = _curve(ensemble, scores, fused, features, possible)
    scores = _possible(scores, ensemble)
    scores = replace(scores, scores=only_possible(scores.scores, scores.labels, scores.clips, possible))
    evaluation = evaluate_table(
        scores,
        {name: only_possible(found, scores.labels, scores.clips, possible) for name, found in answers.items()},
        str(key),
        [*index.skipped, *strange],
        settings.evaluation,
        seed=settings.seed,
        attributes=index.attributes(scores.clips),
    )
    unlike = ensemble.unlike(scores)
    evaluation = replace(evaluation, adaptation=curve, unlike=None if unlike is None else int(unlike.sum()))
    known = _learned(ensemble, index, data)
    evaluation = replace(evaluation, unlabelled=evaluation.unlabelled - len(strange), learned=known)
    if not ensemble.adapts:
        reason = "the model was stored without an adaptation to a person"
        evaluation = replace(evaluation, person=replace(evaluation.person, reason=reason))
    keys = {row.clip: row.key for row in index}
    faces = {clip: face_of(prepared.get(keys[clip])) for clip in evaluation.pictured}
    return ModelEvaluation(evaluation, _there(faces), ensemble, holds_samples(index))


def _curve(
    ensemble: Ensemble,
    table: ScoreTable,
    fused: np.ndarray,
    features: Sequence[Mapping[str, np.ndarray]],
    possible: Mapping[str, Sequence[str]],
) -> AdaptationCurve | None:
    """How the adapted answers get better with the clips of a person that are known."""

    def among(answers: np.ndarray, clips: Sequence[str]) -> np.ndarray:
        return only_possible(answers, table.labels, clips, possible)

    def adapt(rows: np.ndarray, names: Sequence[str]) -> np.ndarray:
        person = ensemble.person_scores(table.scores[rows], [features[row] for row in rows], names)
        dealt = replace(table.rows(rows), subjects=tuple(names), person=person)
        return among(ensemble.answers_of_people(dealt), dealt.clips)

    how = ensemble.settings.evaluation
    return adaptation_curve(
        table.truth,
        table.subjects,
        among(fused, table.clips),
        adapt,
        bootstrap=how.bootstrap,
        confidence=how.confidence,
        seed=ensemble.settings.seed,
    )


def _learned(ensemble: Ensemble, index: PreparedIndex, data: str) -> int | None:
    """How many of the clips with a label it can answer the ensemble knows, by content or subject; None if unknown."""
    learned = Learned.read(ensemble.folder)
    if learned is None:
        return None
    names = names_beside(data)
    return sum(learned.knows(row.subject, row.content, names) for row in index if row.label in ensemble.labels)


def _of_images(ensemble: Ensemble, data: str, split: str | None) -> ModelEvaluation:
    everything = read_faces(data)
    images = [image for image in everything if split is None or image.split == split]
    if not images:
        raise no_images(split, (image.split for image in everything), data)
    require_known(ensemble, [image.label for image in images], data)
    contents: dict[str, str] = {}
    scores, skipped = score_images(ensemble, images, contents)
    scores = _possible(scores, ensemble)
    if not len(scores):
        raise DataError(f"none of {counted(len(images), 'images')} can be read", code="no_images", where=data)
    settings = ensemble.settings
    model = scores.models[0]
    known = {image.id: image for image in images}
    strange = _not_learned(ensemble, ((clip, known[clip].label) for clip in scores.clips), data)
    evaluation = evaluate_table(
        scores, {}, model, [*skipped, *strange], settings.evaluation, seed=settings.seed, unit="images"
    )
    learned = Learned.read(ensemble.folder)
    named = [
        (known[clip], contents[clip]) for clip, truth in zip(scores.clips, scores.truth, strict=True) if truth >= 0
    ]
    # Face images beside clips are learned from without a record, so that none found is not known to be none.
    count = sum(learned.knows(image.subject, content, names_beside(data)) for image, content in named) if learned else 0
    evaluation = replace(evaluation, unlabelled=evaluation.unlabelled - len(strange), learned=count or None)
    size = settings.media.face_size
    faces = {clip: thumbnail(face_picture(known[clip], size)) for clip in evaluation.pictured}
    return ModelEvaluation(evaluation, faces, ensemble)


def require_known(ensemble: Ensemble, labels: Iterable[str], data: str) -> None:
    """Refuse data with labels that were said to be impossible: whoever said so, or the data, is wrong.

    Raises:
        DataError: ``impossible_label``.
    """
    strange = Counter(label for label in labels if label and ensemble.known and label not in ensemble.known)
    if strange:
        found = ", ".join(f"{label} ({count})" for label, count in strange.most_common())
        raise DataError(
            f"holds labels that cannot be right where only {', '.join(ensemble.known)} can: {found}; name them too, or "
            "leave their clips out",
            code="impossible_label",
            where=data,
        )


def _not_learned(ensemble: Ensemble, rows: Iterable[tuple[str, str]], data: str) -> list[SkippedClip]:
    """Those of some clips, with their labels, whose label the ensemble cannot answer.

    Raises:
        DataError: ``label_not_learned``: there is no other.
    """
    labelled = [(clip, label) for clip, label in rows if label]
    strange = [(clip, label) for clip, label in labelled if label not in ensemble.labels]
    if strange and len(strange) == len(labelled):
        found = ", ".join(in_order(label for _, label in strange))
        raise DataError(
            f"the model did not learn {found}, and other labels are not here; it tells apart "
            f"{', '.join(ensemble.labels)}",
            code="label_not_learned",
            where=data,
        )
    return [
        SkippedClip(clip, "label_not_learned", f"is {label}, which the model did not learn: left out of all figures")
        for clip, label in strange
    ]


def _possible(table: ScoreTable, ensemble: Ensemble) -> ScoreTable:
    """The table with each model's own answers among the labels that can be right."""
    if not ensemble.known:
        return table
    return replace(table, scores=only_among(table.scores, ensemble.labels, ensemble.known))


def _there(pictures: Mapping[str, bytes]) -> dict[str, bytes]:
    return {clip: picture for clip, picture in pictures.items() if picture}


def evaluate_command(data: str, model: str, split: str | None, labels: Sequence[str] = ()) -> str:
    """The command line that evaluates a model so."""
    first, *further = places_of(data)
    others = [part for place in further for part in ("--data", place)]
    among = ["--labels", ",".join(labels)] if labels else []
    asked = ["--model", model, *(["--split", split] if split else [])]
    return shlex.join(["affekt", "evaluate", first, *others, *asked, *among])
