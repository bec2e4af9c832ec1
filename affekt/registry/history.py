"""What became of a model's champions, entry by entry: who changed it, when, why, and in whose place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from affekt.json_document import JsonDocument
from affekt.owner import current_user
from affekt.registry.tracking import Tracking

_ENTRY = "affekt.history."
#: MLflow's limit of a tag's value is 5000 characters.
_LONGEST_REASON = 3000


@dataclass(frozen=True)
class Entry(JsonDocument):
    """One change of the champion.

    Attributes:
        when: UTC, ISO 8601.
        who: the user.
        action: ``gate``, ``promote``, ``rollback``, or ``elsewhere`` where the alias was moved in MLflow itself.
        version: the champion since.
        instead_of: the champion before; None for the first.
        reason: in words.
        run_id: the run whose gate decided, else ``""``.
    """

    when: str
    who: str
    action: str
    version: int
    instead_of: int | None
    reason: str = ""
    run_id: str = ""

    @classmethod
    def here(cls, action: str, version: int, instead_of: int | None, reason: str = "", run_id: str = "") -> Entry:
        """An entry of this moment and this user."""
        when = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(when, current_user(), action, version, instead_of, reason, run_id)


def read_history(tracking: Tracking, name: str) -> list[Entry]:
    """All entries of a registered model, the oldest first.

    Champions from before entries were written, and aliases that were moved in MLflow's own pages, have none.
    """
    return entries_in(tracking.reader.model(name).tags)


def entries_in(tags: Mapping[str, str]) -> list[Entry]:
    """The entries among the tags of a registered model."""
    kept = sorted((key, value) for key, value in tags.items() if key.startswith(_ENTRY))
    return [Entry.from_dict(json.loads(value), key) for key, value in kept]


def append(tracking: Tracking, name: str, entry: Entry) -> None:
    """Add an entry; whoever calls it holds the model's lease. No entry is ever changed or taken away."""
    tags = tracking.reader.model(name).tags
    number = 1 + max((int(key.removeprefix(_ENTRY)) for key in tags if key.startswith(_ENTRY)), default=0)
    short = replace(entry, reason=entry.reason[:_LONGEST_REASON])
    tracking.writer.set_tag(name, f"{_ENTRY}{number:06d}", json.dumps(short.to_dict()))
