"""``affekt drift``: whether what a model is asked about is still what it learned from."""

from __future__ import annotations

import argparse
import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from affekt.ensemble.drift import Drift, measure
from affekt.ensemble.records import REFERENCE, read_records, read_table
from affekt.errors import DataError, UsageError, naming
from affekt.pipelines.cli.outputs import check_output
from affekt.pipelines.cli.remarks import remark
from affekt.registry import Tracking, resolve
from affekt.registry.models import digest_of
from affekt.report.drift_page import Compared, write_drift

#: Exit code where a threshold was passed.
DRIFTED = 3
_AGO = re.compile(r"(\d+)([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def main(options: argparse.Namespace) -> int:
    """Compare, and say what came of it."""
    now = datetime.now(UTC)
    records = options.records or os.environ.get("AFFEKT_RECORDS", "")
    if not records:
        raise UsageError(
            "says not where records are; give --records, or set AFFEKT_RECORDS as servers have it", code="usage"
        )
    if options.report:
        check_output(options.report)
    since, until = _time(options.since, now, "--since"), _time(options.until, now, "--until")
    folder = resolve(options.model, Tracking())
    found = read_records(records, since=None if options.before else since, until=until)
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
    if before:
        if since is None:
            raise UsageError("--before needs --since: records before it are compared with those after it", code="usage")
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


def _time(text: str | None, now: datetime, option: str) -> datetime | None:
    if text is None:
        return None
    if match := _AGO.fullmatch(text):
        return now - int(match[1]) * _UNITS[match[2]]
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} is {text!r}; expected 12h, 7d, 4w, or a date like 2026-11-02", code="usage"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
