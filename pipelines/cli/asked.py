"""The model that a command asks about files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.answering_pool import FEWEST_FILES
from affekt.errors import AffektError, MediaError, as_affekt_error
from affekt.pipelines.cli.parser import model_meant
from affekt.progress import told_when_slow
from affekt.storage import is_remote

if TYPE_CHECKING:
    from affekt.ensemble import Ensemble

DEFAULT = "affekt@champion"


def absent(name: str) -> AffektError | None:
    """Why a file of this machine cannot be there, or is not."""
    try:
        if is_remote(name) or Path(name).exists():
            return None
    except OSError as error:
        return as_affekt_error(error)
    remedy = ", or ".join(filter(None, ["check the path", model_meant([name])]))
    return MediaError(f"there is no such file; {remedy}", code="missing", where=name)


def loaded(ref: str, *, overrides: Sequence[str] = (), files: int = 1) -> Ensemble:
    """An ensemble by its reference.

    Args:
        ref: registered, or a folder.
        overrides: other limits on media files.
        files: that it will be asked about together; with enough of them only other processes read its members.

    Raises:
        AffektError: there is none, or it is damaged.
    """
    # Threads that wait for work of a few milliseconds would spin, and take as much time as the work itself. It is read
    # when PyTorch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with told_when_slow(f"loading {ref}"):
        ensemble = _loaded(ref, files)
        return ensemble.with_limits(overrides) if overrides else ensemble


def _loaded(ref: str, files: int) -> Ensemble:
    from affekt.ensemble import Ensemble, is_ensemble  # PyTorch, which a server's answer does not need

    folder = Path(ref).expanduser()
    if not is_ensemble(folder):
        from affekt.registry import Tracking, resolve  # MLflow, which a folder does not need

        folder = resolve(ref, Tracking())
    return Ensemble.load(folder, later=files >= FEWEST_FILES)
