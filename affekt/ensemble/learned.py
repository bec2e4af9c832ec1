"""What an ensemble learned from, as digests: the subjects and contents of its train split, and what its run saw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from affekt.dataset.several import named_by
from affekt.media import PreparedIndex, PreparedRow
from affekt.storage import read_optional

#: The file of an ensemble's folder that holds them.
LEARNED = "learned.json"
_TRAIN = "train"
_NONE: Mapping[str, Sequence[str]] = {}


@dataclass(frozen=True)
class Learned:
    """Digests; whoever knows a subject's name can find out whether it is among them.

    Attributes:
        subjects: of the train split, also as they may be called beside other data sets.
        contents: of the train split.
        seen: all contents that the run saw, those of other splits and those that cannot be used too.
        labelled: contents together with their labels, of the train split.
    """

    subjects: frozenset[str]
    contents: frozenset[str]
    seen: frozenset[str] = frozenset()
    labelled: frozenset[str] = frozenset()

    @classmethod
    def of(cls, index: PreparedIndex, names: Mapping[str, Sequence[str]] = _NONE) -> Learned:
        """What a training on this index learns from.

        Args:
            index: of all that the run prepared.
            names: :func:`affekt.dataset.several.names_beside` of its data set.
        """
        rows = [row for row in index if row.split == _TRAIN]
        return cls(
            frozenset(_digest("subject", name) for row in rows for name in _called(row.subject, names)),
            frozenset(_digest("content", row.content) for row in rows),
            frozenset(_digest("content", content) for content in [*(row.content for row in index), *index.unusable]),
            frozenset(_digest("content", row.content, row.label) for row in rows),
        )

    def knows(self, subject: str, content: str, names: Mapping[str, Sequence[str]] = _NONE) -> bool:
        """Whether a subject (``""`` where not known) or a content was learned from.

        Args:
            subject: as its data set, or its data sets, call it.
            content: of the clip or image.
            names: :func:`affekt.dataset.several.names_beside` of the data set.
        """
        return any(_digest("subject", name) in self.subjects for name in _called(subject, names)) or (
            bool(content) and _digest("content", content) in self.contents
        )

    def is_new(self, content: str, label: str) -> bool:
        """Whether a content was not seen, or was learned from with another label; of an older ensemble labels are not
        known.
        """
        digest = _digest("content", content)
        if digest not in (self.seen or self.contents):
            return True
        return digest in self.contents and bool(self.labelled) and not self.knows_label(content, label)

    def without(self, contents: Iterable[str]) -> int:
        """How many contents it learned from are not among these."""
        return len(self.contents - {_digest("content", content) for content in contents})

    def knows_label(self, content: str, label: str) -> bool:
        """Whether a content was learned from with this label."""
        return _digest("content", content, label) in self.labelled

    def write(self, folder: Path) -> None:
        """Write ``learned.json`` into an ensemble's folder."""
        values = {field.name: sorted(getattr(self, field.name)) for field in fields(self)}
        (folder / LEARNED).write_text(json.dumps(values, indent=0), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Learned | None:
        """What :meth:`write` wrote; None for an ensemble that does not say what it learned from.

        Raises:
            DataError: the file is damaged.
        """
        return read_optional(folder / LEARNED, cls._of)

    @classmethod
    def _of(cls, content: bytes) -> Learned:
        values = json.loads(content)
        learned = cls(frozenset(values["subjects"]), frozenset(values["contents"]))
        return replace(learned, **{name: frozenset(values[name]) for name in ("seen", "labelled") if name in values})


def contents_of(rows: Iterable[PreparedRow]) -> dict[str, str]:
    """The content of each clip or image, by its id."""
    return {row.clip: row.content for row in rows}


def _called(subject: str, names: Mapping[str, Sequence[str]]) -> list[str]:
    """A subject as it is called here, and as it may be called beside other data sets."""
    found = [subject] if subject else []
    for name, others in names.items():
        before = named_by(name, "") if name else ""
        if subject.startswith(before) and subject != before:
            found += [named_by(other, subject.removeprefix(before)) for other in others]
    return found


def _digest(kind: str, *texts: str) -> str:
    return hashlib.sha256(":".join((kind, *texts)).encode()).hexdigest()[:16]
