"""Which challengers were held against which champion: entries that are only ever added, from which a budget follows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from affekt.json_document import JsonDocument
from affekt.registry.lease import held
from affekt.registry.spending import Level, Spending
from affekt.registry.tracking import Tracking

_ENTRY = "affekt.decision."


@dataclass(frozen=True)
class HeldAgainst(JsonDocument):
    """One challenger that was held against a champion, or against chance.

    Attributes:
        when: UTC, ISO 8601.
        version: the challenger.
        champion: whom it was held against; None where there was none.
        number: as which challenger of that champion, from 1.
        chance: of a false promotion that this spent.
        run_id: the run whose gate it was, else ``""``.
    """

    when: str
    version: int
    champion: int | None
    number: int
    chance: float
    run_id: str = ""


def entries_in(tags: Mapping[str, str]) -> list[HeldAgainst]:
    """The entries among the tags of a registered model, the oldest first."""
    kept = sorted((key, value) for key, value in tags.items() if key.startswith(_ENTRY))
    return [HeldAgainst.from_dict(json.loads(value), key) for key, value in kept]


def next_level(tags: Mapping[str, str], champion: int | None, rule: Spending, *, version: int | None = None) -> Level:
    """What the next challenger of a champion may spend; a version that was held against it before has its number."""
    known = [entry for entry in entries_in(tags) if entry.champion == champion]
    same = [entry.number for entry in known if entry.version == version]
    return rule.level(same[0] if same else 1 + max((entry.number for entry in known), default=0))


def spend(
    tracking: Tracking, name: str, version: int, champion: int | None, rule: Spending, *, run_id: str = ""
) -> Level:
    """Take the next number among the challengers of a champion, before its answers are looked at.

    Two gates at once get two numbers. A gate that is tried again gets the number that it had: it is the same question.

    Args:
        tracking: where the models are registered.
        name: of the model.
        version: the challenger.
        champion: whom it is held against; None where there is none.
        rule: how much each number may spend.
        run_id: the run that asks, for the entry.

    Raises:
        AffektError: others held the lease of the model all the time.
    """
    with held(tracking, name) as check:
        tags: dict[str, str] = tracking.client.get_registered_model(name).tags
        level = next_level(tags, champion, rule, version=version)
        known = entries_in(tags)
        if any(entry.version == version and entry.champion == champion for entry in known):
            return level
        when = datetime.now(UTC).isoformat(timespec="seconds")
        entry = HeldAgainst(when, version, champion, level.number, level.chance, run_id)
        check()
        tracking.client.set_registered_model_tag(name, f"{_ENTRY}{len(known) + 1:06d}", json.dumps(entry.to_dict()))
    return level
