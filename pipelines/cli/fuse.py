"""``affekt fuse``: fuse score tables that any models wrote."""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from affekt.counted import counted
from affekt.dataset.cells import cell
from affekt.errors import DataError, SettingsError, UsageError, naming
from affekt.extensions import fusion_spec, fusion_specs
from affekt.fusion import FusedTable, fuse_table
from affekt.pipelines.cli.outputs import check_output, figures_kept
from affekt.score_table import ScoreTable
from affekt.storage import appearing


def main(options: argparse.Namespace) -> int:
    """Fit and report the methods; write the answers of the best one, or of the only one."""
    if options.out:
        check_output(options.out)
    weights = parse_weights(options.weights)
    methods = None if options.method == "all" else _names(options.method)
    if weights and methods and not any(fusion_spec(name).weighted for name in methods if name in fusion_specs()):
        raise UsageError(f"{options.method} has no weights; leave out --weights", code="usage")
    try:
        fused = fuse_table(
            ScoreTable.read(options.scores),
            methods=methods,
            train_split=options.train_split,
            test_split=options.test_split,
            models=_names(options.models) if options.models else None,
            weights=weights,
            seed=options.seed,
            adapt=options.adapt == "person",
        )
    except DataError as error:
        error.where = error.where or options.scores
        raise
    if not options.json:
        show(fused.report)
    failed: dict[str, Any] = {}
    if options.out:
        with figures_kept(failed) if options.json else contextlib.nullcontext(), naming(options.out):
            write_answers(fused, Path(options.out))
        if not options.json:
            print(f"answers of {fused.report['best']} in {options.out}")
    if options.json:
        print(json.dumps({**fused.report, **failed}, indent=2))
    return 1 if failed else 0


def parse_weights(text: str | None) -> dict[str, float] | None:
    """``a=.1,b=.2`` as a mapping.

    Raises:
        SettingsError: names every part that is not a name and a number.
    """
    if not text:
        return None
    weights, problems = {}, []
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            weights[name.strip()] = float(value)
        except ValueError:
            problems.append(f"--weights {part!r}: expected model=number")
    if problems:
        raise SettingsError(problems)
    return weights


def write_answers(fused: FusedTable, path: Path) -> None:
    """Write ``clip,predicted`` and the fused probability of each label; blank where no model answered."""
    vectors, labels = fused.vectors[fused.report["best"]], fused.table.labels
    with appearing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "predicted", *labels])
        for clip, vector in zip(fused.table.clips, vectors, strict=True):
            if np.isnan(vector).any():
                writer.writerow([cell(clip), *[""] * (1 + len(labels))])
            else:
                writer.writerow([cell(clip), labels[int(vector.argmax())], *(repr(float(value)) for value in vector)])


def show(report: dict[str, Any]) -> None:
    """Print the methods as a table."""
    adapted = ", adapted to each subject" if report["adapt"] else ""
    # Where the scores of the train split cannot be fitted on, methods were fitted on other rows.
    fitted = " and ".join(sorted({each["fitted_on"] for each in report["methods"].values()} - {None})) or "no split"
    print(f"{counted(report['clips'], 'clips')} of {report['test_split']}, fitted on {fitted}{adapted}")
    print(f"{'':<20}{'accuracy':>9}  {'95 % interval':>15}")
    for kind in ("models", "methods"):
        for name, figures in report[kind].items():
            accuracy, interval = figures["accuracy"], figures.get("accuracy_ci95")
            shown = "" if accuracy is None else f"{accuracy:.1%}"
            between = f"{interval[0]:>6.1%} – {interval[1]:>6.1%}" if interval else ""
            print(f"{name:<20}{shown:>9}  {between:>15}")
    for name, figures in report["methods"].items():
        for note in figures["notes"]:  # what was selected, and what answers where too few rows could be fitted on
            print(f"{name}: {note}")
    print(f"best: {report['best']} ({report['best_by']})")
    for warning in report["warnings"]:
        print(f"warning: {warning}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
