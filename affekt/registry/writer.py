"""Changes the tags and aliases of a registered model: in place in MLflow's SQLite database, or through MLflow.

Writing in place serves the commands that change the champion, which MLflow's import would make slow.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from affekt.errors import AffektError
from affekt.registry.reader import WORKSPACE

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SET_TAG = (
    "INSERT INTO registered_model_tags (workspace, name, key, value) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (workspace, name, key) DO UPDATE SET value = excluded.value"
)
_SET_ALIAS = (
    "INSERT INTO registered_model_aliases (workspace, name, alias, version) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (workspace, name, alias) DO UPDATE SET version = excluded.version"
)
_DELETE_ALIAS = "DELETE FROM registered_model_aliases WHERE workspace = ? AND name = ? AND alias = ?"


class Writer(Protocol):
    """What can be changed of a registered model, which exists."""

    def set_tag(self, name: str, key: str, value: str) -> None:
        """Give a model a tag, or the tag another value."""

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Point an alias at a version, which exists."""

    def delete_alias(self, name: str, alias: str) -> None:
        """Take an alias away."""


class WritesThroughMlflow:
    """Any registry, changed with MLflow's client."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def set_tag(self, name: str, key: str, value: str) -> None:
        """As :meth:`Writer.set_tag`."""
        self._client.set_registered_model_tag(name, key, value)

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """As :meth:`Writer.set_alias`."""
        self._client.set_registered_model_alias(name, alias, str(version))

    def delete_alias(self, name: str, alias: str) -> None:
        """As :meth:`Writer.delete_alias`."""
        self._client.delete_registered_model_alias(name, alias)


class WritesInPlace:
    """The registry of a SQLite database that :meth:`affekt.registry.reader.InPlace.reads`."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def set_tag(self, name: str, key: str, value: str) -> None:
        """As :meth:`Writer.set_tag`."""
        self._change(_SET_TAG, name, key, value)

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """As :meth:`Writer.set_alias`."""
        self._change(_SET_ALIAS, name, alias, version)

    def delete_alias(self, name: str, alias: str) -> None:
        """As :meth:`Writer.delete_alias`."""
        self._change(_DELETE_ALIAS, name, alias)

    def _change(self, statement: str, *values: object) -> None:
        place = f"{self._database.absolute().as_uri()}?mode=rw"  # it never makes the file
        try:
            # It waits for a training that writes.
            with closing(sqlite3.connect(place, uri=True, timeout=60)) as connection, connection:
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute(statement, (WORKSPACE, *values))
        except sqlite3.Error as error:
            raise AffektError(
                f"MLflow's database cannot be written ({error}); check its permissions and those of its folder",
                code="registry_not_writable",
                where=str(self._database),
            ) from error
