"""Evaluates a trained ensemble on any labelled clips or still images, as the command ``affekt evaluate`` does."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from affekt.counted import counted
from affekt.dataset import load_clips, read_faces, unit_of
from affekt.ensemble import Ensemble, prepare_and_score, score_images
from affekt.errors import DataError
from affekt.fusion import FusionKey
from affekt.report.document import Evaluation
from affekt.report.evaluation import evaluate_table


def evaluate_model(ensemble: Ensemble, data: str, store: Path, split: str | None = None) -> Evaluation:
    """What an ensemble makes of labelled clips; of still images, what its model of images does.

    Args:
        ensemble: that answers.
        data: where the clips or images are.
        store: root of the prepared store; clips that it holds are not prepared again.
        split: only these; None for all.

    Raises:
        DataError: the data are wrong, there is nothing of the split, or nothing of it can be used.
    """
    if unit_of(data) == "images":
        return _of_images(ensemble, data, split)
    return _of_clips(ensemble, data, store, split)


def _of_clips(ensemble: Ensemble, data: str, store: Path, split: str | None) -> Evaluation:
    everything = load_clips(data)
    table = everything.select(split=split)
    if not len(table):
        raise DataError(_no_split("clip", split, (clip.split for clip in everything)), code="no_clips", where=data)
    index, scores, fused = prepare_and_score(ensemble, table, store)
    if not len(index):
        reasons = "; ".join(f"{item.clip}: {item.reason}" for item in index.skipped[:3])
        raise DataError(f"none of {counted(len(table), 'clips')} can be used ({reasons})", code="no_clips", where=data)
    settings = ensemble.settings
    key = FusionKey(settings.fusion.method)
    answers = {key: fused}
    if ensemble.adapts:
        answers[key.adapted()] = ensemble.answers_of_people(scores)
    evaluation = evaluate_table(
        scores,
        answers,
        str(key),
        index.skipped,
        settings.evaluation,
        seed=settings.seed,
        attributes=index.attributes(scores.clips),
    )
    if ensemble.adapts:
        return evaluation
    reason = "the model was stored without an adaptation to a person"
    return replace(evaluation, person=replace(evaluation.person, reason=reason))


def _of_images(ensemble: Ensemble, data: str, split: str | None) -> Evaluation:
    everything = read_faces(data)
    images = [image for image in everything if split is None or image.split == split]
    if not images:
        raise DataError(_no_split("image", split, (image.split for image in everything)), code="no_images", where=data)
    scores, skipped = score_images(ensemble, images)
    if not len(scores):
        raise DataError(f"none of {counted(len(images), 'images')} can be read", code="no_images", where=data)
    settings = ensemble.settings
    model = scores.models[0]
    return evaluate_table(scores, {}, model, skipped, settings.evaluation, seed=settings.seed, unit="images")


def _no_split(unit: str, split: str | None, there: Iterable[str]) -> str:
    """What to say where a split that was asked for holds nothing: which one may be meant, and what there is."""
    found = sorted(set(filter(None, there)))
    near = difflib.get_close_matches(split or "", found, n=1)
    listed = f"there are {', '.join(found)}" if found else "none of them names a split"
    return f"holds no {unit} of the split {split!r}" + (f"; did you mean {near[0]!r}?" if near else "") + f"; {listed}"
