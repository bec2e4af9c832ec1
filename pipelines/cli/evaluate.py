"""``affekt evaluate``: score labelled clips, or still images, with a registered model."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Iterable
from typing import Any

from affekt.check import check_before, remarks
from affekt.dataset import load_clips, read_faces, unit_of
from affekt.ensemble import Ensemble, prepare_and_score, score_images
from affekt.errors import DataError
from affekt.fusion import PERSON
from affekt.home import home
from affekt.pipelines.cli.outputs import check_output, write_output
from affekt.registry import Tracking, resolve
from affekt.report.document import evaluate_table, of_images


def main(options: argparse.Namespace) -> int:
    """Print the figures, or write them as JSON."""
    file = options.json if options.json != "-" else None
    if file:
        check_output(file)
    images = unit_of(options.data) == "images"
    report = check_before(options.data, learns=False, images=images)
    if said := remarks(report, options.data):
        print(f"affekt: {said}", file=sys.stderr)
    document = (evaluate_faces if images else evaluate_clips)(options.data, options.split, options.model)
    document["model"] = options.model
    text = json.dumps(document, indent=2)
    if options.json == "-":
        print(text)
        return 0
    show(document)
    if file:
        write_output(file, text)
    return 0


def evaluate_clips(data: str, split: str | None, model: str) -> dict[str, Any]:
    """What a registered model makes of labelled clips.

    Args:
        data: where they are.
        split: only these; None for all.
        model: reference of the model.

    Raises:
        DataError: the clips are wrong, there is none of the split, or none can be used.
    """
    table = load_clips(data).select(split=split)
    if not len(table):
        raise DataError(
            _no_split("clip", split, (clip.split for clip in load_clips(data))), code="no_clips", where=data
        )
    ensemble = Ensemble.load(resolve(model, Tracking()))
    index, scores, fused = prepare_and_score(ensemble, table, home() / "store")
    if not len(index):
        reasons = "; ".join(f"{item.clip}: {item.reason}" for item in index.skipped[:3])
        raise DataError(f"none of the {len(table)} clips can be used ({reasons})", code="no_clips", where=data)
    settings = ensemble.settings
    method = settings.fusion.method
    answers = {method: fused}
    if ensemble.adapts:
        answers[method + PERSON] = ensemble.answers_of_people(scores)
    attributes = sorted({name for row in index for name in row.attributes})
    document = evaluate_table(
        scores,
        answers,
        method,
        index.skipped,
        settings.evaluation,
        seed=settings.seed,
        attributes={name: [row.attributes.get(name, "") for row in index] for name in attributes},
    )
    if not ensemble.adapts:
        document["person"]["reason"] = "the model was stored without an adaptation to a person"
    return document


def evaluate_faces(data: str, split: str | None, model: str) -> dict[str, Any]:
    """What the one model of an ensemble that answers images alone makes of them; arguments, errors as for clips."""
    images = [image for image in read_faces(data) if split is None or image.split == split]
    if not images:
        raise DataError(
            _no_split("image", split, (image.split for image in read_faces(data))), code="no_images", where=data
        )
    ensemble = Ensemble.load(resolve(model, Tracking()))
    scores, skipped = score_images(ensemble, images)
    if not len(scores):
        raise DataError(f"none of the {len(images)} images can be read", code="no_images", where=data)
    settings = ensemble.settings
    return of_images(evaluate_table(scores, {}, scores.models[0], skipped, settings.evaluation, seed=settings.seed))


def _no_split(unit: str, split: str | None, there: Iterable[str]) -> str:
    """What to say where a split that was asked for holds nothing: which one may be meant, and what there is."""
    found = sorted(set(filter(None, there)))
    near = difflib.get_close_matches(split or "", found, n=1)
    listed = f"there are {', '.join(found)}" if found else "none of them names a split"
    return f"holds no {unit} of the split {split!r}" + (f"; did you mean {near[0]!r}?" if near else "") + f"; {listed}"


def show(document: dict[str, Any]) -> None:
    """Print an evaluation as a table."""
    rows = list(document["models"].items())
    if document["fusion"]:
        rows.append((f"fusion: {document['chosen']}", document))
    people = f", {len(document['by_subject'])} subjects" if document["by_subject"] else ""
    print(f"{document['clips']} {document['things']}{people}, model {document['model']}")
    print(f"{'':<28}{'accuracy':>9}  {'95 % interval':>15}  {'average recall':>14}")
    for name, figures in rows:
        low, high = figures["accuracy_ci95"]
        recall = figures["unweighted_average_recall"]
        print(f"{name:<28}{figures['accuracy']:>9.1%}  {low:>6.1%} – {high:>6.1%}  {recall:>14.1%}")
    person = document["person"]
    if person["accuracy"] is not None:
        low, high = person["accuracy_ci95"]
        print(
            f"{'with their other clips':<28}{person['accuracy']:>9.1%}  {low:>6.1%} – {high:>6.1%}  "
            f"{person['unweighted_average_recall']:>14.1%}"
        )
    print(f"{'largest class':<28}{document['largest_class_share']:>9.1%}")
    if person["accuracy"] is not None:
        low, high = person["paired"]["ci95"]
        print(
            f"with their other clips: the fusion adapted, without labels, to each of {person['people']} people with "
            f"two clips or more; {100 * person['paired']['difference']:+.1f} points "
            f"({100 * low:+.1f} to {100 * high:+.1f})"
        )
    elif document["things"] == "clips":
        print(f"not adapted to each person: {person['reason']}")
    for item in document["skipped"]:
        print(f"skipped {item['clip']}: {item['reason']}")
