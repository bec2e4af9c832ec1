"""Scores files into a table with a row each, and goes on with one that was ended before it was done."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from affekt.counted import counted
from affekt.errors import AffektError, rebuilt
from affekt.progress import Progress
from affekt.scoring.answering import Answering, Found, concerns_all
from affekt.scoring.kept import Kept, opened
from affekt.scoring.table import check_table, write

logger = logging.getLogger(__name__)
#: Of an answer, what its row keeps.
_KEPT = (
    "label", "confidence", "probabilities", "modalities", "frames", "frames_with_face", "warnings", "face", "model",
    "known_labels",
)  # fmt: skip


@dataclass(frozen=True)
class Scored:
    """What a table holds.

    Attributes:
        table: its place.
        rows: one a file.
        before: of these, those that an earlier start had worked out.
        labels: answers by label.
        errors: rows without an answer, by the code of the error.
        models: answers by the digest of the model.
    """

    table: str
    rows: int
    before: int
    labels: Mapping[str, int]
    errors: Mapping[str, int]
    models: Mapping[str, int]

    @property
    def answered(self) -> int:
        """Rows with an answer."""
        return sum(self.labels.values())

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "table": self.table, "rows": self.rows, "answered": self.answered, "before": self.before,
            "labels": dict(self.labels), "errors": dict(self.errors), "models": dict(self.models),
        }  # fmt: skip


def score_files(
    files: Sequence[str],
    table: str,
    by: Answering,
    *,
    fresh: bool = False,
    kept: str = "",
    part_seconds: float = 5.0,
) -> Scored:
    """Score files into a table.

    A file without an answer has a row with the error. Where the next file would fail likewise (the server is away, the
    disk is full), the scoring ends instead, and what was worked out is kept.

    Args:
        files: local or ``s3://``, one or more; the rows have their order.
        table: ``.parquet`` or ``.csv``, local or ``s3://`` (:func:`affekt.scoring.table.write` has its columns).
        by: what answers.
        fresh: whether what an earlier start has worked out is thrown away.
        kept: folder of what is worked out until the table is written; by default beside the table.
        part_seconds: how much of it a kill may cost.

    Raises:
        UsageError: the table is neither Parquet nor CSV.
        DataError: another scoring into this table was not done, or the table cannot be written.
        AffektError: no file can be scored; the message says how many rows are kept.
    """
    check_table(table)
    folder = kept or f"{table}.parts"
    with opened(folder, files, by.identity, fresh=fresh, seconds=part_seconds) as rows:
        before = rows.count
        if before:
            logger.info("goes on after %s of %s, kept in %s", counted(before, "rows"), f"{len(files):,}", folder)
        _fill(rows, files, by)
        found, names, known = _summed(table, before, rows)
        write(table, names, rows.rows(), known=known)
        rows.remove()
    if len(found.models) > 1:
        logger.warning(
            "%s answered, as the server changed its model; the column model tells which row is whose",
            counted(len(found.models), "models"),
        )
    return found


def _fill(rows: Kept, files: Sequence[str], by: Answering) -> None:
    rest = files[rows.count :]
    with (
        Progress("score", len(files), "file", before=rows.count) as progress,
        contextlib.closing(_answers(by, rest)) as answers,
    ):
        try:
            for name, found in zip(rest, answers, strict=True):
                if isinstance(found, AffektError) and concerns_all(found):
                    raise _ended(found, rows, len(files))
                rows.add(_row(name, found, by.digest))
                progress.advance()
        finally:
            rows.flush()


def _ended(error: AffektError, rows: Kept, files: int) -> AffektError:
    """The error that ends a scoring, with what was worked out before."""
    rows.flush()
    kept = f". {counted(rows.count, 'rows')} of {files:,} are kept: start the same again to go on" if rows.count else ""
    return rebuilt(type(error).__name__, f"{error.message}{kept}", error.code, error.where)


def _answers(by: Answering, files: Sequence[str]) -> Generator[Found]:
    if files:
        yield from by.answers(files)


def _row(name: str, found: Found, digest: str) -> dict[str, Any]:
    if isinstance(found, AffektError):
        return {"file": name, "model": digest or None, "error": {"code": found.code, "message": found.message}}
    return {"file": name, **{key: found[key] for key in _KEPT if key in found}}


def _summed(table: str, before: int, rows: Kept) -> tuple[Scored, list[str], bool]:
    """What they hold in all, the labels in the order of the first answer, those of a later model following, and whether
    an answer is among labels that were named.
    """
    labels, errors, models = Counter[str](), Counter[str](), Counter[str]()
    names: dict[str, None] = {}
    known = False
    for row in rows.rows():
        if "error" in row:
            errors[row["error"]["code"]] += 1
        else:
            names |= dict.fromkeys(row["probabilities"])
            labels[row["label"]] += 1
            models[row["model"]] += 1
            known = known or "known_labels" in row
    told = [dict(sorted(count.items())) for count in (labels, errors, models)]
    return Scored(table, rows.count, before, *told), list(names), known
