"""A number and what it counts, in the singular or the plural."""

from __future__ import annotations

from collections.abc import Sequence


def counted(count: int, many: str) -> str:
    """``1 clip``, ``2 clips``; ``1 person``, ``1,298 labelled copies``.

    Args:
        count: how many.
        many: the plural; its last word is the noun.
    """
    return f"{count:,} {_one(many) if count == 1 else many}"


def of_whom(units: int, subjects: int, unnamed: int, unit: str = "clips", kind: str = "people") -> str:
    """``80 clips of 2 people``; ``80 clips, 48 of them of 2 people`` where the others name nobody; ``80 clips``.

    Args:
        units: clips, or images.
        subjects: whom they name.
        unnamed: of the clips those that name nobody.
        unit: the plural of what there is.
        kind: the plural of who is named.
    """
    if not subjects:
        return counted(units, unit)
    some = f", {units - unnamed:,} of them" if unnamed else ""
    return f"{counted(units, unit)}{some} of {counted(subjects, kind)}"


def there_are(names: Sequence[str]) -> str:
    """``there is a``, ``there are a, b``; one or more names."""
    return f"there {'is' if len(names) == 1 else 'are'} {', '.join(names)}"


def _one(many: str) -> str:
    if many.endswith("people"):
        return f"{many.removesuffix('people')}person"
    if many.endswith("ies"):
        return f"{many.removesuffix('ies')}y"
    return many.removesuffix("es" if many.endswith("sses") else "s")
