"""Puts another version of a model into a running server without losing a request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.errors import rebuilt
from affekt.serving.engines import unix_http
from affekt.serving.server import RunningServer


@dataclass(frozen=True)
class Rollout:
    """What was done: the version that answers now, those that were taken away, and how long it took."""

    version: str
    replaced: tuple[str, ...]
    seconds: float


def deploy_ensemble(ensemble: Path, server: RunningServer, *, version: str, timeout: float = 900.0) -> Rollout:
    """Put a saved ensemble into a server of this machine.

    The new version is loaded beside the old one and has to answer a trial before it becomes the default. The old one is
    taken away when it has answered all that it was asked. When anything fails before the switch, the new version is
    taken away again, and the old one has never stopped answering.

    Args:
        ensemble: folder of the ensemble.
        server: that is running.
        version: the name of the version in answers.
        timeout: seconds for all of it.

    Raises:
        AffektError: the server is not there or refuses, or the new version does not load or fails the trial.
    """
    said = manage(server, "POST", "/versions", {"version": version, "folder": str(ensemble.absolute())}, timeout)
    return Rollout(said["version"], tuple(said["replaced"]), float(said["seconds"]))


def manage(
    server: RunningServer, method: str, target: str, document: dict[str, Any] | None = None, timeout: float = 60.0
) -> dict[str, Any]:
    """What the management of a server answers.

    Raises:
        AffektError: what it refuses, or nobody is there.
    """
    body = None if document is None else json.dumps(document).encode()
    status, said = unix_http.ask(server.admin, method, target, body=body, timeout=timeout)
    if status != 200:
        error = said.get("error", {}) if isinstance(said, dict) else {}
        message = str(error.get("message") or f"the server failed ({status}); its log has the cause")
        raise rebuilt("AffektError", message, str(error.get("code", "refused")), error.get("where"))
    return dict(said)
