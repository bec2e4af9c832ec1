"""A server that runs on this machine, as the home that it was started with remembers it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class RunningServer:
    """What others on this machine need to know of a server.

    Attributes:
        url: base of its addresses.
        admin: the socket at which it is managed.
        name: of its model.
        process: id of the process that keeps the server.
    """

    url: str
    admin: Path
    name: str
    process: int


def find_server(url: str, home: Path) -> RunningServer | None:
    """The server of this machine that answers at ``url`` and was started with this home; None when there is none.

    A home that was renamed meanwhile is the same; a copy of it is not.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        said = json.loads((home / "serving" / f"{parts.port}.json").read_text(encoding="utf-8"))
        os.kill(int(said["process"]), 0)
        if said.get("home", _identity(home)) != _identity(home):
            return None
        return RunningServer(said["url"], Path(said["admin"]), said["name"], int(said["process"]))
    except (OSError, ValueError, KeyError):
        return None


def remember(server: RunningServer, file: Path) -> None:
    """Write down a server for :func:`find_server`, in the folder ``serving`` of its home."""
    file.parent.mkdir(parents=True, exist_ok=True)
    said = {key: str(value) for key, value in asdict(server).items()}
    said["home"] = _identity(file.parent.parent)
    file.write_text(json.dumps(said), encoding="utf-8")


def _identity(folder: Path) -> str:
    """Tells a folder from its copies, and stays when it is renamed."""
    found = folder.stat()
    return f"{found.st_dev}:{found.st_ino}"
