"""Reads the CSV form of a score table: which columns are scores of which model, and what the cells mean."""

from __future__ import annotations

import logging
import math
import re
import unicodedata
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from posixpath import normpath

import numpy as np

from affekt.dataset.doubled_columns import DoubledColumns
from affekt.dataset.labels import LABELS, in_order, known_label
from affekt.dataset.nobody import names_nobody
from affekt.dataset.numbered_subjects import WRITTEN_SO, whole_subjects
from affekt.dataset.problems import raise_errors, some
from affekt.dataset.split_names import canonical_split
from affekt.dataset.tables import Row, Table, is_missing, known_columns
from affekt.errors import DataError

logger = logging.getLogger(__name__)
_CLIP = ("clip", "path", "uri", "file", "filename", "file_name", "clip_id")
#: Columns that a table of answers has, as ``affekt score`` writes it.
_ANSWERS = frozenset(("file", "label", "confidence", "modalities", "frames_with_face"))
#: A column that ``affekt fuse --out`` writes beside one for each label.
_FUSED = "predicted"
#: Between a model's name and a label.
_BETWEEN = re.compile(r"[_\-.:/ ]+")
#: Thousands between commas, which are no fraction.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_NUMBER = re.compile(r"(?P<amount>\S+?)\s*(?P<hundredths>[%٪％])?")
#: Known spellings of labels that end other columns more often (a median absolute deviation).
_NO_ENDING = frozenset(("mad",))


@dataclass
class ScoreCells:
    """The cells of a score table, by columns.

    Attributes:
        labels, models: as of :class:`affekt.score_table.ScoreTable`.
        clips, truth, subjects, splits: a value a row.
        scores: row after row, the labels of each model in order; NaN where missing.
    """

    labels: tuple[str, ...]
    models: tuple[str, ...]
    clips: list[str] = field(default_factory=list)
    truth: list[int] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    scores: array[float] = field(default_factory=lambda: array("d"))

    def as_array(self) -> np.ndarray:
        """The scores, float64 ``[N, M, L]``; a model with a missing score in a row has none there."""
        shape = (len(self.clips), len(self.models), len(self.labels))
        scores = np.array(self.scores, dtype=float).reshape(shape)
        scores[np.isnan(scores).any(axis=2)] = np.nan
        return scores


def read_cells(table: Table, splits: int | None = None) -> ScoreCells:
    """All rows of a score table.

    Args:
        table: with its header.
        splits: the place of the column of the split where none is called that.

    Raises:
        DataError: ``missing_column``, ``no_scores``, ``bad_row``, ``duplicate_id``, ``no_clip``, ``unknown_label``,
            ``columns_differ``, ``answers`` or ``not_a_number``; names the row or the column.
    """
    clip = table.column(*_CLIP)
    if clip is None:
        raise DataError(
            f"expected a column 'clip' and score columns '<model>_<label>'; found {_found(table)}",
            code="missing_column",
            where=table.where,
        )
    if _ANSWERS.issubset(table.names):
        raise DataError(
            "holds the answers of affekt score: its label is what was answered, and by no means what is true; expected "
            "columns <model>_<label> beside the true label",
            code="answers",
            where=table.where,
        )
    if _FUSED in table.names and all(map(known_label, set(table.names) - {table.names[clip], _FUSED})):
        raise DataError(
            "holds the answers of affekt fuse, a vector a clip and no true label, so there is nothing to fuse and "
            "nothing to evaluate; give the table that was fused. To fuse these answers with others, write them into "
            "that table, in columns <model>_<label>",
            code="answers",
            where=table.where,
        )
    places, said = known_columns(table, splits)
    found = score_columns(table, {clip, *places.values()})
    labels = in_order(label for columns in found.values() for label in columns)
    cells = ScoreCells(labels, tuple(found))
    doubled = DoubledColumns(table, places, (table.names.index(name) for name in _CLIP if name in table.names))
    order = [columns[label] for columns in found.values() for label in labels]
    seen: dict[str, int] = {}
    words: list[int] = []  # lines in which the subject is a word for a missing value
    for row in table.rows():
        if isinstance(row, DataError):
            line = row.where.rpartition(":")[2] if row.where else ""
            raise DataError(f"row {line}: {row.message}", code=row.code, where=table.where)
        doubled.look(row)
        name = row.cells[clip]
        if not name:
            raise DataError(f"row {row.line} names no clip", code="no_clip", where=table.where)
        path = normpath(name)  # ``./a.mp4`` is ``a.mp4``
        if path in seen:
            raise DataError(
                f"row {row.line} names the clip {name!r} a second time, after row {seen[path]}",
                code="duplicate_id",
                where=table.where,
            )
        seen[path] = row.line
        cells.clips.append(name)
        cells.truth.append(_truth(row, places, labels, table))
        subject, split = (row.cells[places[key]] if key in places else "" for key in ("subject", "split"))
        if subject and names_nobody(subject):
            words.append(row.line)
            subject = ""
        cells.subjects.append(unicodedata.normalize("NFC", subject))
        cells.splits.append("" if is_missing(split) else canonical_split(split, numbered=False) or split)
        cells.scores.extend(_scores(row, order, table))
    if (whole := whole_subjects(cells.subjects)) is not None:
        cells.subjects = whole
        said.append(WRITTEN_SO)
    if words:
        said.append(f"{len(words)} words in the column of the subject are read as such for one who is not known")
    contradictions = doubled.found()
    raise_errors(contradictions, table.where)
    said += [problem.message for problem in contradictions]
    for sentence in said:
        logger.warning("%s: %s", table.where, sentence)
    return cells


def score_columns(table: Table, others: set[int]) -> dict[str, dict[str, int]]:
    """The places of the labels' columns of each model.

    Args:
        table: with its header.
        others: places of columns that hold something else.

    Raises:
        DataError: there are none, or not all labels for a model, or one twice.
    """
    found: dict[str, dict[str, int]] = {}
    aside = []
    for place, name in enumerate(table.header):
        told = _model_and_label(name) if place not in others else None
        if told is None:
            if place not in others and name:
                aside.append(name)
            continue
        model, label = told
        columns = found.setdefault(model, {})
        if label in columns:
            raise DataError(
                f"the columns {table.header[columns[label]]!r} and {name!r} both are the scores of {model!r} for "
                f"{label}; keep one, or add them up",
                code="bad_row",
                where=table.where,
            )
        columns[label] = place
    if not found:
        raise DataError(
            f"no score columns; expected '<model>_<label>' with a label of {', '.join(LABELS)}; found {_found(table)}",
            code="no_scores",
            where=table.where,
        )
    labels = in_order(label for columns in found.values() for label in columns)
    for model, columns in found.items():
        missing = [label for label in labels if label not in columns]
        if missing:
            raise DataError(
                f"model {model!r} has no column for {', '.join(missing)}; found "
                f"{some((table.header[place] for place in columns.values()), 7)}",
                code="missing_column",
                where=table.where,
            )
    if aside:
        logger.warning("%s: columns that are no scores of a known label are left aside: %s", table.where, some(aside))
    return found


def _model_and_label(column: str) -> tuple[str, str] | None:
    """The two parts of a column's name; the label is as long as it can be (``face_pleasant_surprise``)."""
    for between in _BETWEEN.finditer(column):
        model, ending = column[: between.start()], column[between.end() :]
        if model and len(ending) > 2 and ending.casefold() not in _NO_ENDING and (label := known_label(ending)):
            return model, label
    return None


def _truth(row: Row, places: Mapping[str, int], labels: tuple[str, ...], table: Table) -> int:
    value = row.cells[places["label"]] if "label" in places else ""
    if is_missing(value):
        return -1
    label = known_label(value)
    if label not in labels:
        raise DataError(
            f"row {row.line}: label {value!r} is none of the scored labels {', '.join(labels)}",
            code="unknown_label",
            where=table.where,
        )
    return labels.index(label)


def _scores(row: Row, order: list[int], table: Table) -> list[float]:
    cells = [row.cells[place] for place in order]
    try:
        if not any("_" in cell for cell in cells):  # which Python reads past
            return [float(cell) for cell in cells]  # the quick way for most rows
    except ValueError:
        pass
    return [_number(row, place, table) for place in order]


def _number(row: Row, place: int, table: Table) -> float:
    text = row.cells[place]
    if is_missing(text):
        return math.nan
    number = _NUMBER.fullmatch(text)
    try:
        # A comma may stand before the fraction, and amounts may be written in hundredths.
        amount = float((number["amount"] if number else text).replace(",", "."))
        if "_" in text or (table.separator == "," and _THOUSANDS.match(text)):  # the former Python reads past
            raise ValueError(text)
    except ValueError as error:
        raise DataError(
            f"row {row.line}, column {table.header[place]}: {text!r} is not a number",
            code="not_a_number",
            where=table.where,
        ) from error
    return amount / 100 if number and number["hundredths"] else amount


def _found(table: Table) -> str:
    return some((name or "a column without a name" for name in table.header), 8)
