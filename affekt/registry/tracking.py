"""MLflow runs: one parent for a training, one child for each of its steps; on SQLite and files by default."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from affekt.errors import AffektError, as_affekt_error
from affekt.home import home as affekt_home
from affekt.owner import current_user
from affekt.patience import at_most
from affekt.registry.moved_home import ARTIFACTS, follow
from affekt.registry.patient_client import PatientClient, answered, worth_repeating
from affekt.registry.reachable import check_address, check_databricks, check_server, usable
from affekt.registry.reader import InPlace, Reader, ThroughMlflow
from affekt.registry.writer import Writer, WritesInPlace, WritesThroughMlflow
from affekt.storage import secrets_hidden, without_secrets

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

EXPERIMENT = "affekt"
#: What MLflow's pages show of an experiment of this kind first is its runs, not traces of a language model.
_KIND = {"mlflow.experimentKind": "custom_model_development"}
#: Between a run's name and its main figure.
_AND = " · "

_SQLITE = "sqlite:///"
#: MLflow's limits for one call.
_METRICS_AT_ONCE = 1000
_PARAMS_AT_ONCE = 100
#: Figures of a training loop are sent when so many wait, or after so many seconds: a call takes 9 ms on SQLite.
_BUFFERED = 200
_FLUSH_SECONDS = 2.0
#: After a server did not take figures, the next try is so many seconds later; training goes on meanwhile.
_AGAIN_SECONDS = 15.0


def status_after(error: BaseException) -> str:
    """MLflow's status of a run that an error ended: FAILED, or KILLED where it was interrupted or nobody listens to it.

    A step whose command is killed meets a broken pipe when it says something before it is ended itself.
    """
    interrupted = isinstance(error, BrokenPipeError) or not isinstance(error, Exception)
    return "KILLED" if interrupted else "FAILED"


class Tracking:
    """Where runs are recorded and models are registered.

    Nothing is opened before the first use: importing MLflow takes seconds, and so does making its database.

    Args:
        uri: MLflow's tracking address; default ``MLFLOW_TRACKING_URI``, else the SQLite database ``mlflow.db`` in
            ``home``. Artifacts of a SQLite database lie in ``mlartifacts`` beside it.
        home: folder of the database and of the fetched models; default :func:`affekt.home.home`.
        experiment: the MLflow experiment that gets the runs; made where it is missing.
    """

    def __init__(self, uri: str | None = None, home: Path | None = None, *, experiment: str = EXPERIMENT) -> None:
        self._home = home
        self.uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.home / 'mlflow.db'}"
        self.experiment = experiment

    @cached_property
    def home(self) -> Path:
        """The folder of the database and of the fetched models."""
        return Path(self._home).absolute() if self._home is not None else affekt_home()

    @property
    def place(self) -> str:
        """The address of the registry as it may be shown, without name and password."""
        return without_secrets(self.registry_uri)

    @property
    def shown(self) -> str:
        """The tracking address as documents may hold it: ``***`` in place of a login."""
        return self.uri if self.uri.startswith(_SQLITE) else secrets_hidden(self.uri)

    @property
    def is_new(self) -> bool:
        """Whether nothing was registered yet: the SQLite database is not there. MLflow is not asked."""
        uri = self.registry_uri
        return uri.startswith(_SQLITE) and not Path(uri.removeprefix(_SQLITE)).exists()

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's own client for this address, for all that is not here.

        Raises:
            AffektError: it is no address, no server answers there, or it does not let one in; or the database's driver
                is not installed.
        """
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        # It would print the address of each run to standard output, where commands write their JSON.
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        # Its own repeats take eight minutes of silence.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        otherwise = f"unset the variable to keep runs in {self.home}"
        check_address(self.uri, otherwise)
        check_address(self.registry_uri, "unset it to keep models beside the runs", "MLFLOW_REGISTRY_URI")
        if self.uri.startswith(("http://", "https://")):
            check_server(self.uri, otherwise)
        from mlflow import MlflowClient  # heavy: mlflow

        # Alembic says a line for each of 60 migrations, MLflow one for each model that is logged.
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        registry = self.registry_uri
        beside = self.database_folder
        if beside is None:
            where = without_secrets(self.uri)
            with usable(where, otherwise):
                client = answered(lambda: MlflowClient(tracking_uri=self.uri, registry_uri=registry), where)
                for uri in (self.uri, registry):
                    check_databricks(uri)
            return cast("MlflowClient", PatientClient(client, where))
        beside.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(beside / "mlflow.lock"):
            client = MlflowClient(tracking_uri=self.uri, registry_uri=registry)
            follow(Path(self.uri.removeprefix(_SQLITE)))
            from mlflow.tracking._tracking_service import utils  # heavy: mlflow

            utils._artifact_repos_cache.clear()  # by run, whichever database it is of
        return client

    @property
    def reader(self) -> Reader:
        """What tells what is registered: where it can, without MLflow."""
        database = self._known_database
        if database is None:
            return ThroughMlflow(self.client)
        with _one_at_a_time(database.absolute().parent / "mlflow.lock"):
            follow(database)
        return InPlace(database)

    @property
    def writer(self) -> Writer:
        """What changes the champion: where it can, without MLflow."""
        database = self._known_database
        return WritesThroughMlflow(self.client) if database is None else WritesInPlace(database)

    @property
    def _known_database(self) -> Path | None:
        """The SQLite database of runs and registry whose tables are known; None where MLflow has to be asked."""
        if "client" in self.__dict__ or self.registry_uri != self.uri or not self.uri.startswith(_SQLITE):
            return None
        database = Path(self.uri.removeprefix(_SQLITE))
        return database if InPlace.reads(database) else None

    @cached_property
    def experiment_id(self) -> str:
        """The id of the experiment."""
        from mlflow.exceptions import MlflowException  # heavy: mlflow

        for _ in range(2):
            found = self.client.get_experiment_by_name(self.experiment)
            if found is not None:
                if found.lifecycle_stage == "deleted":
                    self.client.restore_experiment(found.experiment_id)
                for key in _KIND.keys() - found.tags.keys():
                    self.client.set_experiment_tag(found.experiment_id, key, _KIND[key])
                return str(found.experiment_id)
            beside = self.database_folder
            place = (beside / ARTIFACTS).as_uri() if beside is not None else None
            try:
                return str(self.client.create_experiment(self.experiment, artifact_location=place, tags=_KIND))
            except MlflowException as error:
                # Another process made it between the question and the answer.
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
        raise AffektError(f"the experiment {self.experiment!r} can neither be found nor made", code="no_experiment")

    def start_parent(
        self, name: str, params: Mapping[str, Any] | None = None, tags: Mapping[str, Any] | None = None
    ) -> str:
        """Open the run of a whole training, named after it and the time; returns its id. :meth:`finish` closes it."""
        marks = {key: str(value) for key, value in (tags or {}).items()}
        return self._start(f"{name} {datetime.now():%Y-%m-%d %H:%M}", params or {}, marks)

    def start_child(self, parent_id: str, name: str, *, ago: float = 0.0) -> str:
        """Open a run below ``parent_id``, begun so many seconds ``ago``; returns its id. :meth:`finish` closes it."""
        return self._start(name, {}, {"mlflow.parentRunId": parent_id}, ago)

    @contextmanager
    def child(self, parent_id: str, name: str, *, ago: float = 0.0) -> Iterator[ChildRun]:
        """A run below ``parent_id``, begun so many seconds ``ago``.

        It is FINISHED after the block, FAILED when that raises, and KILLED when it is interrupted.
        """
        run_id = self.start_child(parent_id, name, ago=ago)
        with self.run(run_id) as run:
            try:
                yield run
            except BaseException as error:
                run.tag("error", f"{type(error).__name__}: {error}"[:500])
                run.tag("affekt.error", as_affekt_error(error).code)
                run.flush()
                self.finish(run_id, status_after(error))
                raise
        self.finish(run_id)

    @contextmanager
    def run(self, run_id: str) -> Iterator[ChildRun]:
        """An open run by its id, to add to; it stays open."""
        run = ChildRun(self, run_id)
        try:
            yield run
        finally:
            run.flush()

    def finish(self, run_id: str, status: str = "FINISHED") -> None:
        """Close a run with ``FINISHED``, ``FAILED`` or ``KILLED``."""
        self.client.set_terminated(run_id, status)

    @property
    def registry_uri(self) -> str:
        """The address of the model registry: ``MLFLOW_REGISTRY_URI``, else that of the runs."""
        return os.environ.get("MLFLOW_REGISTRY_URI") or self.uri

    @property
    def database_folder(self) -> Path | None:
        """The folder of the SQLite database of the runs; None for a server or another database."""
        return _folder_of(self.uri)

    @property
    def registry_folder(self) -> Path | None:
        """The folder of the SQLite database of the registry; None for a server or another database."""
        return _folder_of(self.registry_uri)

    def _marks(self, tags: Mapping[str, str]) -> dict[str, str]:
        kept = {key: secrets_hidden(value) for key, value in tags.items()}
        return {"mlflow.user": current_user(), "mlflow.source.name": "affekt", "mlflow.source.type": "LOCAL", **kept}

    def _start(self, name: str, params: Mapping[str, Any], tags: Mapping[str, str], ago: float = 0.0) -> str:
        begun = int((time.time() - ago) * 1000)
        run = self.client.create_run(self.experiment_id, run_name=name, tags=self._marks(tags), start_time=begun)
        ChildRun(self, run.info.run_id).params(params)
        return str(run.info.run_id)


class ChildRun:
    """One run: its parameters, figures by step, files and tags."""

    def __init__(self, tracking: Tracking, run_id: str) -> None:
        self.tracking = tracking
        self.run_id = run_id
        self._waiting: list[tuple[str, float, int, int]] = []
        self._sent = time.monotonic()
        self._refused = False

    def log(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Record figures at a step. They are sent in batches, the last at the end of the run's block.

        While a server is away they are kept, and the work goes on.
        """
        now = int(time.time() * 1000)
        self._waiting.extend((key, float(value), now, step) for key, value in metrics.items())
        full = len(self._waiting) >= _BUFFERED and not self._refused
        if full or time.monotonic() - self._sent > (_AGAIN_SECONDS if self._refused else _FLUSH_SECONDS):
            self._try_to_flush()

    def _try_to_flush(self) -> None:
        kept = self._waiting
        try:
            with at_most(0):
                self.flush()
        except Exception as error:
            if not worth_repeating(error):
                raise
            logger.info("MLflow takes no figures at the moment (%s); they are kept and sent later", str(error)[:200])
            self._waiting, self._sent, self._refused = kept, time.monotonic(), True
        else:
            self._refused = False

    def flush(self) -> None:
        """Send the figures that wait."""
        from mlflow.entities import Metric  # heavy: mlflow

        waiting, self._waiting = self._waiting, []
        for first in range(0, len(waiting), _METRICS_AT_ONCE):
            batch = [Metric(*entry) for entry in waiting[first : first + _METRICS_AT_ONCE]]
            self.tracking.client.log_batch(self.run_id, metrics=batch)
        self._sent = time.monotonic()

    def params(self, values: Mapping[str, Any]) -> None:
        """Record parameters, which cannot change later; logins and signatures of addresses are left out."""
        from mlflow.entities import Param  # heavy: mlflow

        entries = [Param(key, secrets_hidden(str(value))) for key, value in values.items()]
        for first in range(0, len(entries), _PARAMS_AT_ONCE):
            self.tracking.client.log_batch(self.run_id, params=entries[first : first + _PARAMS_AT_ONCE])

    def artifact(self, path: str | Path, folder: str | None = None) -> None:
        """Keep a file, in ``folder`` of the run's artifacts."""
        self.tracking.client.log_artifact(self.run_id, str(path), folder)

    def artifacts(self, path: str | Path, folder: str | None = None) -> None:
        """Keep all files of a folder."""
        self.tracking.client.log_artifacts(self.run_id, str(path), folder)

    def tag(self, key: str, value: Any) -> None:
        """Set a tag."""
        self.tracking.client.set_tag(self.run_id, key, secrets_hidden(str(value)))

    def headline(self, figure: str) -> None:
        """Let the run's name end in its main figure, in place of one that it ends in already."""
        name = str(self.tracking.client.get_run(self.run_id).info.run_name).partition(_AND)[0]
        self.tracking.client.update_run(self.run_id, name=f"{name}{_AND}{figure}")


def _folder_of(uri: str) -> Path | None:
    return Path(uri.removeprefix(_SQLITE)).absolute().parent if uri.startswith(_SQLITE) else None


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Hold a lock file: steps that start together would otherwise make the same database twice."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
