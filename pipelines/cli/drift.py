"""``affekt drift``: whether what a model is asked about is still what it learned from."""

from __future__ import annotations

import argparse
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from affekt.errors import DataError, UsageError
from affekt.pipelines.cli.outputs import check_output
from affekt.storage import is_remote

_AGO = re.compile(r"([0-9]{1,4})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def main(options: argparse.Namespace) -> int:
    """Compare, and say what came of it."""
    records, since, until = _asked(options)
    if options.report:
        check_output(options.report)
    from affekt.pipelines.cli.drift_measured import compare  # heavy: pandas and scipy, after all that may be refused

    return compare(options, records, since, until)


def _asked(options: argparse.Namespace) -> tuple[str, datetime | None, datetime | None]:
    """Where the records are, and the bounds of their times.

    Raises:
        UsageError: what is asked for is not understood, or asks for nothing.
        DataError: the folder is not there.
    """
    records = options.records or os.environ.get("AFFEKT_RECORDS", "")
    if not records:
        raise UsageError(
            "no folder of records is named: give --records, or set AFFEKT_RECORDS as servers have it", code="usage"
        )
    now = datetime.now(UTC)
    since, until = _time(options.since, now, "--since"), _time(options.until, now, "--until")
    if options.before and since is None:
        raise UsageError("--before needs --since: records before it are compared with those after it", code="usage")
    if since and until and since >= until:
        raise UsageError(
            f"--until {options.until} is not after --since {options.since}; no answer is between", code="usage"
        )
    if not is_remote(records) and not Path(records).exists():
        raise DataError("there is no such folder; check the path", code="missing_file", where=records)
    return records, since, until


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
