"""What would end a training at its last step, asked before its first: the name, the registry, the store, the disk."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
import uuid
from pathlib import Path

from affekt.errors import AffektError, as_affekt_error, rebuilt
from affekt.model_names import check_name
from affekt.registry.patient_client import answered
from affekt.registry.registering import make_model
from affekt.registry.tracking import Tracking
from affekt.storage import is_remote, join, remove, without_secrets, write_bytes

#: Less free space than that ends any training, bytes.
SPACE = 500 << 20


def check_registry(tracking: Tracking, name: str, *, registers: bool = False) -> None:
    """Whether a run can be recorded with its files, and a model registered under this name.

    Args:
        tracking: where.
        name: of the model.
        registers: whether a version will be registered for sure: the registered model is then made.

    Raises:
        AffektError: the name is refused, nobody answers or lets one in, or the registry or the place of its files
            cannot be written.
    """
    check_name(name)
    database = tracking.registry_folder
    if database is not None:
        check_space(database)
        _check_database(Path(tracking.registry_uri.removeprefix("sqlite:///")))
    try:
        marked = tracking.experiment_id
        tracking.client.set_experiment_tag(marked, "affekt.checked", name)
        if registers:
            make_model(tracking, name)
    except AffektError:
        raise
    except Exception as error:  # MLflow's, SQLAlchemy's and those of requests
        raise AffektError(
            f"the MLflow registry cannot be written ({as_affekt_error(error).message[:300]}); nothing was trained",
            code="registry_not_writable",
            where=tracking.place,
        ) from error
    _check_artifacts(tracking)


def _check_artifacts(tracking: Tracking) -> None:
    """Write a small file where the files of runs go, and remove it.

    Raises:
        AffektError: ``artifacts_not_writable``.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository  # heavy: mlflow

    place = str(tracking.client.get_experiment(tracking.experiment_id).artifact_location)
    mark = f"affekt-writable-{uuid.uuid4().hex}"
    try:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, mark).write_text("a")
            files = get_artifact_repository(place, tracking.uri)
            answered(lambda: files.log_artifact(str(Path(folder, mark))), tracking.place)
    except Exception as error:  # MLflow's, boto's, those of requests and of the system
        raise AffektError(
            f"MLflow's place of files, {without_secrets(place)}, cannot be written "
            f"({as_affekt_error(error).message[:300]}); nothing was trained. Check the bucket, its permissions and the "
            "credentials of the server, whose log says more",
            code="artifacts_not_writable",
            where=tracking.place,
        ) from error
    with contextlib.suppress(Exception):
        files.delete_artifacts(mark)


def check_store(store: str) -> None:
    """Whether the prepared store can be written, and on this machine has room.

    Raises:
        AffektError: it cannot, or the disk is nearly full.
    """
    mark = join(store, f".writable-{uuid.uuid4().hex}")
    if not is_remote(store):
        check_space(Path(store))
    try:
        write_bytes(mark, b"")
    except AffektError as error:
        said = f"the prepared store cannot be written: {error.message}"
        raise rebuilt(type(error).__name__, said, error.code, error.where) from error
    with contextlib.suppress(AffektError):
        remove(mark)


def check_space(folder: Path) -> None:
    """Whether the disk of a folder, which need not be there yet, has room for a training.

    Raises:
        AffektError: ``disk_full``.
    """
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if free < SPACE:
        raise AffektError(
            f"only {free >> 20} MB are free on this disk, and a training needs at least {SPACE >> 20} MB; make room, "
            "or name a folder on another disk in AFFEKT_HOME",
            code="disk_full",
            where=str(folder),
        )


def _check_database(path: Path) -> None:
    if not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            # A file that may not be written lets a transaction begin and refuses its first change.
            connection.execute("CREATE TABLE affekt_writable (a INTEGER)")
            connection.rollback()
    except sqlite3.Error as error:
        raise AffektError(
            f"MLflow's database cannot be written ({error}); check its permissions and those of its folder",
            code="registry_not_writable",
            where=str(path),
        ) from error
