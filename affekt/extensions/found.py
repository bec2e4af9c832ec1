"""Finds what installed packages add to affekt; its own models, layouts and methods are found in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import Distribution, EntryPoint, distribution, entry_points
from pkgutil import resolve_name
from typing import Any

from affekt.counted import there_are
from affekt.errors import AffektError, DataError

#: What can be added, and the group of entry points that offers it.
EXTENSIONS: Mapping[str, str] = {
    "model": "affekt.models",
    "layout": "affekt.layouts",
    "fusion": "affekt.fusions",
    "detector": "affekt.detectors",
    "feature set": "affekt.functionals",
    "runner": "affekt.runners",  # of a training from Python, which lies above the library
}


@cache
def extensions(kind: str) -> Mapping[str, Any]:
    """What is installed of a kind, by name: affekt's own first, then that of other packages, each in order of names.

    Args:
        kind: a key of :data:`EXTENSIONS`.

    Raises:
        AffektError: two packages offer the same name, or what a package offers cannot be imported.
    """
    return {name: extension(kind, name) for name in extension_names(kind)}


def extension_names(kind: str) -> tuple[str, ...]:
    """The names of what is installed of a kind, in the order of :func:`extensions`; nothing is imported.

    Raises:
        AffektError: two packages offer the same name, or affekt's own are not registered.
    """
    return tuple(_offers(kind))


@cache
def extension(kind: str, name: str) -> Any:
    """What is installed of a kind under one name; nothing else of that kind is imported.

    Raises:
        DataError: no installed package offers the name.
        AffektError: two packages offer the same name, or it cannot be imported.
    """
    offers = _offers(kind)
    if name not in offers:
        raise DataError(f"no {kind} {name!r}; {there_are(list(offers))}", code=f"unknown_{kind.replace(' ', '_')}")
    return _loaded(kind, offers[name])


def offered_by(kind: str, name: str) -> str:
    """The name of the package that offers something of a kind (``affekt`` itself offers its own)."""
    return next(_package(point) for point in _installed().select(group=EXTENSIONS[kind], name=name))


def named(reference: str, what: str) -> Any:
    """The function that a spec names as ``"module:function"``, imported now.

    Args:
        reference: ``"module:function"``.
        what: whose it is, for the error.

    Raises:
        AffektError: it cannot be imported.
    """
    try:
        return resolve_name(reference)
    except (ImportError, AttributeError, ValueError) as error:
        raise AffektError(
            f"{what} names {reference!r}, which cannot be imported ({error}); mend or remove that package",
            code="extension_broken",
            where=reference,
        ) from error


@cache
def _installed() -> Any:  # of another type in each version of Python; all have ``select``
    """What all packages offer, read once: there are hundreds of them, and several kinds to look for."""
    return entry_points()


@cache
def _offers(kind: str) -> Mapping[str, EntryPoint]:
    points: dict[str, EntryPoint] = {}
    offered = _installed().select(group=EXTENSIONS[kind])
    for point in sorted(offered, key=lambda point: (not _ours(point), point.name)):
        other = points.get(point.name)
        if other is not None and other.value != point.value:
            raise AffektError(
                f"two installed packages offer a {kind} {point.name!r}: {_package(other)} ({other.value}) and "
                f"{_package(point)} ({point.value}); remove one of them",
                code="extension_twice",
            )
        points[point.name] = point
    if not any(_ours(point) for point in points.values()):
        # Packaging metadata beside the code hides that of the installation, and may be older than the code.
        place = distribution("affekt").locate_file("")
        raise AffektError(
            f"no {kind} of affekt's own is registered: the package metadata in {place} is older than the code; "
            "install affekt again, and remove affekt.egg-info where it stands beside the code",
            code="stale_installation",
        )
    return points


def _loaded(kind: str, point: EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise AffektError(
            f"the {kind} {point.name!r} that the package {_package(point)} offers cannot be imported ({error}); "
            "mend or remove that package",
            code="extension_broken",
            where=point.value,
        ) from error


def _ours(point: EntryPoint) -> bool:
    return _package(point) == "affekt"


def _package(point: EntryPoint) -> str:
    return _name(point.dist) if point.dist is not None else "?"


@cache
def _name(package: Distribution) -> str:
    return package.name  # reads all that the package says of itself
