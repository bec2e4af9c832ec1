"""How sure a decision must be: a chance of a false promotion that all challengers of one champion share.

Alpha spending with renewal (Foster and Stine, 2008): each champion has a budget, the chance that a challenger that is
no better takes its place, and each challenger that is held against it spends a share. A new champion has a new budget.
By the sum of the shares the bound holds however the decisions depend on each other, and they do: the same clips, the
same champion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

#: Steeper helps the first challengers, flatter the last ones. With this, on 20 people of 18 clips each, the first finds
#: a gain of 11.5 points 80 times of 100 (11 if it were the only one), the tenth 16.5, the last 19.5.
_STEEPNESS = 1.3


@dataclass(frozen=True)
class Level:
    """What one decision may spend.

    Attributes:
        chance: that a challenger that is no better is promoted (one-sided).
        number: as which challenger of this champion, from 1; 0 where nobody counts.
        budget: the chance that all of them share.
        period: how many share it.
    """

    chance: float
    number: int = 0
    budget: float = 1.0
    period: int = 1

    @property
    def confidence(self) -> float:
        """Of the two-sided interval whose lower end is wrong with this chance."""
        return 1 - 2 * self.chance

    @property
    def figures(self) -> dict[str, Any]:
        """As a decision keeps them; nothing where nobody counts."""
        return {"level": self.chance, "number": self.number} if self.number else {}

    def told(self, *, first: bool) -> list[str]:
        """What was spent of which budget, in a sentence; nothing where there is none."""
        if not self.number or self.budget >= 1:
            return []
        whom = "without a champion" if first else "of this champion"
        return [
            f"It is challenger {self.number} {whom}. Were it no better, it would win by chance in at most "
            f"{100 * self.chance:.2g} of 100 cases, any of {self.period} such in a row in {100 * self.budget:.2g} "
            "(gate.false_promotions)."
        ]


@dataclass(frozen=True)
class Spending:
    """The rule; each value is the setting of that name in the group ``gate``.

    Attributes:
        confidence: of one decision at least, two-sided.
        false_promotions: the budget: the chance that any of ``decisions`` challengers that are no better is promoted
            in the place of one champion. 1 asks for ``confidence`` alone.
        decisions: so many in a row share the budget. The n-th has a share in proportion to ``n ** -1.3``, the next ones
            begin anew, so any ``decisions`` in a row spend the budget once.
    """

    confidence: float = 0.9
    false_promotions: float = 1.0
    decisions: int = 52

    def level(self, number: int) -> Level:
        """What the ``number``-th challenger of a champion may spend, counted from 1."""
        alone = (1 - self.confidence) / 2
        if self.false_promotions >= 1:
            return Level(alone, number)
        place = (number - 1) % self.decisions + 1
        shares = np.arange(1, self.decisions + 1) ** -_STEEPNESS
        share = float(shares[place - 1] / shares.sum())
        return Level(min(alone, self.false_promotions * share), number, self.false_promotions, self.decisions)
