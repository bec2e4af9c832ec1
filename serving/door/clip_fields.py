"""What a request says of its clip besides: in its query, in a field of its form, or in its JSON document."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any

from starlette.requests import Request

from affekt.serving.door.refusal import Refusal
from affekt.serving.inner_fields import PERSON

#: The labels that can be right, where that is known.
LABELS = "labels"
#: What may be said of a clip in a body as well.
WORDS = (PERSON, LABELS)
#: What the query of every address that takes a clip may have, or be told why not.
QUERY = (*WORDS, "timings")
#: How much of a name has to be that of another one to be meant as that; less of it is in any short word. So many names
#: are looked at, of so many signs: more are nobody's slip, and take time.
_NEAR, _LOOKED_AT, _LONGEST = 0.8, 50, 20


def said(request: Request, name: str, body: Mapping[str, Sequence[Any]] | None = None) -> list[Any]:
    """All that a request says under a name: as often as its query has it, and what its body has.

    Args:
        request: whose query is looked at.
        name: of a word.
        body: what its form or its JSON document says, by name.
    """
    return [*request.query_params.getlist(name), *(body or {}).get(name, ())]


def once(request: Request, name: str) -> str | None:
    """What a query says under a name.

    Raises:
        Refusal: two things that differ.
    """
    given = set(said(request, name))
    if len(given) > 1:
        raise Refusal(400, "bad_query", f"the query has {name} {len(given)} times, and differently; name it once")
    return next(iter(given), None)


def misspelt(given: Iterable[str], known: Sequence[str], elsewhere: Mapping[str, str] = MappingProxyType({})) -> str:
    """Which name was likely meant as another one, or stands where it is not read, in words; empty where none does.

    What nobody knows is passed over, as of proxies; of ``?label=happy,sad`` the answer would be another one than was
    asked for, without a word.

    Args:
        given: the names.
        known: those that are read there.
        elsewhere: those that are read in another place alone, with the place in words.
    """
    for name in islice(given, _LOOKED_AT):
        if name in known or len(name) > _LONGEST:
            continue
        if name in elsewhere:
            return f"{name!r} says nothing here; it belongs into {elsewhere[name]}"
        if near := difflib.get_close_matches(name.lower(), (*known, *elsewhere), 1, _NEAR):
            return f"{name!r} says nothing here; did you mean {near[0]}?"
    return ""


def in_query(*names: str) -> dict[str, str]:
    """Of names that are read in a query alone, besides ``timings``, where they belong."""
    return {name: f"the query, as in ?{name}=…" for name in ("timings", *names)}


def refuse_misspelt(request: Request, *further: str) -> None:
    """Refuse a query with a name that was likely meant as another one.

    Args:
        request: whose query is looked at.
        further: names that are known here besides those of every clip.

    Raises:
        Refusal: it has one.
    """
    if why := misspelt(request.query_params, (*QUERY, *further)):
        raise Refusal(400, "bad_query", why)


def timings_wanted(request: Request) -> bool:
    """Whether an answer shall have the seconds of its stages.

    Raises:
        Refusal: the query says something else than 1 or 0.
    """
    text = once(request, "timings") or "0"
    if text not in ("0", "1"):
        raise Refusal(400, "bad_query", f"expected 1 or 0 as timings, got {text[:40]!r}")
    return text == "1"


def labels_of(*given: object) -> list[str]:
    """The labels that can be right: a text with commas, or a list; none where nobody named any.

    Raises:
        Refusal: it is neither, or two are given that differ.
    """
    found: list[list[str]] = []
    for value in given:
        if value is None or value in ("", []):
            continue
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Refusal(400, "bad_query", 'expected "labels" as a list of words, or as a text with commas')
        found.append(names)
    if any(names != found[0] for names in found):
        raise Refusal(400, "bad_query", "the labels that can be right are given twice, and differ; name them once")
    return found[0] if found else []
