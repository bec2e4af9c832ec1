"""The folder under which affekt keeps its state: runs, registry, prepared clips, logs."""

from __future__ import annotations

import os
from pathlib import Path

from affekt.errors import DataError


def home() -> Path:
    """The absolute path of ``AFFEKT_HOME``, or of ``.affekt`` below the current folder; made where it is missing.

    Raises:
        DataError: the folder cannot be made, or a file stands in its place.
    """
    folder = Path(os.environ.get("AFFEKT_HOME") or ".affekt").expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot make this folder ({error.strerror}); name a writable one in AFFEKT_HOME",
            code="no_home",
            where=str(folder),
        ) from error
    return folder
