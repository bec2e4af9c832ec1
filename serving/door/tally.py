"""How a version does: what is counted of its requests, and of copies of others' that are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

#: Answers of which the time is kept, and requests that failed of which the id is.
_KEPT = 200


@dataclass
class Tally:
    """The requests of a version. One that failed may be sent again under its id, which is another attempt of it.

    Attributes:
        count: attempts that were answered, with whatever.
        failed: of them through the server's fault.
        again: of them those after a failed one of the same request.
        lost: requests of which the last attempt failed.
        seconds: of the last answers, with the time in the line.
        worked: of the last plain answers, without it.
    """

    count: int = 0
    failed: int = 0
    again: int = 0
    lost: int = 0
    seconds: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)
    _failing: dict[str, None] = field(default_factory=dict)

    def add(self, seconds: float, worked: float | None, *, failed: bool, request: str = "") -> None:
        """Count an attempt of a request of that id.

        Args:
            seconds: it took.
            worked: of them by a worker; None where that was no plain answer.
            failed: through the server's fault.
            request: its id.
        """
        again = request in self._failing
        self.count += 1
        self.failed += failed
        self.again += again
        self.lost += failed - again
        self._failing.pop(request, None)
        if failed and request:
            self._failing[request] = None
            if len(self._failing) > _KEPT:
                del self._failing[next(iter(self._failing))]
        self.seconds = [*self.seconds[-_KEPT + 1 :], seconds]
        if worked is not None:
            self.worked = [*self.worked[-_KEPT + 1 :], worked]

    def forget(self) -> None:
        """Begin anew."""
        self.count = self.failed = self.again = self.lost = 0
        self.seconds, self.worked, self._failing = [], [], {}

    @property
    def usual(self) -> float:
        """Seconds that a worker takes for a plain answer, the median of the last."""
        return median(self.worked) if self.worked else 0.0

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        ordered = sorted(self.seconds)
        p50, p95 = (ordered[int(share * (len(ordered) - 1))] if ordered else None for share in (0.5, 0.95))
        told = {"requests": self.count - self.again, "failed": self.lost, "again": self.again}
        return {**told, "p50_seconds": p50, "p95_seconds": p95}


@dataclass
class Comparison:
    """The answers of a shadow beside those that clients got.

    Attributes:
        count: pairs of answers.
        agreed: of them with one label, or one error.
        shift: the sum of the largest differences of a probability.
        largest: of those.
        passed_over: copies that were not made, since the shadow was busy.
    """

    count: int = 0
    agreed: int = 0
    shift: float = 0.0
    largest: float = 0.0
    passed_over: int = 0

    def add(self, answer: Mapping[str, Any], shadow: Mapping[str, Any]) -> tuple[bool, float | None]:
        """Count a pair: whether they agree, and the largest difference of a probability where both have some."""
        self.count += 1
        if "error" in answer or "error" in shadow:
            agree = answer.get("error", {}).get("code") == shadow.get("error", {}).get("code")
            self.agreed += agree
            return agree, None
        agree = answer["label"] == shadow["label"]
        self.agreed += agree
        mine, theirs = answer["probabilities"], shadow["probabilities"]
        difference = max(abs(mine[label] - theirs.get(label, 0.0)) for label in mine)
        self.shift += difference
        self.largest = max(self.largest, difference)
        return agree, difference

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "requests": self.count,
            "agreement": self.agreed / self.count if self.count else None,
            "mean_shift": self.shift / self.count if self.count else None,
            "largest_shift": self.largest,
            "passed_over": self.passed_over,
        }
