"""A number and what it counts, in the singular or the plural."""

from __future__ import annotations


def counted(count: int, many: str) -> str:
    """``1 clip``, ``2 clips``; ``1 person``, ``1,298 labelled copies``.

    Args:
        count: how many.
        many: the plural; its last word is the noun.
    """
    return f"{count:,} {_one(many) if count == 1 else many}"


def _one(many: str) -> str:
    if many.endswith("people"):
        return f"{many.removesuffix('people')}person"
    if many.endswith("ies"):
        return f"{many.removesuffix('ies')}y"
    return many.removesuffix("es" if many.endswith("sses") else "s")
