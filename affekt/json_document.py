"""Frozen dataclasses as JSON documents: a field is a key, and what was written is read again as the same values."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

from affekt.errors import DataError

#: Metadata of a field whose keys stand among those of the dataclass that holds it.
FLAT = {"flat": True}
#: Metadata of a field that is left out of the document where it is None.
LEFT_OUT = {"left_out": True}


class JsonDocument:
    """Base of a frozen dataclass that is written as a JSON object.

    Its fields hold texts, paths, numbers, truth values and None, further dataclasses, tuples and mappings of these, and
    values with a text form (a class with ``parse`` that reads what ``str`` writes). A key that is not known is left
    aside, so that documents of later versions can be read; a field with a default may be missing, so that older ones
    can.
    """

    def to_dict(self) -> dict[str, Any]:
        """The document as plain JSON values, its keys in the order of the fields."""
        return _fields(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str | None = None) -> Self:
        """The value of a document that :meth:`to_dict` gave.

        Args:
            values: what JSON holds.
            where: the file that holds it, for errors.

        Raises:
            DataError: a key is missing, or its value is of another kind.
        """
        try:
            return cls._of(values, "")
        except _Damaged as error:
            raise DataError(str(error), code="damaged", where=where) from error

    @classmethod
    def _of(cls, values: Any, at: str) -> Self:
        """The value of the part of a document at a key."""
        return cls(**_arguments(cls, values, at))


class _Damaged(ValueError):
    """What is wrong with a document, and at which key."""


def _written(value: Any) -> Any:
    if isinstance(value, JsonDocument):  # first: one that people also give as text is a document all the same
        return value.to_dict()
    if isinstance(value, Path) or hasattr(type(value), "parse"):
        return str(value)
    if dataclasses.is_dataclass(value):
        return _fields(value)
    if isinstance(value, Mapping):
        return {str(key): _written(inner) for key, inner in value.items()}
    return [_written(inner) for inner in value] if isinstance(value, tuple | list) else value


def _fields(value: Any) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        inner = getattr(value, field.name)
        if inner is None and field.metadata.get("left_out"):
            continue
        if field.metadata.get("flat"):
            document.update(_written(inner))
        else:
            document[_key(field)] = _written(inner)
    return document


def _arguments(kind: Any, values: Any, at: str) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise _Damaged(f"{at or 'the document'}: expected an object, found {_shown(values)}")
    kinds = _kinds(kind)
    found: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        key = _key(field)
        here = f"{at}.{key}" if at else key
        if field.metadata.get("flat"):
            found[field.name] = _read(kinds[field.name], values, at)
        elif key in values:
            found[field.name] = _read(kinds[field.name], values[key], here)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise _Damaged(f"the key {here!r} is missing")
    return found


def _read(kind: Any, value: Any, at: str) -> Any:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin is typing.Literal:
        if value not in inner:
            raise _Damaged(f"{at}: expected one of {', '.join(map(repr, inner))}, found {_shown(value)}")
        return value
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _read(next(one for one in inner if one is not types.NoneType), value, at)
    if origin in (list, tuple):
        alike = origin is list or inner[-1] is Ellipsis
        if not isinstance(value, list | tuple) or (not alike and len(value) != len(inner)):
            raise _Damaged(f"{at}: expected a list, found {_shown(value)}")
        kinds = inner[:1] * len(value) if alike else inner
        return origin(_read(one, item, f"{at}[{n}]") for n, (one, item) in enumerate(zip(kinds, value, strict=True)))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _Damaged(f"{at}: expected an object, found {_shown(value)}")
        return {_read(inner[0], key, at): _read(inner[1], item, f"{at}.{key}") for key, item in value.items()}
    if isinstance(kind, type) and issubclass(kind, JsonDocument):
        return kind._of(value, at)
    if hasattr(kind, "parse"):
        try:
            return kind.parse(value)
        except (TypeError, ValueError, AttributeError) as error:
            raise _Damaged(f"{at}: {error}") from error
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return kind(**_arguments(kind, value, at))
    if kind is Path and isinstance(value, str):
        return Path(value)
    fits = isinstance(value, int | float) if kind is float else isinstance(value, kind)
    if not fits or (isinstance(value, bool) and kind is not bool):
        raise _Damaged(f"{at}: expected {kind.__name__}, found {_shown(value)}")
    return value


def _key(field: dataclasses.Field[Any]) -> str:
    return str(field.metadata.get("key", field.name))


@cache
def _kinds(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
