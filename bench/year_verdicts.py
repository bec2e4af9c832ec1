"""What became of a week, and whether that is as it should be."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from year_plan import Week

from affekt.registry.history import Entry

#: A better recipe must be champion after so many weeks.
PATIENCE = 8


@dataclass
class Outcome:
    """What became of a week."""

    week: Week
    before: int | None
    after: int | None = None
    versions: list[int] = field(default_factory=list)
    decision: dict[str, Any] = field(default_factory=dict)
    refused: str = ""
    right: bool = False
    note: str = ""
    later: str = ""

    @property
    def promoted(self) -> bool:
        """Whether a version of this week became the champion."""
        return self.after != self.before


def as_it_should_be(outcome: Outcome, done: list[Outcome], history: Sequence[Entry]) -> bool:
    """Whether the decision was as it should be; a better recipe is looked at again at the end.

    Args:
        outcome: of the week.
        done: the weeks before it.
        history: every change of the champion.
    """
    this, decision = outcome.week, outcome.decision
    new, held = len(outcome.versions), not outcome.promoted
    match this.kind:
        case "first":
            return outcome.promoted and new == 1
        case "identical":
            return held and new == 0 and decision.get("version") == done[-1].decision.get("version")
        case "copies":
            return held and new == 0 and outcome.refused == "duplicate_across_splits"
        case "moved":
            return held and new == 1 and decision.get("judged") is False
        case "shuffled" | "collapsed":
            return held and new == 1 and not outcome.refused
        case "two at once":
            one_after_the_other = all(b.instead_of == a.version for a, b in itertools.pairwise(history))
            return new == 2 and not outcome.refused and one_after_the_other
    # With the recipe and the people of the champion nothing can have got better.
    reign = {one.after: one.week for one in done if one.promoted}.get(outcome.before)
    same = reign is not None and (reign.recipe, reign.people[0]) == (this.recipe, this.people[0])
    return new == 1 and not outcome.refused and (held or not same)


def better_recipes(done: list[Outcome]) -> None:
    """A better recipe must have become champion soon after it came."""
    for outcome in done:
        if outcome.week.kind in ("better recipe", "rolled back"):
            at = outcome.week.number
            soon = [
                one for one in done
                if at <= one.week.number < at + PATIENCE and one.promoted and one.week.recipe == outcome.week.recipe
            ]  # fmt: skip
            outcome.right = bool(soon)
            outcome.later = f" champion in week {soon[0].week.number}" if soon else " not found"
