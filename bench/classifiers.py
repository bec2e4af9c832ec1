"""How long a converted audio classifier takes for one row, and how far its answers are from scikit-learn's own.

    python bench/classifiers.py EGEMAPS.csv.gz [--rows 2000] [--out docs/benchmarks]

EGEMAPS is a table of functionals with the columns label, subject and split. The classifiers are fitted on its train
rows with the figures of each preset; its other rows are answered one at a time, as a server gets them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from record import add_out, header, publish
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from affekt.classifiers import (
    ArrayClassifier,
    choose_c,
    fit_forest,
    fit_svc,
    load_classifiers,
    save_classifiers,
)
from affekt.classifiers.svc import calibration_folds
from affekt.settings import load_settings

#: Single rows that scikit-learn itself is asked for; its forest takes tens of milliseconds each.
THEIRS = 200


def main() -> None:
    """Fit, convert, store, load, and time one row at a time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("egemaps", type=Path)
    parser.add_argument("--rows", type=int, default=2000, help="single rows that each converted classifier answers")
    add_out(parser)
    arguments = parser.parse_args()
    with threadpool_limits(1):  # a server gives each of its workers one core
        text = measured(arguments.egemaps, arguments.rows)
    publish(text, arguments.out, "classifiers.md")


def measured(egemaps: Path, count: int) -> str:
    """The report on all classifiers."""
    frame = pd.read_csv(egemaps, dtype={"subject": str})
    names = [name for name in frame.columns if frame[name].dtype.kind == "f"]
    labels = sorted(set(frame["label"]))
    x, y = frame[names].to_numpy(), np.array([labels.index(label) for label in frame["label"]])
    train = (frame["split"] == "train").to_numpy()
    subjects = list(frame["subject"][train])
    found = []
    for name, build in classifiers(x[train], y[train], len(labels), subjects).items():
        ours, theirs = build()
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            ours = load_classifiers(path, save_classifiers(path, {"it": ours}))["it"]
            size = path.stat().st_size
        answers = ours.predict(x[~train])
        found.append(
            {
                "name": name,
                "size": size,
                "ours": one_at_a_time(ours.predict, x[~train], count),
                "theirs": one_at_a_time(theirs.predict_proba, x[~train], min(THEIRS, count)),
                "apart": float(np.abs(answers - theirs.predict_proba(x[~train])).max()),
                "accuracy": float((answers.argmax(axis=1) == y[~train]).mean()),
            }
        )
    return report(found, int(train.sum()), int((~train).sum()), len(names), count)


def classifiers(
    x: np.ndarray, y: np.ndarray, labels: int, subjects: list[str]
) -> dict[str, Callable[[], tuple[ArrayClassifier, Any]]]:
    """By name, what fits a classifier as affekt has it and as scikit-learn alone has it."""
    paper, small = load_settings("paper"), load_settings("small")

    def forest() -> tuple[ArrayClassifier, Any]:
        trees, split = paper.random_forest.trees, paper.random_forest.min_samples_split
        theirs = RandomForestClassifier(trees, min_samples_split=split, random_state=paper.seed).fit(x, y)
        return fit_forest(x, y, labels, trees=trees, min_samples_split=split, seed=paper.seed), theirs

    def machine(c: float, kernel: str, standardise: bool) -> tuple[ArrayClassifier, Any]:
        how: dict[str, Any] = {"c": c, "kernel": kernel, "tolerance": paper.svc.tolerance, "standardise": standardise}
        own = SVC(C=c, kernel=kernel, tol=paper.svc.tolerance)
        model = make_pipeline(StandardScaler(), own) if standardise else own
        folds = calibration_folds(y, subjects, 3, 0)
        theirs = CalibratedClassifierCV(model, method="temperature", cv=folds, ensemble=False).fit(x, y)
        return fit_svc(x, y, labels, subjects, folds=3, seed=0, **how), theirs

    chosen, _ = choose_c(
        x, y, subjects, small.svc.c_candidates, kernel=small.svc.kernel, standardise=True, folds=small.fusion.folds
    )
    forest_name = f"forest, {paper.random_forest.trees} trees, split {paper.random_forest.min_samples_split}"
    return {
        forest_name: forest,
        f"SVC of `paper`: {paper.svc.kernel}, C = {paper.svc.c:g}, unscaled": lambda: machine(
            float(paper.svc.c or 0), paper.svc.kernel, False
        ),
        f"SVC of `small`: {small.svc.kernel}, C = {chosen:g} (chosen), standardised": lambda: machine(
            chosen, small.svc.kernel, True
        ),
        "SVC with an RBF kernel, C = 1, standardised": lambda: machine(1.0, "rbf", True),
    }


def one_at_a_time(predict: Callable[[np.ndarray], np.ndarray], x: np.ndarray, rows: int) -> tuple[float, float]:
    """Median and 99th percentile, seconds, of predictions of one row each; the first few are not counted."""
    taken = []
    for number in range(-20, rows):
        row = x[number % len(x)][None]
        started = time.perf_counter()
        predict(row)
        if number >= 0:
            taken.append(time.perf_counter() - started)
    return float(np.median(taken)), float(np.quantile(taken, 0.99))


def report(found: list[dict[str, Any]], train: int, others: int, features: int, rows: int) -> str:
    """The result as Markdown."""
    lines = [
        *header("One row through a converted audio classifier", "numpy", "scikit-learn", more="1 thread used"),
        f"eGeMAPS functionals ({features}) of {train} train clips learned from, {others} clips of other people "
        f"answered. Time of one row: {rows} single rows of the classifier as it was loaded from its safetensors file, "
        f"{min(THEIRS, rows)} of scikit-learn's own. Apart: the largest difference of any probability.", "",
        "| | accuracy | one row, median | 99th percentile | scikit-learn's own, median | apart | file |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for item in found:
        (median, slow), (theirs, _) = item["ours"], item["theirs"]
        lines.append(
            f"| {item['name']} | {item['accuracy']:.1%} | {1000 * median:.3f} ms | {1000 * slow:.3f} ms | "
            f"{1000 * theirs:.3f} ms | {item['apart']:.0e} | {item['size'] / 1024:,.0f} KiB |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
