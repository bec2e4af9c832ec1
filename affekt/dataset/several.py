"""Several data sets as one: each keeps its name, its people and its labels, and none is held against another's.

A data set is named by its folder or file. Its clips and subjects bear that name before their own, so that a subject
``01`` of one is nobody of another; the attribute ``dataset`` says where a clip comes from. A data set without clips of
a label says nothing about that label: :func:`possible_labels` tells what each clip could have been. Clips of a data set
with a single label could have been of any: were that one alone possible, no answer to them could be wrong.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Protocol

from affekt.argument_names import argument
from affekt.dataset.clips import Clip
from affekt.dataset.labels import in_order
from affekt.errors import DataError, UsageError
from affekt.storage import is_remote, whereabouts

#: What stands between the places of several data sets, where a single text names them all.
BETWEEN = " + "
#: The attribute of a clip that says which data set it is of.
DATASET = "dataset"


class Row(Protocol):
    """A clip of a table or of a prepared index."""

    @property
    def clip(self) -> str:
        """Its id."""

    @property
    def label(self) -> str:
        """Its label."""

    @property
    def attributes(self) -> Mapping[str, str]:
        """What else is known of it."""


def joined(places: Sequence[str]) -> str:
    """One text for several places; of a single one the place itself.

    Raises:
        DataError: one is named twice, perhaps in other words, or holds what stands between several.
    """
    held = next((place for place in places if BETWEEN in place), "") if len(places) > 1 else ""
    if held:
        message = f"holds {BETWEEN!r}, which stands between several data sets; give it another name, or a link"
        raise DataError(message, code="bad_name", where=held)
    known: dict[str, str] = {}
    for place in places:
        where = whereabouts(place)
        if where in known:
            other = f", first as {known[where]}" if known[where] != place else ""
            message = f"is given twice as a data set{other}; leave one out"
            raise DataError(message, code="same_dataset", where=place)
        known[where] = place
    return BETWEEN.join(places)


def text_of(data: str | Path | Sequence[str | Path]) -> str:
    """The text for one data set or several, as Python callers name them.

    Raises:
        UsageError: none is named, or something else is given.
        DataError: one is named twice.
    """
    places = [data] if isinstance(data, str | Path) else list(data) if isinstance(data, Iterable) else []
    if not places or not all(isinstance(place, str | Path) and str(place).strip() for place in places):
        raise UsageError(f"expected a folder or a CSV file, or a list of them, got {data!r:.100}", code="usage")
    return joined([str(place) for place in places])


def places_of(uri: str) -> tuple[str, ...]:
    """The places of the data sets that a text names; a single one, whatever its name, where it is there."""
    if BETWEEN not in uri or (not is_remote(uri) and os.path.exists(uri)):  # noqa: PTH110  a name may be too long
        return (uri,)
    return tuple(place.strip() for place in uri.split(BETWEEN))


def names_of(places: Sequence[str]) -> list[str]:
    """A name for each data set: that of its folder or file, with the folder above where two are called alike."""
    paths = [_path(place) for place in places]
    names = [path.stem if path.suffix else path.name for path in paths]
    alike = {name for name in names if names.count(name) > 1}
    longer = [f"{path.parent.name}-{name}" if name in alike else name for path, name in zip(paths, names, strict=True)]
    if len(set(longer)) == len(longer):
        return longer
    return [f"{number}-{name}" for number, name in enumerate(longer, start=1)]


def names_beside(uri: str) -> dict[str, tuple[str, ...]]:
    """What each data set may be called beside others, by its name here; that of a single one is empty."""
    places = places_of(uri)
    if not all(place.strip() for place in places):
        return {}
    names = names_of(places) if len(places) > 1 else [""]
    short = [name for place in places for name in names_of([place])]
    longer = [f"{_path(place).parent.name}-{name}" for place, name in zip(places, short, strict=True)]
    # What two of them would be called tells neither.
    return {
        name: tuple(other for known in (short, longer) if known.count(other := known[number]) == 1)
        for number, name in enumerate(names)
    }


def named_by(name: str, subject: str) -> str:
    """A subject of the data set of this name, as it is called among several."""
    return f"{name}/{subject}"


def _path(place: str) -> PurePosixPath:
    return PurePosixPath(whereabouts(place) if _unnamed(place) else place.rstrip("/"))


def _unnamed(place: str) -> bool:
    """Whether a place says no name, as the folder one is in."""
    return not is_remote(place) and PurePosixPath(place).name in ("", "..")


def of_dataset(clips: Iterable[Clip], name: str) -> list[Clip]:
    """The clips with the name of their data set before their own and before their subjects."""
    return [
        replace(
            clip,
            id=f"{name}/{clip.id}",
            subject=named_by(name, clip.subject) if clip.subject else "",
            attributes={**clip.attributes, DATASET: name},
        )
        for clip in clips
    ]


def possible_labels(rows: Iterable[Row]) -> dict[str, tuple[str, ...]]:
    """The labels that each clip could have: those that its data set has; empty where these are the same for all.

    Args:
        rows: all clips, of every split.
    """
    return _possible([(row.clip, row.label, row.attributes.get(DATASET, "")) for row in rows])


def possible_in(clips: Iterable[Clip], answers: Collection[str] | None = None) -> dict[str, tuple[str, ...]]:
    """As :func:`possible_labels`, of the clips of a table.

    Args:
        clips: all of them, of every split.
        answers: the labels that can be answered, where clips of others are left out: a data set of which one label is
            left then is one of a single label.
    """
    return _possible(
        [
            (clip.id, clip.label if answers is None or clip.label in answers else "", clip.attributes.get(DATASET, ""))
            for clip in clips
        ]
    )


def _possible(clips: Sequence[tuple[str, str, str]]) -> dict[str, tuple[str, ...]]:
    of_set: dict[str, set[str]] = {}
    for _, label, name in clips:
        if label:
            of_set.setdefault(name, set()).add(label)
    every = set().union(*of_set.values())
    told = {name: frozenset(labels if len(labels) > 1 else every) for name, labels in of_set.items()}
    if len(set(told.values())) < 2:
        return {}
    ordered = {name: in_order(labels) for name, labels in told.items()}
    return {clip: ordered.get(name, ()) for clip, _, name in clips}


def told_possible(clips: Iterable[Clip], possible: Mapping[str, Sequence[str]]) -> list[str]:
    """A sentence for each data set whose clips are judged among fewer labels than those of another one.

    Args:
        clips: of all data sets.
        possible: as :func:`possible_in` gives it.
    """
    own = {clip.attributes.get(DATASET, ""): possible[clip.id] for clip in clips if clip.id in possible}
    every = in_order(label for labels in own.values() for label in labels)
    return [
        f"{name} has no clip of {', '.join(label for label in every if label not in labels)}: its clips are judged "
        f"among {', '.join(labels)}; by itself it is judged so where they are named with {argument('labels')}"
        for name, labels in own.items()
        if labels and len(labels) < len(every)
    ]


def told_without(clips: Iterable[Clip], kept: Iterable[Clip], split: str | None) -> list[str]:
    """A sentence for each data set of which a split has no clip.

    Args:
        clips: of all data sets.
        kept: those of the split.
        split: its name.
    """
    there = {clip.attributes.get(DATASET, "") for clip in kept}
    names = dict.fromkeys(clip.attributes.get(DATASET, "") for clip in clips)
    return [f"{name} has no clip of the split {split}: no figure is of it" for name in names if name not in there]


def factor(row: Row) -> str:
    """By what folds are balanced: the label, and the data set where there are several."""
    name = row.attributes.get(DATASET, "")
    return f"{name}/{row.label}" if name else row.label
