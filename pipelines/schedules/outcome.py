"""What came of a scheduled run, from the JSON document with which its training ended."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from affekt.json_document import JsonDocument
from affekt.notify import EVENT, Ended
from affekt.pipelines.schedules.state import Run
from affekt.storage import secrets_hidden

#: How the local runner says at which step a run failed.
_STEP = re.compile(r"\(step (.+?); the whole log: ")


@dataclass(frozen=True)
class Outcome(JsonDocument):
    """What came of a run.

    Attributes:
        result: ``promoted``, ``refused`` (by the gate), ``nothing_to_do``, ``submitted`` (to a cluster) or ``failed``.
        why: the main reason, or the error's sentence.
        version: what was registered, ``name/7``; ``""`` where nothing was.
        code: of the error; ``""`` without one.
        step: of the pipeline at which it failed; ``""`` where it did before.
    """

    result: str
    why: str
    version: str = ""
    code: str = ""
    step: str = ""

    @classmethod
    def of(cls, document: Mapping[str, Any] | None, exit_code: int) -> Outcome:
        """From the document of ``affekt train --json`` and its exit code."""
        found = document or {}
        error = found.get("error")
        if isinstance(error, Mapping):
            where = f"{error['where']}: " if error.get("where") else ""
            step = _STEP.search(str(error.get("message", "")))
            return cls(
                "failed",
                f"{where}{error.get('message', '')}",
                code=str(error.get("code", "")),
                step=step[1] if step else "",
            )
        if exit_code or not found:
            return cls("failed", f"it ended with exit code {exit_code} and says nothing", code="no_document")
        if found.get("trains") is False:
            return cls("nothing_to_do", str(found.get("why", "")))
        if "url" in found:
            return cls("submitted", f"run {found.get('run_id', '')}: {found['url']}")
        reasons = found.get("reasons") or [""]
        version = f"{found.get('name', '')}/{found.get('version', '')}"
        return cls("promoted" if found.get("promoted") else "refused", str(reasons[0]), version)

    def sentence(self) -> str:
        """The result and why, in one line."""
        said, why = self.result.replace("_", " "), self.why.partition("\n")[0]
        if why.startswith(said):
            return why
        return ": ".join(part for part in (f"{said} {self.version}".strip(), why) if part)

    def ended(self, run: Run, log: str, *, clip_names: bool) -> Ended:
        """What is told of a run with this outcome.

        Args:
            run: of this machine.
            log: where its log is.
            clip_names: whether the sentence of an error is told, which may name clips.
        """
        why = "" if self.result == "failed" and not clip_names else secrets_hidden(self.why.partition("\n")[0])
        return Ended(
            EVENT, run.name, run.id, self.result, self.version, why, self.code, self.step, run.due, run.started,
            run.ended, log,
        )  # fmt: skip
