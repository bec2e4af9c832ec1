"""Which version of a model is the champion: promotion as compare-and-swap, the way back, and a word on each change."""

from __future__ import annotations

import json
from types import EllipsisType

from affekt.argument_names import argument
from affekt.errors import AffektError
from affekt.registry.history import Entry, append, read_history
from affekt.registry.lease import Check, held
from affekt.registry.models import CHAMPION, PREVIOUS, ModelVersion, find, list_models
from affekt.registry.tracking import Tracking

_WAY_BACK = "champions"
#: Code of the error that the champion is another than the one that was compared with.
CHANGED = "champion_changed"


def promote(
    reference: str,
    tracking: Tracking,
    *,
    instead_of: int | EllipsisType | None = ...,
    action: str = "promote",
    reason: str = "",
    run_id: str = "",
) -> ModelVersion:
    """Make a version the champion; the champion before it is remembered under the alias ``previous``.

    Args:
        reference: of the version.
        tracking: where it is registered.
        instead_of: the champion that it was compared with, None where there was none: if another is champion
            meanwhile, nothing changes. Without it, whichever is champion is replaced.
        action: what the history says was done.
        reason: why, for the history.
        run_id: the run that decided, for the history.

    Raises:
        AffektError: there is no such version; ``champion_changed``: see ``instead_of``.
    """
    chosen = find(reference, tracking)
    with held(tracking, chosen.name) as check:
        way = _way_back(chosen.name, tracking)
        before = _champion(chosen.name, tracking)
        if not isinstance(instead_of, EllipsisType) and before != instead_of:
            raise AffektError(
                f"the champion is {_said(before)} and not {_said(instead_of)}, which the challenger was held against",
                code=CHANGED,
                where=chosen.name,
            )
        if not way or way[-1] != chosen.version:
            way.append(chosen.version)
        entry = Entry.here(action, chosen.version, before, reason, run_id)
        _enthrone(chosen.name, way, entry, tracking, check)
    return find(chosen.reference, tracking)


def rollback(name: str, tracking: Tracking, *, to: int | None = None, reason: str = "") -> ModelVersion:
    """Make the champion before the present one the champion again, or a given version.

    Going back twice goes back two champions, not to and fro. The history keeps what it had.

    Raises:
        AffektError: there is no champion before, or no such version.
    """
    find(name if to is None else f"{name}/{to}", tracking)
    with held(tracking, name) as check:
        before = _champion(name, tracking)
        way = _way_back(name, tracking)
        if to is None:
            way = way[:-1]
            if not way:
                named = argument("to", command="models rollback")
                raise AffektError(
                    f"there is no champion before the present one; name a version with {named}",
                    code="no_previous",
                    where=name,
                )
        elif to in way:
            way = way[: len(way) - way[::-1].index(to)]
        else:
            way.append(to)
        _enthrone(name, way, Entry.here("rollback", way[-1], before, reason), tracking, check)
    return find(f"{name}@{CHAMPION}", tracking)


def _champion(name: str, tracking: Tracking) -> int | None:
    number = tracking.reader.model(name).aliases.get(CHAMPION)
    return int(number) if number else None


def _way_back(name: str, tracking: Tracking) -> list[int]:
    """The versions to go back to, oldest first, the champion last; versions that were deleted since are left out."""
    there = {version.version for version in list_models(tracking, name)}
    model = tracking.reader.model(name)
    way = [int(number) for number in json.loads(model.tags.get(_WAY_BACK, "[]")) if int(number) in there]
    current = int(model.aliases.get(CHAMPION, 0))
    # The alias may have been moved in MLflow's own pages.
    if current in there and (not way or way[-1] != current):
        way.append(current)
    return way


def _enthrone(name: str, way: list[int], entry: Entry, tracking: Tracking, check: Check) -> None:
    """Point the aliases at the last two champions. The champion's comes last: it is what servers follow."""
    writer = tracking.writer
    check()
    writer.set_tag(name, _WAY_BACK, json.dumps(way[-100:]))
    if len(way) > 1:
        writer.set_alias(name, PREVIOUS, way[-2])
    elif PREVIOUS in tracking.reader.model(name).aliases:
        writer.delete_alias(name, PREVIOUS)
    check()
    writer.set_alias(name, CHAMPION, way[-1])
    if entry.instead_of == entry.version:
        return
    known = read_history(tracking, name)
    if known and known[-1].version != entry.instead_of and entry.instead_of is not None:
        why = "moved in MLflow itself, or a process died before it said why"
        append(tracking, name, Entry(entry.when, "", "elsewhere", entry.instead_of, known[-1].version, why))
    append(tracking, name, entry)


def _said(version: int | None) -> str:
    return "none" if version is None else f"version {version}"
