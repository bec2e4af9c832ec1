"""``affekt score``: many clips into one table, by a loaded model or a running server."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.counted import counted
from affekt.dataset.files_meant import files_meant
from affekt.errors import UsageError
from affekt.pipelines.cli.asked import DEFAULT, absent, loaded
from affekt.pipelines.cli.told_to_end import sigterm_ends_in_order
from affekt.progress import told_when_slow
from affekt.settings.limits import with_limits
from affekt.settings.loading import load_settings

if TYPE_CHECKING:
    from affekt.scoring import Answering, Scored


def main(options: argparse.Namespace) -> int:
    """Write the table; 1 where no clip has an answer."""
    with sigterm_ends_in_order():
        return _main(options)


def _main(options: argparse.Namespace) -> int:
    if options.url and (options.model or options.overrides):
        flag = "--model" if options.model else "--set"
        raise UsageError(
            f"{flag} says something to a loaded model, and --url asks a server; leave one of them out", code="usage"
        )
    if options.at_once and not options.url:
        raise UsageError("--at-once is for --url; a loaded model uses all cores", code="usage")
    files = files_meant(options.files)
    if not Path(f"{options.out}.parts").exists():  # what an earlier start worked out needs no file any more
        _look_for_one(files)
    from affekt.scoring import check_table, score_files  # heavy: requests and OpenCV, after what may be refused

    check_table(options.out)
    with_limits(load_settings("small").media, options.overrides)  # refuses what a model would refuse once it is loaded
    answering = _answering(options, len(files))
    with told_when_slow(f"waiting for {options.url}") if options.url else contextlib.nullcontext():
        found = score_files(files, options.out, answering, fresh=options.fresh)
    print(json.dumps(found.to_dict(), indent=2) if options.json else said(found))
    return 0 if found.answered else 1


def _look_for_one(files: Sequence[str]) -> None:
    """Look whether one of the files is there; that some are not, their rows tell.

    Raises:
        AffektError: none of this machine is, and none is elsewhere.
    """
    first = absent(files[0])
    if first is None or any(absent(name) is None for name in files[1:]):
        return
    if len(files) > 1:
        first.message += f"; of {counted(len(files), 'files')} none is there"
    raise first


def _answering(options: argparse.Namespace, files: int) -> Answering:
    if options.url:
        from affekt.scoring import ByServer  # as above

        return ByServer(
            options.url, key=os.environ.get("AFFEKT_KEY"), at_once=options.at_once or 4, labels=options.labels
        )
    from affekt.scoring.by_ensemble import ByEnsemble  # PyTorch, which a server's answers do not need

    return ByEnsemble(loaded(options.model or DEFAULT, files=files), options.overrides, options.labels)


def said(found: Scored) -> str:
    """What a table holds, in a line."""
    parts = [f"{found.table}: {counted(found.rows, 'rows')}, {found.answered:,} with an answer"]
    if found.errors:
        parts.append(", ".join(f"{count:,} {code}" for code, count in found.errors.items()))
    if found.models:
        parts.append(f"{'models' if len(found.models) > 1 else 'model'} {', '.join(found.models)}")
    return "; ".join(parts)
