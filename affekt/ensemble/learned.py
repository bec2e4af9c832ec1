"""What an ensemble learned from, as digests: the subjects and the contents of its train split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from affekt.errors import DataError
from affekt.media import PreparedIndex, PreparedRow

#: The file of an ensemble's folder that holds them.
LEARNED = "learned.json"
_TRAIN = "train"


@dataclass(frozen=True)
class Learned:
    """Digests of subjects and contents; whoever knows a subject's name can find out whether it is among them."""

    subjects: frozenset[str]
    contents: frozenset[str]

    @classmethod
    def of(cls, index: PreparedIndex) -> Learned:
        """What a training on this index learns from."""
        rows = [row for row in index if row.split == _TRAIN]
        return cls(
            frozenset(_digest("subject", row.subject) for row in rows if row.subject),
            frozenset(_digest("content", content_of(row)) for row in rows),
        )

    def knows(self, subject: str, content: str) -> bool:
        """Whether a subject (``""`` where not known) or a content was learned from."""
        return (bool(subject) and _digest("subject", subject) in self.subjects) or (
            bool(content) and _digest("content", content) in self.contents
        )

    def write(self, folder: Path) -> None:
        """Write ``learned.json`` into an ensemble's folder."""
        values = {"subjects": sorted(self.subjects), "contents": sorted(self.contents)}
        (folder / LEARNED).write_text(json.dumps(values, indent=0), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Learned | None:
        """What :meth:`write` wrote; None for an ensemble that does not say what it learned from.

        Raises:
            DataError: the file is damaged.
        """
        path = folder / LEARNED
        if not path.is_file():
            return None
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(frozenset(values["subjects"]), frozenset(values["contents"]))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                "is not what an ensemble writes there; fetch it again", code="damaged", where=str(path)
            ) from error


def contents_of(rows: Iterable[PreparedRow]) -> dict[str, str]:
    """The content of each clip or image, by its id."""
    return {row.clip: content_of(row) for row in rows}


def content_of(row: PreparedRow) -> str:
    """What is the same for the same file, however it is prepared; of an image, for the same pixels as stored."""
    return row.key.partition("-")[0]


def _digest(kind: str, text: str) -> str:
    return hashlib.sha256(f"{kind}:{text}".encode()).hexdigest()[:16]
