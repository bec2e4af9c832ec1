"""An ensemble's folder as it is opened: its manifest, settings and fusions, and its members, once they are needed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from affekt.ensemble.assembly import require_extensions
from affekt.ensemble.fusions import Fusions
from affekt.ensemble.manifest import read_manifest
from affekt.media.prepared import PREPARATION
from affekt.models.engine import INFERENCE
from affekt.models.members import Members
from affekt.settings import Settings, settings_of_stored

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """What an ensemble's folder holds.

    Attributes:
        manifest: checked against the folder's files.
        settings: of the training.
        members: reads them at its first call, and gives the same ones ever after.
        fusions: of their answers.
    """

    manifest: Mapping[str, Any]
    settings: Settings
    members: Callable[[], Members]
    fusions: Fusions

    @classmethod
    def of(cls, folder: Path, inference: str = "", precision: str = "auto") -> Opened:
        """Open a folder that :func:`affekt.ensemble.assemble` wrote.

        Args:
            folder: of the ensemble.
            inference: what computes networks; by default what the environment says
                (:data:`affekt.models.engine.INFERENCE`), or the settings.
            precision: as for :meth:`Members.load`.

        Raises:
            DataError: it is not an ensemble, a file is missing or does not match its digest, or a package is not
                installed with which it was trained.
        """
        manifest = read_manifest(folder)
        require_extensions(manifest, str(folder))
        settings = settings_of_stored(manifest["settings"])
        if manifest.get("preparation", 0) != PREPARATION:
            logger.warning(
                "%s learned from clips that another version of affekt prepared; some it sees or hears otherwise now "
                "than in its training (films of high dynamic range, late or several sounds, knocks and others): train "
                "again to even that out",
                folder.name,
            )
        folders = {name: folder / "members" / name for name in manifest["members"]}
        inference = inference or os.environ.get(INFERENCE) or settings.inference
        packages = manifest.get("offered_by")
        members = cache(partial(Members.load, folders, precision=precision, inference=inference, packages=packages))
        return cls(manifest, settings, members, Fusions.load(folder, manifest))
