"""One thing that was looked at: how it is, and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

OK = "ok"
#: Works, but there is something to know.
NOTE = "note"
MISSING = "missing"


@dataclass(frozen=True)
class Finding:
    """A line of ``affekt doctor``.

    Attributes:
        group: what it belongs to: versions, machine, media, weights or services.
        name: what was looked at.
        state: :data:`OK`, :data:`NOTE` or :data:`MISSING`.
        text: what was found.
        remedy: what to do; empty where there is nothing to do.
        needed: whether training and answering on this machine cannot do without.
    """

    group: str
    name: str
    state: str
    text: str
    remedy: str = ""
    needed: bool = False

    @property
    def fatal(self) -> bool:
        """Whether something is missing that is needed."""
        return self.needed and self.state == MISSING

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain values."""
        return asdict(self)
