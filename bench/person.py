"""What adaptation to a person gains and harms on a score table: few clips or many, evenly or unevenly labelled.

    python bench/person.py VOTES.csv.gz --models audio,face [--out docs/benchmarks]

The table has labels and subjects. Fusions are fitted on three quarters of the subjects and asked about the others, four
times; of each of those n clips are drawn, and all methods get the same draws.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np
from record import add_out, header, publish

from affekt.dataset import subject_folds
from affekt.fusion import PersonFusion
from affekt.score_table import ScoreTable

FOLDS = 4
#: Clips a subject, and how many draws of so many.
DRAWS = {2: 20, 4: 10, 10: 5, 20: 3, 40: 2, 80: 1}
#: How the clips of a subject are drawn, and the Dirichlet parameter of the labels' shares.
KINDS = {"any clips": None, "uneven": 0.5, "one-sided": 0.15}


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("scores")
    parser.add_argument("--models", help="separated by commas; all where not given")
    parser.add_argument("--methods", default="average,weighted_average,random_forest,stacking")
    add_out(parser)
    arguments = parser.parse_args()
    table = ScoreTable.read(arguments.scores)
    if arguments.models:
        table = table.only(arguments.models.split(","))
    text = report(table, measure(table, arguments.methods.split(",")))
    publish(text, arguments.out, "person.md")


def measure(table: ScoreTable, methods: list[str]) -> dict[tuple[str, str, int], list[tuple[float, float]]]:
    """Accuracies, plain and adapted, of every draw, by method, kind of draw and clips a subject."""
    found = defaultdict(list)
    for number, held in enumerate(subject_folds(table.subjects, FOLDS, 0)):
        fusions = {method: PersonFusion.fit(table.rows(~held), method) for method in methods}
        test = table.rows(held)
        for kind, uneven in KINDS.items():
            for clips, times in DRAWS.items():
                random = np.random.default_rng([number, clips])
                for _ in range(times):
                    part = test.rows(draw(test, clips, uneven, random))
                    for method, fusion in fusions.items():
                        answers = fusion.plain.predict(part.scores), fusion.predict(part.scores, part.subjects)
                        plain, adapted = (float((a.argmax(axis=1) == part.truth).mean()) for a in answers)
                        found[method, kind, clips].append((plain, adapted))
    return dict(found)


def draw(table: ScoreTable, clips: int, uneven: float | None, random: np.random.Generator) -> np.ndarray:
    """Row numbers of at most so many clips of each subject."""
    subjects = np.array(table.subjects, dtype=object)
    rows = []
    for name in sorted(set(table.subjects)):
        own = np.flatnonzero(subjects == name)
        chance = None
        if uneven is not None:
            truth = table.truth[own]
            share = random.dirichlet(np.full(len(table.labels), uneven))[truth] + 1e-6
            share /= np.bincount(truth)[truth]
            chance = share / share.sum()
        rows.append(random.choice(own, min(clips, len(own)), replace=False, p=chance))
    return np.concatenate(rows)


def report(table: ScoreTable, found: dict[tuple[str, str, int], list[tuple[float, float]]]) -> str:
    """The result as Markdown."""
    lines = [
        *header("Adaptation to a person", "numpy", "scikit-learn"),
        f"{len(table):,} clips of {len(set(table.subjects))} subjects, scored by {', '.join(table.models)}. Accuracy "
        f"of the plain fusion in percent, and the points that adaptation adds, for n clips a subject; means of {FOLDS} "
        "folds of subjects and of several draws. The labels of uneven clips have shares from a Dirichlet distribution "
        "of 0.5, those of one-sided clips of 0.15.", "",
        "| method | clips | " + " | ".join(f"n = {clips}" for clips in DRAWS) + " |",
        "|---|---|" + "---:|" * len(DRAWS),
    ]  # fmt: skip
    for method, kind in dict.fromkeys((method, kind) for method, kind, _ in found):
        cells = []
        for clips in DRAWS:
            plain, adapted = 100 * np.mean(found[method, kind, clips], axis=0)
            cells.append(f"{plain:.1f} {adapted - plain:+.1f}")
        lines.append(f"| {method} | {kind} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
