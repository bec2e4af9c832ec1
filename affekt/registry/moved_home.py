"""A home that was moved, renamed or copied: the addresses of artifacts in its MLflow database follow the database.

MLflow stores the place of each artifact as an absolute address. In a database below another folder than the one that it
was made in they would lead to the old place: gone after a move, and another home's files after a copy.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

logger = logging.getLogger(__name__)

#: The folder of artifacts beside the database.
ARTIFACTS = "mlartifacts"
#: Where MLflow keeps addresses.
_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def follow(database: Path) -> list[str]:
    """Let the addresses of artifacts that lay beside a SQLite database lead to where they lie beside it at present.

    Addresses elsewhere, such as S3, stay. Another process must not do the same at the same time.

    Args:
        database: of MLflow, with its tables.

    Returns:
        The folders whose addresses were changed; mostly none.
    """
    here = (database.parent / ARTIFACTS).as_uri()
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        known = connection.execute(
            "SELECT DISTINCT artifact_location FROM experiments WHERE artifact_location LIKE ?",
            (f"file:%/{ARTIFACTS}",),
        )
        before = [str(place) for (place,) in known if place != here and not _same(str(place), here)]
        for place in before:
            for table, column in _COLUMNS:
                # Neither name comes from outside.
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (here, len(place) + 1, place, len(place) + 1, f"{place}/"),
                )
            logger.info("the artifacts of %s are looked for in %s, beside the database", place, here)
    return before


def _same(one: str, other: str) -> bool:
    """Whether two addresses are of the same folder, by a link or another name of its disk."""
    try:
        return Path(unquote(urlsplit(one).path)).samefile(unquote(urlsplit(other).path))
    except OSError:
        return False
