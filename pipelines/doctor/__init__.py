"""What this machine and this installation offer for a training and its answers, and how to get what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from affekt.errors import as_affekt_error
from affekt.pipelines.doctor import machine, media, services, versions, weights
from affekt.pipelines.doctor.finding import MISSING, NOTE, OK, Finding

__all__ = ["MISSING", "NOTE", "OK", "Finding", "examine"]

#: Each further group of findings, and what finds them.
_GROUPS: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
    ("machine", machine.findings),
    ("media", media.findings),
    ("weights", weights.findings),
    ("services", services.findings),
)


def examine(*, imports: bool = False) -> Iterator[Finding]:
    """Look at everything, and give each finding once it is known; nothing is left behind, no secret is in a finding.

    What cannot be examined is a finding as well.

    Args:
        imports: whether each package is imported as well.
    """
    packages: tuple[str, Callable[[], Iterator[Finding]]] = ("versions", partial(versions.findings, imports=imports))
    for group, findings in (packages, *_GROUPS):
        try:
            yield from findings()
        except Exception as error:
            yield Finding(group, group, MISSING, str(as_affekt_error(error)), needed=True)
