"""``affekt evaluate``: score labelled clips with a registered model."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from affekt.dataset import load_clips
from affekt.ensemble import Ensemble, prepare_and_score
from affekt.errors import DataError
from affekt.evaluation import evaluate_table
from affekt.home import home
from affekt.registry import Tracking, resolve


def main(options: argparse.Namespace) -> int:
    """Print the figures, or write them as JSON."""
    table = load_clips(options.data).select(split=options.split)
    if not len(table):
        raise DataError(f"holds no clip of the split {options.split!r}", code="no_clips", where=options.data)
    ensemble = Ensemble.load(resolve(options.model, Tracking()))
    index, scores, fused = prepare_and_score(ensemble, table, home() / "store")
    if not len(index):
        reasons = "; ".join(f"{item.clip}: {item.reason}" for item in index.skipped[:3])
        raise DataError(f"none of the {len(table)} clips can be used ({reasons})", code="no_clips", where=options.data)
    settings = ensemble.settings
    method = settings.fusion.method
    attributes = sorted({name for row in index for name in row.attributes})
    document = evaluate_table(
        scores,
        {method: fused},
        method,
        index.skipped,
        settings.evaluation,
        seed=settings.seed,
        attributes={name: [row.attributes.get(name, "") for row in index] for name in attributes},
    )
    document["model"] = options.model
    text = json.dumps(document, indent=2)
    if options.json == "-":
        print(text)
        return 0
    if options.json:
        Path(options.json).write_text(text, encoding="utf-8")
    show(document)
    return 0


def show(document: dict[str, Any]) -> None:
    """Print an evaluation as a table."""
    rows = [*document["models"].items(), (f"fusion: {document['chosen']}", document)]
    print(f"{document['clips']} clips, {len(document['by_subject'])} subjects, model {document['model']}")
    print(f"{'':<28}{'accuracy':>9}  {'95 % interval':>15}  {'average recall':>14}")
    for name, figures in rows:
        low, high = figures["accuracy_ci95"]
        recall = figures["unweighted_average_recall"]
        print(f"{name:<28}{figures['accuracy']:>9.1%}  {low:>6.1%} – {high:>6.1%}  {recall:>14.1%}")
    print(f"{'largest class':<28}{document['largest_class_share']:>9.1%}")
    for item in document["skipped"]:
        print(f"skipped {item['clip']}: {item['reason']}")
