"""What a model says of clips: one answer, or one a clip; in a notebook they show themselves."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

from affekt.api import notebook
from affekt.ensemble.answer import Answer
from affekt.errors import AffektError
from affekt.report.sentence import sentence

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Prediction(Answer):
    """What a model says of one clip; in a notebook it shows itself.

    Attributes:
        file: the clip, as it was named; ``""`` for arrays.
        thumbnail: JPEG of the analysed face in the middle of the clip; empty where there is none.
    """

    file: str = ""
    thumbnail: bytes = field(default=b"", repr=False)

    @property
    def error(self) -> None:
        """There is none; the entries of :class:`Predictions` all have this attribute."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """As ``affekt predict --json`` prints it."""
        return {"file": self.file, **super().to_dict()}

    def __str__(self) -> str:
        return f"{self.file or 'clip'}: {sentence(self.to_dict())}"

    def _repr_html_(self) -> str:
        """The analysed face, a bar for each label, and the warnings."""
        said = (
            f"<strong>{html.escape(self.label)}</strong> {self.confidence:.0%} "
            f"<small>{html.escape(self.file)} · from {' and '.join(self.modalities)}</small>"
        )
        shown = notebook.picture(self.thumbnail, "the analysed face")
        return notebook.beside(
            shown, said + notebook.bars(self.probabilities, self.label) + notebook.listed(self.warnings)
        )


@dataclass(frozen=True)
class Failure:
    """A clip without an answer: one bad file never ends the others.

    Attributes:
        file: the clip, as it was named.
        error: why; its ``code`` is a stable word.
    """

    file: str
    error: AffektError

    def to_dict(self) -> dict[str, Any]:
        """As ``affekt predict --json`` prints it."""
        return {"file": self.file, "error": {"code": self.error.code, "message": self.error.message}}

    def __str__(self) -> str:
        return f"{self.file}: error: {self.error.message}"

    def _repr_html_(self) -> str:
        return f"<div>{html.escape(self.file)}: <em>{html.escape(self.error.message)}</em></div>"


@dataclass(frozen=True)
class Predictions(Sequence[Prediction | Failure]):
    """One entry a clip, in the order in which they were asked for."""

    entries: tuple[Prediction | Failure, ...]

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, index: int) -> Prediction | Failure: ...

    @overload
    def __getitem__(self, index: slice) -> Predictions: ...

    def __getitem__(self, index: int | slice) -> Prediction | Failure | Predictions:
        return Predictions(self.entries[index]) if isinstance(index, slice) else self.entries[index]

    def __iter__(self) -> Iterator[Prediction | Failure]:
        return iter(self.entries)

    def to_pandas(self) -> pandas.DataFrame:
        """A row a clip: ``file``, ``label``, ``confidence``, each label, ``modalities``, ``warnings``, ``error``."""
        import pandas  # heavy, and only this needs it

        rows: list[dict[str, str | float]] = []
        for entry in self.entries:
            if isinstance(entry, Failure):
                rows.append({"file": entry.file, "error": entry.error.message})
            else:
                said: dict[str, str | float] = {
                    "file": entry.file,
                    "label": entry.label,
                    "confidence": entry.confidence,
                }
                notes = {
                    "modalities": "+".join(entry.modalities),
                    "warnings": "; ".join(entry.warnings),
                    "error": "",
                }
                rows.append({**said, **entry.probabilities, **notes})
        return pandas.DataFrame(rows)

    def __str__(self) -> str:
        return "\n".join(str(entry) for entry in self.entries)

    def _repr_html_(self) -> str:
        return "".join(entry._repr_html_() for entry in self.entries)
