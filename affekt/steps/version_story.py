"""Why a registered version is, or is not, the champion: what the gate decided, and what was done with it since."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.errors import AffektError
from affekt.registry import ModelVersion, Tracking
from affekt.registry.held_against import entries_in as held_in
from affekt.registry.history import Entry
from affekt.registry.history import entries_in as changes_in
from affekt.registry.models import champion_of, find, local_path
from affekt.steps.gate_outcome import GateOutcome

#: The file of a run in which the gate's step leaves what it decided.
_DECISION = "decision.json"


@dataclass(frozen=True)
class VersionStory:
    """A version, the champion of its name, the gate's decision on it, and the changes of the champion that it was in.

    ``outcome`` is None where no gate decided on the version, or its run is gone; ``run_id`` is the run that decided,
    or the one that made it.
    """

    version: ModelVersion
    champion: ModelVersion | None
    run_id: str
    outcome: GateOutcome | None
    changes: tuple[Entry, ...]

    @property
    def is_champion(self) -> bool:
        """Whether it is the champion."""
        return self.champion is not None and self.champion.version == self.version.version

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "version": self.version.to_dict(),
            "champion": None if self.champion is None else self.champion.version,
            "is_champion": self.is_champion,
            "run_id": self.run_id,
            "decision": None if self.outcome is None else self.outcome.decision.to_dict(),
            "history": [entry.to_dict() for entry in self.changes],
        }


def story_of(reference: str, tracking: Tracking) -> VersionStory:
    """What is known of a version.

    Raises:
        AffektError: there is no such version.
    """
    version = find(reference, tracking)
    tags = tracking.reader.model(version.name).tags
    held = [entry.run_id for entry in held_in(tags) if entry.version == version.version and entry.run_id]
    run_id = held[-1] if held else version.run_id
    changes = tuple(entry for entry in changes_in(tags) if version.version in (entry.version, entry.instead_of))
    outcome = _decision(tracking, run_id, version)
    return VersionStory(version, champion_of(version.name, tracking), run_id, outcome, changes)


def _decision(tracking: Tracking, run_id: str, version: ModelVersion) -> GateOutcome | None:
    """The decision that a run kept; None where it kept none on this version."""
    files = tracking.reader.files_of_run(run_id) if run_id else ""
    local = local_path(files) if files else None
    try:
        text = (local / _DECISION).read_text(encoding="utf-8") if local else _fetched(tracking, run_id) if files else ""
    except OSError:
        return None
    if not text:
        return None
    try:
        outcome = GateOutcome.from_dict(json.loads(text))
    except AffektError:
        return None
    return outcome if (outcome.name, outcome.version) == (version.name, version.version) else None


def _fetched(tracking: Tracking, run_id: str) -> str:
    """The file of the decision, from where MLflow keeps it; empty where it keeps none."""
    import mlflow.artifacts  # heavy: mlflow, which files of this machine do not need
    from mlflow.exceptions import MlflowException  # as above

    with tempfile.TemporaryDirectory(prefix="affekt-decision-") as folder:
        try:
            path = mlflow.artifacts.download_artifacts(
                run_id=run_id, artifact_path=_DECISION, dst_path=folder, tracking_uri=tracking.uri
            )
        except MlflowException:
            return ""
        return Path(path).read_text(encoding="utf-8")
