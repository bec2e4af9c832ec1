"""Puts another version of a model into a running server without losing a request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.ensemble.carried import TOLERANCE, trials_in
from affekt.errors import AffektError, rebuilt
from affekt.serving.engines import unix_http
from affekt.serving.running import RunningServer

if TYPE_CHECKING:
    from affekt.ensemble import Ensemble

#: A clip with its expected answer, as plain JSON values.
Trial = dict[str, Any]


@dataclass(frozen=True)
class Rollout:
    """What was done: the version that answers now, those that were taken away, and how long it took."""

    version: str
    replaced: tuple[str, ...]
    seconds: float


def deploy_ensemble(
    ensemble: Path,
    server: RunningServer,
    *,
    version: str,
    trials: Sequence[Trial] = (),
    timeout: float = 900.0,
) -> Rollout:
    """Put a saved ensemble into a server of this machine.

    The new version is loaded beside the old one and has to answer the trials as expected before it becomes the default.
    The old one stays until the new one has been watched, and comes back where that fails or is slow. When something is
    wrong before the switch, the new version is taken away again, and the old one has never stopped answering.

    Args:
        ensemble: folder of the ensemble.
        server: that is running.
        version: the name of the version in answers.
        trials: clips with their expected answers (:func:`trial_of`).
        timeout: seconds for all of it.

    Raises:
        AffektError: the server is not there or refuses, or the new version does not load or fails a trial.
    """
    said = manage(server, "POST", "/versions", _asked(ensemble, version, trials), timeout)
    return Rollout(said["version"], tuple(said["replaced"]), float(said["seconds"]))


def begin_trial(
    ensemble: Path,
    server: RunningServer,
    *,
    version: str,
    percent: float = 0.0,
    shadow: bool = False,
    trials: Sequence[Trial] = (),
    timeout: float = 900.0,
) -> dict[str, Any]:
    """Send a version a share of the requests, or copies of them whose answers are only compared; the server's status.

    Args:
        ensemble: as for :func:`deploy_ensemble`, and the errors too.
        server: likewise.
        version: likewise.
        percent: of the callers, who stay with it; 0 for a shadow.
        shadow: copies alone.
        trials: as above.
        timeout: likewise.
    """
    asked = {**_asked(ensemble, version, trials), "canary": percent, "shadow": shadow}
    return manage(server, "POST", "/versions", asked, timeout)


def trial_of(loaded: Ensemble, clip: Path) -> Trial:
    """A clip with the answer of this process."""
    from affekt.ensemble.trials import answer_of  # PyTorch, which the management of a server needs not

    return {"clip": str(clip.absolute()), "expected": answer_of(loaded, clip)}


def carried_trials(ensemble: Path, *, checked: bool = True) -> list[Trial]:
    """The clips that an ensemble carries, with its answers where it was trained.

    Args:
        ensemble: its folder.
        checked: as :func:`affekt.ensemble.carried.trials_in`.

    Raises:
        DataError: the folder is no ensemble, or it is damaged.
    """
    return [
        {"clip": str(each.clip.absolute()), "expected": dict(each.expected), "tolerance": TOLERANCE}
        for each in trials_in(ensemble, checked=checked)
    ]


def _asked(ensemble: Path, version: str, trials: Sequence[Trial]) -> dict[str, Any]:
    return {"version": version, "folder": str(ensemble.absolute()), "trials": list(trials)}


def manage(
    server: RunningServer, method: str, target: str, document: dict[str, Any] | None = None, timeout: float = 60.0
) -> dict[str, Any]:
    """What the management of a server answers.

    Raises:
        AffektError: what it refuses, or nobody is there.
    """
    body = None if document is None else json.dumps(document).encode()
    try:
        status, said = unix_http.ask(server.admin, method, target, body=body, timeout=timeout)
    except AffektError as away:
        if away.code != "unreachable":
            raise
        raise AffektError(
            "the server that was started there does not answer, it may have ended; start one with affekt serve",
            code="no_server",
            where=server.url,
        ) from away
    if status != 200:
        error = said.get("error", {}) if isinstance(said, dict) else {}
        message = str(error.get("message") or f"the server failed ({status}); its log has the cause")
        raise rebuilt("AffektError", message, str(error.get("code", "refused")), error.get("where"))
    return dict(said)
