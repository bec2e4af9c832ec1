"""A setting as a value: its key, what it may be and what it means, read from the dataclasses of the schema."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import types
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from affekt.settings.fields import In, Installed

#: Words of other programs, and what bears them here.
_CALLED_ELSEWHERE = {
    "batch": ("batch_size",),
    "epoch": ("iterations", "rounds"),
    "epochs": ("iterations", "rounds"),
    "l2": ("weight_decay",),
    "lr": ("learning_rate",),
    "optimizer": ("momentum", "learning_rate"),
    "steps": ("iterations",),
    "wd": ("weight_decay",),
}


@dataclass(frozen=True)
class Setting:
    """One setting of a run.

    Attributes:
        key: ``group.name``, as in overrides.
        kind: of its value, or of each value in its list: int, float, bool or str.
        many: whether it is a list.
        nullable: whether it may be null.
        limits: of its value, or of each value in its list.
        meaning: in a few words.
    """

    key: str
    kind: type
    many: bool
    nullable: bool
    limits: In
    meaning: str

    @property
    def expected(self) -> str:
        """What it may be, in words."""
        words = {int: "whole number", float: "number", bool: "true or false", str: "text"}
        low, high = self.limits.low, self.limits.high
        if self.limits.choices:
            text = f"{'of' if self.many else 'one of'} {', '.join(self.limits.choices)}"
        else:
            text = words[self.kind] + ("s" if self.many else "")
        if low is not None:
            text += f" from {low:g}" + ("" if high is None else f" to {high:g}")
        return ("list of " if self.many else "") + text.removeprefix("of ") + (", or null" if self.nullable else "")

    def read(self, value: Any) -> Any:
        """A value as YAML or JSON gives it, as the setting keeps it.

        Raises:
            ValueError: ``"<key>: expected …, got …"``.
        """
        if value is None and self.nullable:
            return None
        if self.many:
            return self._list(value)
        value = self._typed(value)
        self._check_limits(value)
        return value

    def _list(self, value: Any) -> list[Any]:
        if isinstance(value, list):
            with contextlib.suppress(ValueError):
                items = [self._typed(item) for item in value]
                for item in items:
                    self._check_limits(item)
                return items
        expected = ", ".join(self.limits.choices) or {str: "texts", bool: "true or false"}.get(self.kind, "numbers")
        if self.limits.low is not None:
            expected += f" from {self.limits.low:g} on"
        raise ValueError(f"{self.key}: expected a list of {expected}, got {value!r}")

    def _typed(self, value: Any) -> Any:
        if self.kind is float and type(value) in (int, str):
            with contextlib.suppress(ValueError):  # YAML 1.1 reads 1e-4 as text
                value = float(value)
        if type(value) is not self.kind:  # not isinstance, for which true is an int
            name = self.kind.__name__ + (" or null" if self.nullable else "")
            raise ValueError(f"{self.key}: expected {name}, got {value!r}")
        return value

    def _check_limits(self, value: Any) -> None:
        low, high, choices = self.limits.low, self.limits.high, self.limits.choices
        if choices and value not in choices:
            raise ValueError(f"{self.key}: expected one of {', '.join(choices)}; got {value!r}")
        if low is not None and not value >= low:  # so that NaN is refused as well
            raise ValueError(f"{self.key}: expected at least {low}, got {value!r}")
        if high is not None and not value <= high:
            raise ValueError(f"{self.key}: expected at most {high}, got {value!r}")


@cache
def settings_of(group: type, prefix: str = "") -> Mapping[str, Setting]:
    """The settings of a dataclass and of the groups in it by their keys, in the order in which they are declared."""
    found: dict[str, Setting] = {}
    for name, kind, facts in _fields(group):
        if (installed := _installed(facts)) is not None:
            for below, inner in installed.items():
                found |= settings_of(inner, f"{prefix}{below}.")
        elif _is_group(kind):
            found |= settings_of(kind, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = _setting(f"{prefix}{name}", kind, facts)
    return found


def built(group: type, values: Mapping[str, Any], prefix: str = "") -> Any:
    """An instance of a settings dataclass from the values of all its settings by their keys."""
    arguments: dict[str, Any] = {}
    for name, kind, facts in _fields(group):
        if (installed := _installed(facts)) is not None:
            arguments[name] = {below: built(inner, values, f"{prefix}{below}.") for below, inner in installed.items()}
        elif _is_group(kind):
            arguments[name] = built(kind, values, f"{prefix}{name}.")
        else:
            arguments[name] = values[f"{prefix}{name}"]
    return group(**arguments)


def nearest(key: str, known: Collection[str]) -> str:
    """``"; did you mean …?"`` with the keys that somebody may have meant, or where the list of them is."""
    group, _, field = key.lower().rpartition(".")
    own = {name.removeprefix(f"{group}."): name for name in known if group and name.startswith(f"{group}.")}
    elsewhere = [name for name in known if name.endswith(f".{field}")]
    if own:
        # By the last part alone: a likeness of the whole key is mostly that of its group.
        near = [own[name] for name in _called_so(field, own) or difflib.get_close_matches(field, own, n=3)] or elsewhere
        if not near:
            return f"; affekt settings {group} lists those that there are"
    else:
        fields = _called_so(field, {name.rpartition(".")[2] for name in known})
        near = elsewhere or difflib.get_close_matches(key, known, n=3)
        near = near or [name for name in known if name.rpartition(".")[2] in fields]
    return f"; did you mean {' or '.join(near[:3])}?" if near else ""


def _called_so(field: str, names: Collection[str]) -> list[str]:
    """The names that others call so, or that have it as one of their words."""
    meant = _CALLED_ELSEWHERE.get(field, ())
    return [name for name in names if name in meant or field in name.split("_")]


@cache
def _fields(group: type) -> tuple[tuple[str, Any, tuple[Any, ...]], ...]:
    """Of each field its name, its type, and what its annotation says besides."""
    found = []  # kept, since reading annotations takes milliseconds
    hints = typing.get_type_hints(group, include_extras=True)
    for item in dataclasses.fields(group):
        kind, *facts = typing.get_args(hints[item.name]) if _is_annotated(hints[item.name]) else (hints[item.name],)
        found.append((item.name, kind, tuple(facts)))
    return tuple(found)


def _is_group(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind)


def _is_annotated(hint: Any) -> bool:
    return typing.get_origin(hint) is Annotated


def _installed(facts: tuple[Any, ...]) -> Mapping[str, type] | None:
    return next((fact.groups() for fact in facts if isinstance(fact, Installed)), None)


def _setting(key: str, kind: Any, facts: tuple[Any, ...]) -> Setting:
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    many = typing.get_origin(options[0]) is list
    return Setting(
        key=key,
        kind=typing.get_args(options[0])[0] if many else options[0],
        many=many,
        nullable=type(None) in options,
        limits=next((fact for fact in facts if isinstance(fact, In)), In()),
        meaning=next((fact for fact in facts if isinstance(fact, str)), ""),
    )
