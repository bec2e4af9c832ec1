"""What is told of a scheduled run that is over."""

from __future__ import annotations

from dataclasses import dataclass

from affekt.json_document import JsonDocument

EVENT = "schedule.run.ended"
_MARKS = {"promoted": "🏆", "refused": "⚖️", "nothing_to_do": "💤", "submitted": "🚀", "failed": "🚨"}


@dataclass(frozen=True)
class Ended(JsonDocument):
    """The body of a webhook.

    Attributes:
        event: :data:`EVENT`.
        schedule: its name.
        run: its number on that machine, or its id in Kubeflow Pipelines.
        result: of :data:`affekt.notify.recipients.RESULTS`.
        version: what was registered, ``name/7``.
        why: the main reason; of a failure only where clip names may be told.
        code: of the error.
        step: of the pipeline at which it failed.
        due: when it was to start, in UTC; ``""`` where that is not known.
        started: when it did.
        ended: when it was over.
        log: where the log is: a file of the machine, or the runs in Kubeflow and MLflow.
    """

    event: str
    schedule: str
    run: int | str
    result: str
    version: str
    why: str
    code: str
    step: str
    due: str
    started: str
    ended: str
    log: str

    def text(self) -> str:
        """The same in a few words."""
        result = f"{_MARKS.get(self.result, '')} {self.schedule}: {self.result.replace('_', ' ')}".strip()
        parts = [" ".join(part for part in (result, self.version) if part), self.why]
        if self.result == "failed":
            step = f" at the step {self.step}" if self.step else ""
            parts.append(f"{self.code or 'error'}{step}; log: {self.log}")
        return "\n".join(part for part in parts if part)
