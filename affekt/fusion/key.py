"""Which fusion gave some answers, as a value with one text form for columns of tables and keys of documents."""

from __future__ import annotations

from dataclasses import dataclass, replace

_MODELS, _AND, _PERSON = "@", "+", "~person"


@dataclass(frozen=True)
class FusionKey:
    """A fusion method, what it fuses, and whether its answers were adapted to each person.

    The text is ``svm``, ``svm@bilstm+random_forest+svc`` or ``svm~person``; ``str`` writes it, :meth:`parse` reads it.

    Attributes:
        method: of :data:`affekt.fusion.METHODS`.
        models: the models that it fuses; None for all that the ensemble fuses.
        person: whether the answers were adapted (:mod:`affekt.fusion.person`).

    Raises:
        ValueError: a name is empty, or holds a character that the text needs for itself.
    """

    method: str
    models: tuple[str, ...] | None = None
    person: bool = False

    def __post_init__(self) -> None:
        for name in (self.method, *(self.models if self.models is not None else ("all",))):
            if not name or any(mark in name for mark in (_MODELS, _AND, _PERSON[0])):
                raise ValueError(f"{name!r} cannot stand in the name of a fusion")
        if self.models == ():
            raise ValueError("a fusion fuses one model at least")

    def __str__(self) -> str:
        models = "" if self.models is None else _MODELS + _AND.join(self.models)
        return f"{self.method}{models}{_PERSON if self.person else ''}"

    @classmethod
    def parse(cls, text: str) -> FusionKey:
        """The key of a text.

        Raises:
            ValueError: the text is none of a fusion.
        """
        rest = text.removesuffix(_PERSON)
        method, mark, models = rest.partition(_MODELS)
        return cls(method, tuple(models.split(_AND)) if mark else None, rest != text)

    def adapted(self) -> FusionKey:
        """The same fusion with answers that were adapted to each person."""
        return replace(self, person=True)

    def plain(self) -> FusionKey:
        """The same fusion with answers as they are."""
        return replace(self, person=False)
