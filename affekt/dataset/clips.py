"""What a labelled clip is, and a table of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from affekt.dataset.labels import canonical_label, in_order
from affekt.errors import DataError

SPLITS: tuple[str, ...] = ("train", "val", "test")
#: What a data set holds one of a row: clips, or still images of faces.
Unit = Literal["clips", "images"]
_COLUMNS = ("clip", "uri", "label", "subject", "split")


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled clip.

    Attributes:
        id: unique within its table; for a file below the data folder its path relative to it.
        uri: where the media file is, a local path or ``s3://bucket/key``.
        label: one of :data:`affekt.dataset.LABELS`, or ``""`` where it is not known.
        subject: the person in the clip, or ``""`` where it is not known.
        split: ``train``, ``val``, ``test``, or ``""`` where the source names none.
        where: the file and line that named the clip, for messages.
        attributes: further manifest columns (gender, language …).
    """

    id: str
    uri: str
    label: str = ""
    subject: str = ""
    split: str = ""
    where: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ClipTable:
    """Clips in a fixed order, with unique ids."""

    clips: tuple[Clip, ...]

    def __len__(self) -> int:
        return len(self.clips)

    def __iter__(self) -> Iterator[Clip]:
        return iter(self.clips)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that occur, in canonical order."""
        return in_order(clip.label for clip in self.clips)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects that occur, sorted."""
        return tuple(sorted({clip.subject for clip in self.clips if clip.subject}))

    def select(self, *, split: str | None = None) -> ClipTable:
        """The clips of one split (all of them with ``None``)."""
        return ClipTable(tuple(clip for clip in self.clips if split is None or clip.split == split))

    def shard(self, index: int, count: int) -> ClipTable:
        """Every ``count``-th clip from ``index`` on: the part of the table that one of ``count`` workers takes."""
        return ClipTable(self.clips[index::count])

    def write(self, path: Path) -> None:
        """Write the table as CSV: ``clip,uri,label,subject,split`` and a column per attribute."""
        extra = sorted({name for clip in self.clips for name in clip.attributes})
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*_COLUMNS, *extra])
            for clip in self.clips:
                row = [clip.id, clip.uri, clip.label, clip.subject, clip.split]
                writer.writerow(row + [clip.attributes.get(name) for name in extra])

    @classmethod
    def read(cls, path: Path) -> ClipTable:
        """Read a table that :meth:`write` wrote.

        Raises:
            DataError: the file or a column is missing, or a label is unknown.
        """
        if not path.is_file():
            raise DataError("there is no such file; expected a table of clips", code="missing_file", where=str(path))
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(
                    f"expected the columns {', '.join(_COLUMNS)}; {', '.join(missing)} is missing",
                    code="missing_column",
                    where=str(path),
                )
            clips = []
            for row in reader:
                label = canonical_label(row["label"]) if row["label"] else ""
                extra = {name: value for name, value in row.items() if name not in _COLUMNS and value}
                where = f"{path}:{reader.line_num}"
                clips.append(Clip(row["clip"], row["uri"], label, row["subject"], row["split"], where, extra))
        return cls(tuple(clips))


def table_of(clips: Sequence[Clip]) -> ClipTable:
    """A table of the given clips.

    Raises:
        DataError: two clips have the same id.
    """
    seen: dict[str, Clip] = {}
    for clip in clips:
        if clip.id in seen:
            raise DataError(
                f"the clip id {clip.id!r} is used twice (first by {seen[clip.id].where or seen[clip.id].uri})",
                code="duplicate_id",
                where=clip.where or clip.uri,
            )
        seen[clip.id] = clip
    return ClipTable(tuple(clips))
