"""Why a registered version is, or is not, the champion: what the gate decided, and what was done with it since."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from typing import Any

from affekt.errors import AffektError
from affekt.registry import ModelVersion, Tracking
from affekt.registry.held_against import entries_in as held_in
from affekt.registry.history import Entry
from affekt.registry.history import entries_in as changes_in
from affekt.registry.models import champion_of, find
from affekt.steps.gate_outcome import GateOutcome


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
    import mlflow.artifacts  # heavy: mlflow
    from mlflow.exceptions import MlflowException  # heavy: mlflow

    if not run_id:
        return None
    with tempfile.TemporaryDirectory(prefix="affekt-decision-") as folder:
        try:
            tracking.client.get_run(run_id)  # follows a home that was moved
            path = mlflow.artifacts.download_artifacts(
                run_id=run_id, artifact_path="decision.json", dst_path=folder, tracking_uri=tracking.uri
            )
        except (MlflowException, OSError):
            return None
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  a text, not a Path
            values = json.load(file)
    try:
        outcome = GateOutcome.from_dict(values)
    except AffektError:
        return None
    return outcome if (outcome.name, outcome.version) == (version.name, version.version) else None
