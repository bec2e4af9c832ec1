"""Whether a data set holds the split that somebody asks for; told from its rows, before a file is opened."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from affekt.counted import there_are
from affekt.dataset.clips import Clip
from affekt.dataset.faces import FaceImage, read_face_source, unit_of
from affekt.dataset.problems import errors_of
from affekt.dataset.source import read_source
from affekt.errors import DataError


def require_split(data: str, split: str | None) -> None:
    """Refuse a split that holds nothing; what else is wrong with the data is left to ``affekt check``.

    Raises:
        DataError: ``no_clips`` or ``no_images``.
    """
    if split is None:
        return
    rows: Sequence[Clip | FaceImage]
    try:
        if unit_of(data) == "images":
            rows, problems = read_face_source(data)
            refused = no_images
        else:
            source = read_source(data)
            rows, problems, refused = source.table.clips, list(source.problems), no_clips
    except DataError:
        return
    if not errors_of(problems) and all(row.split != split for row in rows):
        raise refused(split, (row.split for row in rows), data)


def no_clips(split: str | None, there: Iterable[str], data: str) -> DataError:
    """That a data set has no clip of a split; ``there`` are the splits of its clips."""
    return DataError(_said("clip", split, there), code="no_clips", where=data)


def no_images(split: str | None, there: Iterable[str], data: str) -> DataError:
    """As :func:`no_clips`, of still images."""
    return DataError(_said("image", split, there), code="no_images", where=data)


def _said(unit: str, split: str | None, there: Iterable[str]) -> str:
    """Which split may be meant, and what there is."""
    found = sorted(set(filter(None, there)))
    near = difflib.get_close_matches(split or "", found, n=1)
    listed = there_are(found) if found else "none of them names a split"
    return f"holds no {unit} of the split {split!r}" + (f"; did you mean {near[0]!r}?" if near else "") + f"; {listed}"
