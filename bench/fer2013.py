"""How well a registered VGG tells the emotions of FER2013's PublicTest, with and without its copies of Training images.

    affekt train FER2013 --only vgg --name fer --preset small --json > outcome.json
    python bench/fer2013.py FER2013 --model fer@champion --outcome outcome.json [--out docs/benchmarks]

FER2013 is the archive, CSV or folder. Some images of PublicTest are exact copies of images that the model learned
from; the second row leaves them out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from record import add_out, header, publish

from affekt.dataset import read_faces
from affekt.ensemble import Ensemble
from affekt.ensemble.still_images import score_images
from affekt.registry import Tracking, resolve
from affekt.statistics.metrics import Figures, evaluate_scores


def main() -> None:
    """Score PublicTest and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("faces")
    parser.add_argument("--model", default="fer@champion")
    parser.add_argument("--outcome", type=Path, help="what `affekt train --json` printed")
    add_out(parser)
    arguments = parser.parse_args()
    ensemble = Ensemble.load(resolve(arguments.model, Tracking()))
    images = read_faces(arguments.faces)
    learned = {digest(image) for image in images if image.split == "train"}
    held = [image for image in images if image.split == "val"]
    started = time.perf_counter()
    table, _ = score_images(ensemble, held)
    seconds = time.perf_counter() - started
    new = np.array([digest(image) not in learned for image in held])
    scores = table.scores[:, 0]
    rows = {"PublicTest": np.ones(len(held), bool), "without copies of Training images": new}
    found = {name: evaluate_scores(table.truth[rows_], scores[rows_], table.labels) for name, rows_ in rows.items()}
    outcome = json.loads(arguments.outcome.read_text()) if arguments.outcome else {}
    text = report(found, table.labels, outcome, len(images) - len(held), len(held) / seconds, arguments.model)
    publish(text, arguments.out, "fer2013.md")


def digest(image: Any) -> str:
    """Of an image's content."""
    return hashlib.sha256(image.content()).hexdigest()


def report(
    found: dict[str, Figures],
    labels: tuple[str, ...],
    outcome: dict[str, Any],
    learned: int,
    speed: float,
    model: str,
) -> str:
    """The result as Markdown."""
    lines = [
        *header("VGG alone on FER2013, from random weights", "torch"),
        f"`affekt train FER2013 --only vgg --name {model.partition('@')[0]} --preset small`: {learned:,} images of "
        "Training learned from. PublicTest had been looked at once before, in a trial of 13 rounds (60.6 %).", "",
        "| | images | accuracy | 95 % interval | unweighted average recall |", "|---|---:|---:|---:|---:|",
    ]  # fmt: skip
    for name, figures in found.items():
        low, high = figures.accuracy_ci95
        lines.append(
            f"| {name} | {figures.clips:,} | {figures.accuracy:.1%} | {low:.1%} to {high:.1%} | "
            f"{figures.unweighted_average_recall:.1%} |"
        )
    recall = next(iter(found.values())).recall
    lines += ["", "Recall: " + ", ".join(f"{label} {recall[label]:.0%}" for label in labels) + ".", ""]
    if outcome:
        steps = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in outcome["steps"].items())
        lines += [f"The whole run took {outcome['seconds'] / 60:.1f} min: {steps}.", ""]
    lines += [f"Scored at {speed:.0f} images/s, each with its mirror image.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
