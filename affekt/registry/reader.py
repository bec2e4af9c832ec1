"""Reads what is registered: in place from MLflow's SQLite database, or through MLflow, whose import takes seconds.

Reading in place serves commands that only look: a list, a history, the folder of a champion.
:mod:`affekt.registry.writer` changes the champion in the same way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: The revision of MLflow's tables that is read in place; databases of any other are read through MLflow.
REVISION = "dc11669786a5"
#: How MLflow marks a version that was deleted, and whose row stays.
_DELETED = "Deleted_Internal"
#: The one of an MLflow database without workspaces.
WORKSPACE = "default"


@dataclass(frozen=True)
class Model:
    """A registered model: its aliases with the version that each names, and its tags."""

    name: str
    aliases: dict[str, str]
    tags: dict[str, str]


@dataclass(frozen=True)
class Version:
    """A version of a registered model; ``creation_timestamp`` is in milliseconds since 1970."""

    name: str
    version: int
    creation_timestamp: int
    run_id: str
    tags: dict[str, str]


class Reader(Protocol):
    """What can be asked of a registry."""

    def names(self) -> list[str]:
        """All registered models."""

    def model(self, name: str) -> Model:
        """A registered model, which must be there."""

    def versions(self, name: str) -> list[Version]:
        """All versions of a model, in no order."""

    def location(self, name: str, version: int) -> str:
        """The address of a version's files."""

    def files_of_run(self, run_id: str) -> str:
        """The address of a run's files; empty where there is no such run."""


class ThroughMlflow:
    """Any registry, asked with MLflow's client."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def names(self) -> list[str]:
        """All registered models."""
        return [model.name for model in self._client.search_registered_models()]

    def model(self, name: str) -> Model:
        """A registered model."""
        found = self._client.get_registered_model(name)
        return Model(name, {alias: str(number) for alias, number in found.aliases.items()}, dict(found.tags))

    def versions(self, name: str) -> list[Version]:
        """All versions of a model."""
        return [
            Version(name, int(item.version), item.creation_timestamp, item.run_id or "", dict(item.tags))
            for item in self._client.search_model_versions(f"name='{name}'")
        ]

    def location(self, name: str, version: int) -> str:
        """The address of a version's files."""
        return str(self._client.get_model_version_download_uri(name, str(version)))

    def files_of_run(self, run_id: str) -> str:
        """The address of a run's files."""
        from mlflow.exceptions import MlflowException  # heavy: mlflow

        try:
            return str(self._client.get_run(run_id).info.artifact_uri)
        except MlflowException:
            return ""


class InPlace:
    """The registry of a SQLite database whose tables are those of :data:`REVISION`."""

    def __init__(self, database: Path) -> None:
        self._database = database

    @staticmethod
    def reads(database: Path) -> bool:
        """Whether a file is a database of MLflow with the known tables."""
        try:
            with _opened(database) as connection:
                return connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(REVISION,)]
        except sqlite3.Error:
            return False

    def names(self) -> list[str]:
        """All registered models."""
        return [str(row[0]) for row in self._rows("SELECT name FROM registered_models WHERE workspace = ?", WORKSPACE)]

    def model(self, name: str) -> Model:
        """A registered model."""
        where = "WHERE workspace = ? AND name = ?"
        aliases = self._rows(f"SELECT alias, version FROM registered_model_aliases {where}", WORKSPACE, name)
        tags = self._rows(f"SELECT key, value FROM registered_model_tags {where}", WORKSPACE, name)
        return Model(name, {str(alias): str(number) for alias, number in aliases}, _texts(tags))

    def versions(self, name: str) -> list[Version]:
        """All versions of a model."""
        where = "WHERE workspace = ? AND name = ?"
        found = self._rows(
            f"SELECT version, creation_time, run_id FROM model_versions {where} AND current_stage IS NOT ?",
            WORKSPACE, name, _DELETED,
        )  # fmt: skip
        tags: dict[object, list[tuple[object, ...]]] = {}
        for number, *tag in self._rows(f"SELECT version, key, value FROM model_version_tags {where}", WORKSPACE, name):
            tags.setdefault(number, []).append(tuple(tag))
        return [
            Version(name, int(str(number)), int(str(created)), str(run or ""), _texts(tags.get(number, [])))
            for number, created, run in found
        ]

    def location(self, name: str, version: int) -> str:
        """The address of a version's files."""
        found = self._rows(
            "SELECT coalesce(storage_location, source) FROM model_versions "
            "WHERE workspace = ? AND name = ? AND version = ?",
            WORKSPACE, name, version,
        )  # fmt: skip
        return str(found[0][0])

    def files_of_run(self, run_id: str) -> str:
        """The address of a run's files."""
        found = self._rows("SELECT artifact_uri FROM runs WHERE run_uuid = ?", run_id)
        return str(found[0][0]) if found else ""

    def _rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with _opened(self._database) as connection:
            return connection.execute(query, values).fetchall()


@contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    # Read-only: it never makes the file. It waits for a training that writes.
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=60)) as connection:
        yield connection


def _texts(rows: list[tuple[object, ...]]) -> dict[str, str]:
    return {str(key): str(value) for key, value in rows}
