"""Scores all clips of a source into a table, by a registered model or a running server."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from affekt.dataset.files_meant import files_meant
from affekt.errors import DataError
from affekt.scoring import Answering, ByServer, Scored, score_files


def score_source(
    source: str,
    table: str,
    *,
    model: str,
    url: str = "",
    labels: Sequence[str] = (),
    kept: str = "",
    tracking_uri: str = "",
) -> Scored:
    """Score a source into a Parquet table.

    Args:
        source: as :func:`affekt.dataset.files_meant.files_meant` takes each of its arguments, but no standard input.
        table: its path, whatever that ends with.
        model: a registered model, where no server is asked.
        url: of a server; its key is read from AFFEKT_KEY.
        labels: those that can be right, where that is known.
        kept: folder of what is worked out until the table is written; by default beside the table.
        tracking_uri: MLflow's tracking address.

    Raises:
        DataError: the source holds no clip, or none of its clips has an answer; or of the labels, as
            :func:`affekt.ensemble.among.labels_among`.
        AffektError: the model or the server cannot answer about any clip.
    """
    files = files_meant([source])
    Path(table).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=Path(table).parent) as folder:
        named = Path(folder, "scores.parquet")  # as the name of an artifact says nothing of its form
        found = score_files(files, str(named), _answering(model, url, labels, tracking_uri), kept=kept)
        shutil.move(named, table)
    if not found.answered:
        codes = ", ".join(f"{count:,} {code}" for code, count in found.errors.items())
        raise DataError(f"none of its clips has an answer ({codes})", code="no_answers", where=source)
    return found


def _answering(model: str, url: str, labels: Sequence[str], tracking_uri: str) -> Answering:
    if url:
        return ByServer(url, key=os.environ.get("AFFEKT_KEY"), labels=labels)
    from affekt.ensemble import Ensemble  # PyTorch, which a server's answers do not need
    from affekt.registry import Tracking, resolve  # MLflow, likewise
    from affekt.scoring.by_ensemble import ByEnsemble  # likewise

    return ByEnsemble(Ensemble.load(resolve(model, Tracking(tracking_uri or None)), later=True), labels=labels)
