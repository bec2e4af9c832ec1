"""Files that a person names for a command to write: tried before the work, written after the figures are shown."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from affekt.errors import as_affekt_error, naming
from affekt.storage import appearing, require_folder_of


def check_output(name: str) -> None:
    """Try whether a file can be written, and leave everything as it was.

    Raises:
        DataError: its folder is not there.
        OSError: it cannot.
    """
    require_folder_of(name)
    path = Path(name)
    new = not path.exists()
    if new and path.is_symlink():
        path = Path(os.path.realpath(path))  # the link itself stays
    if not new and not path.is_file() and not path.is_dir():
        return  # a pipe or a device: to open it may wait, or be heard
    with path.open("a"):
        pass
    if new:
        path.unlink()


@contextlib.contextmanager
def figures_kept(failed: dict[str, Any]) -> Iterator[None]:
    """Within it, a file that cannot be written is told, and does not keep the one JSON document from being printed.

    Args:
        failed: gets the key ``error``, for that document.
    """
    try:
        yield
    except OSError as error:
        found = as_affekt_error(error)
        print(f"affekt: {found}", file=sys.stderr)
        failed["error"] = found.to_dict()


def write_output(name: str, text: str) -> None:
    """Write the file, whole or not at all.

    Raises:
        OSError: it cannot be written; it names the file.
    """
    with naming(name), appearing(name) as part:
        part.write_text(text, encoding="utf-8")
