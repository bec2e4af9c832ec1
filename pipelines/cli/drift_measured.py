"""The measuring of ``affekt drift``: windows of answers against a reference, shown, as JSON and as a page."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from pathlib import Path

import pandas as pd

from affekt.ensemble.drift import Drift, measure
from affekt.ensemble.records import REFERENCE, read_records, read_table
from affekt.errors import DataError, naming
from affekt.pipelines.cli.remarks import remark
from affekt.progress import told_when_slow
from affekt.registry import Tracking, resolve
from affekt.registry.models import digest_of
from affekt.report.drift_page import Compared, write_drift

#: Exit code where a threshold was passed.
DRIFTED = 3


def compare(options: argparse.Namespace, records: str, since: datetime | None, until: datetime | None) -> int:
    """Compare the answers of a folder of records, within bounds of time, and say what came of it; the exit code."""
    folder = resolve(options.model, Tracking())
    with told_when_slow(f"reading {records}"):
        found = read_records(records, since=None if options.before else since, until=until)
    if not len(found):
        within = " of that time" if since or until else ""
        remark(f"affekt: {records} holds no answers{within}; servers write them where AFFEKT_RECORDS names it")
    digest = digest_of(folder)
    own = found[found["model"] == digest] if "model" in found else found
    if len(own) < len(found):
        remark(f"affekt: {len(found) - len(own)} of {len(found)} answers are of other models and left out")
    reference, own = _reference(folder, own, since, before=options.before)
    windows = [
        Compared(name, measure(reference, rows, level=options.level / count, least=options.least), rows)
        for name, rows, count in _windows(own, options.every)
    ]
    if options.report:
        with naming(options.report):
            write_drift(Path(options.report), windows, reference, model=options.model, records=records)
        remark(f"report: {options.report}")
    if options.json:
        print(json.dumps(document(options.model, digest, records, windows), indent=2))
    else:
        for window in windows:
            show(window)
    return DRIFTED if any(window.drift.drifted for window in windows) else 0


def document(model: str, digest: str, records: str, windows: list[Compared]) -> dict[str, object]:
    """The result as JSON."""
    told = [{"name": window.name, **window.drift.to_dict()} for window in windows]
    return {
        "model": model,
        "digest": digest,
        "records": records,
        "drifted": any(window.drift.drifted for window in windows),
        "windows": told,
    }


def show(window: Compared) -> None:
    """Print what was found in a window."""
    found: Drift = window.drift
    print(f"{window.name}: {found.sentence()}")
    for column in found.drifted[:10]:
        print(f"  {column.name:<52}  distance {column.distance:.2f}  q {column.q:.2g}")
    if found.mix:
        for label, (before, after) in found.mix.items():
            print(f"  {label:<52}  {before:.0%} of the reference, about {after:.0%} of the answers")


def _reference(
    folder: Path, records: pd.DataFrame, since: datetime | None, *, before: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is compared with, and what is compared."""
    if before and since is not None:
        earlier = records["time"] < pd.Timestamp(since)
        return records[earlier], records[~earlier]
    if not (folder / REFERENCE).is_file():
        raise DataError(
            "keeps no reference: it was trained by an older version, on images or on one person; train it again, or "
            "compare with earlier records by --before --since",
            code="no_reference",
            where=str(folder),
        )
    return read_table(folder / REFERENCE), records


def _windows(rows: pd.DataFrame, days: int | None) -> list[tuple[str, pd.DataFrame, int]]:
    """Name and rows of each window, and how many there are."""
    if not days or not len(rows):
        return [("all", rows, 1)]
    starts = rows["time"].dt.floor(f"{days}D")
    groups = list(rows.groupby(starts))
    return [(pd.Timestamp(str(start)).date().isoformat(), group, len(groups)) for start, group in groups]
