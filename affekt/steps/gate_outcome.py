"""What came of the gate, as ``decision.json`` keeps it for the report and for whoever started the run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from affekt.dataset import Unit
from affekt.json_document import FLAT, JsonDocument
from affekt.registry.decision import Decision
from affekt.report.document import Evaluation
from affekt.statistics.differences import Difference, Differences


@dataclass(frozen=True)
class GateOutcome(JsonDocument):
    """The decision on a registered version, and what it was evaluated with.

    Attributes:
        decision: whether it became the champion, why, and the figures behind that.
        accuracy, accuracy_ci95: of the challenger on the reported split.
        name, version: of the challenger in the registry.
        run_id: the parent MLflow run.
        unit: what was evaluated, ``clips`` or ``images``.
    """

    decision: Decision = field(metadata=FLAT)
    accuracy: float
    accuracy_ci95: tuple[float, float]
    name: str
    version: int
    run_id: str
    unit: Unit = field(metadata={"key": "things"})

    @classmethod
    def of(cls, decision: Decision, evaluation: Evaluation, *, name: str, version: int, run_id: str) -> GateOutcome:
        """The outcome of a decision on what was evaluated."""
        found = evaluation.figures
        return cls(decision, found.accuracy, found.accuracy_ci95, name, version, run_id, evaluation.unit)

    @property
    def whole(self) -> Difference | None:
        """Challenger against champion on all that counts; None where there was no champion to compare with."""
        found = self.decision.figures
        if "difference" not in found:
            return None
        return Difference(
            found["clips"], found["accuracy_champion"], found["accuracy_challenger"],
            found["difference"], found["difference_low"], found["difference_high"],
        )  # fmt: skip

    @property
    def parts(self) -> Differences | None:
        """The same by label and by subject; None in decisions that were stored without it."""
        found = self.decision.figures.get("differences")
        return None if found is None else Differences.from_dict(found)

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(self.to_dict(), indent=2), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> GateOutcome:
        """What :meth:`write` wrote.

        Raises:
            DataError: the file holds something else.
        """
        return cls.from_dict(json.loads(path.read_text(encoding="utf-8")), str(path))
