"""MLflow's database for several servers: one process makes or upgrades its tables, and the servers wait for that.

Servers that start together on an empty or an older database would do it at once, and all but one would die of that.

    python -m affekt.registry.database migrate|wait

Both take the database's address from ``MLFLOW_BACKEND_STORE_URI``.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from affekt.errors import AffektError, UsageError
from affekt.patience import as_a_step, patience, repeated
from affekt.storage import without_secrets

#: Number of PostgreSQL's advisory lock that whoever migrates holds.
_LOCK = 0x616666656B74
#: Where a server keeps the artifacts of the experiment that MLflow has from the start.
_ARTIFACTS = "mlflow-artifacts:/"
_NOT_YET = "not_migrated"


def migrate(uri: str) -> None:
    """Make the tables of an empty database, or bring those of an older one to the state that this MLflow expects.

    Raises:
        AffektError: ``unanswered``: the database cannot be reached.
    """
    from mlflow.store.db import utils  # heavy: mlflow
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # heavy: mlflow

    with _engine(uri) as engine, _alone(engine):
        if not utils._is_empty_database(engine):
            utils._upgrade_db(engine)
        # It makes the tables where there are none, and the first experiment, which servers would race for, too.
        SqlAlchemyStore(uri, _ARTIFACTS)._dispose_engine()


def wait(uri: str) -> None:
    """Return when the tables are those that this MLflow expects.

    Raises:
        AffektError: ``unanswered``: they did not come to be so.
    """
    from mlflow.store.db import utils  # heavy: mlflow

    def check() -> None:
        with _engine(uri) as engine:
            found, wanted = utils._get_schema_version(engine), utils._get_latest_schema_revision()
        if found != wanted:
            raise AffektError(f"its tables are at {found}, and this MLflow wants {wanted}", code=_NOT_YET)

    repeated(check, _worth, seconds=patience(), service="the migrated database", where=without_secrets(uri))


def main(arguments: list[str]) -> int:
    """Do what the command line says."""
    if arguments not in (["migrate"], ["wait"]):
        raise UsageError("expected migrate or wait", code="usage")
    uri = os.environ.get("MLFLOW_BACKEND_STORE_URI", "")
    if not uri:
        raise UsageError("MLFLOW_BACKEND_STORE_URI names no database", code="usage")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with as_a_step():
        (migrate if arguments == ["migrate"] else wait)(uri)
    logging.getLogger(__name__).info("the tables of %s are up to date", without_secrets(uri))
    return 0


@contextmanager
def _engine(uri: str) -> Iterator[Any]:
    """A connected engine of SQLAlchemy; the database is waited for."""
    import sqlalchemy  # heavy: sqlalchemy

    engine = sqlalchemy.create_engine(uri)
    try:
        repeated(
            lambda: engine.connect().close(),
            _worth,
            seconds=patience(),
            service="the database",
            where=without_secrets(uri),
        )
        yield engine
    finally:
        engine.dispose()


def _worth(error: Exception) -> float:
    from sqlalchemy.exc import OperationalError  # heavy: sqlalchemy

    refused = isinstance(error, OperationalError) and "authentication failed" not in str(error)
    return float("inf") if refused or getattr(error, "code", "") == _NOT_YET else 0.0


@contextmanager
def _alone(engine: Any) -> Iterator[None]:
    """Hold PostgreSQL's lock of migrations; a process that dies gives it back. Other databases have one job alone."""
    import sqlalchemy  # heavy: sqlalchemy

    if engine.dialect.name != "postgresql":
        yield
        return
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:number)"), {"number": _LOCK})
        yield


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except AffektError as error:
        sys.exit(str(error))
