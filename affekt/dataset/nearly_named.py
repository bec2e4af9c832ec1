"""Files that a table names nearly: in other letters, with another ending, or in another folder."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

#: Files of a folder that are looked at; where there are more, none is guessed.
_MOST = 100_000


def nearly_named(missing: Iterable[str], folder: str) -> Mapping[str, str]:
    """Of files that are not there the one below a folder whose name is the same but for how it is written.

    Args:
        missing: paths of files, perhaps of another system.
        folder: on this disk, of the table that names them.
    """
    wanted: dict[str, list[str]] = {}
    for path in missing:
        wanted.setdefault(_plain(path.replace("\\", "/")), []).append(path)
    there: dict[str, list[str]] = {}
    seen = 0
    for place, _, names in os.walk(folder) if wanted else ():
        seen += len(names)
        if seen > _MOST:
            return {}
        for name in names:
            if (plain := _plain(name)) in wanted:
                there.setdefault(plain, []).append(Path(place, name).relative_to(folder).as_posix())
    return {path: found[0] for plain, found in there.items() if len(found) == 1 for path in wanted[plain]}


def _plain(path: str) -> str:
    """The name of a file without its ending, its capitals and how its blanks and accents are written."""
    name = unicodedata.normalize("NFKC", unquote(PurePosixPath(path).name)).casefold()
    stem = re.sub(r"\.[^\W_]{2,5}$", "", name)
    return re.sub(r"[\s_]+", " ", stem).strip()
