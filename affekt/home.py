"""The folder under which affekt keeps its state: runs, registry, prepared clips, logs."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from affekt.errors import DataError

#: Variable that names a folder where the processes of a run leave for each other what one has worked out; it goes away
#: with the run.
SHARED = "AFFEKT_SHARED"
#: Longest path of a temporary folder, in bytes: programs put sockets into it, whose paths end at 107.
_LONGEST = 70
#: Where temporary folders may lie as well, where the path of the person's own is too long.
_SHORT = ("/tmp", "/var/tmp")


def home() -> Path:
    """The absolute path of ``AFFEKT_HOME``, or of ``.affekt`` below the current folder; made where it is missing.

    Raises:
        DataError: the folder cannot be made, or a file stands in its place.
    """
    folder = state_folder()
    try:
        # Runs, clips of people and logs are nobody else's; one that is there already keeps what its owner chose.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot make this folder ({error.strerror}); name a writable one in AFFEKT_HOME",
            code="no_home",
            where=str(folder),
        ) from error
    return folder


def folder_for_sockets(prefix: str) -> Path:
    """Make an empty temporary folder whose path is short enough for sockets in it.

    It lies in ``TMPDIR``, or in the system's where that has too long a path.

    Raises:
        DataError: there is none with a short path that may be written to.
    """
    for above in (tempfile.gettempdir(), *_SHORT):
        if len(os.fsencode(above)) + len(prefix) + 10 <= _LONGEST and os.access(above, os.W_OK | os.X_OK):
            return Path(tempfile.mkdtemp(prefix=prefix, dir=above))
    raise DataError(
        f"the path of this temporary folder has more than {_LONGEST} bytes, too many for sockets; name a shorter one "
        "in TMPDIR", code="no_home", where=tempfile.gettempdir(),
    )  # fmt: skip


def state_folder() -> Path:
    """The path of :func:`home`; nothing is made."""
    return Path(os.environ.get("AFFEKT_HOME") or ".affekt").expanduser().absolute()


def caches() -> dict[str, str]:
    """Environment variables that keep the caches of libraries below :func:`home` instead of the person's own folders.

    A variable that is set already stays. Nothing is made here.
    """
    folder = state_folder() / "cache"
    wanted = {
        "MPLCONFIGDIR": folder / "matplotlib",
        "XDG_CACHE_HOME": folder,
        "XDG_CONFIG_HOME": folder / "config",
    }
    return {name: os.environ.get(name) or str(path) for name, path in wanted.items()}


@contextlib.contextmanager
def private_folders(folder: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A temporary folder for the processes of a run, which is removed with all that they leave in it.

    Args:
        folder: the run's; where its path is too long for sockets, the temporary folder lies among the system's.

    Yields:
        The temporary folder, and the environment variables that make processes use it, :data:`SHARED` and
        :func:`caches`.
    """
    temporary = folder / "tmp"
    if len(os.fsencode(temporary)) > _LONGEST:
        temporary = folder_for_sockets("affekt-")
    else:
        temporary.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary, {"TMPDIR": str(temporary), SHARED: str(temporary / "shared"), **caches()}
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
