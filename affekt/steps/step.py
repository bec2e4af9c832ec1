"""What every pipeline step does around its work: read the settings, open its MLflow run, say how long it took."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from affekt import events
from affekt.errors import as_affekt_error
from affekt.extensions import model_names
from affekt.patience import as_a_step
from affekt.settings import Settings, settings_from_json

if TYPE_CHECKING:
    from affekt.registry import ChildRun, Tracking


class Step:
    """One running step: its settings, and where its figures and files go."""

    def __init__(
        self, name: str, settings: Settings | None, run: ChildRun | None, parent: ChildRun | None, until_end: ExitStack
    ) -> None:
        self.name = name
        self._settings = settings
        self._run = run
        self._parent = parent
        self._until_end = until_end
        self._started = time.monotonic()

    @property
    def settings(self) -> Settings:
        """The settings of the run."""
        if self._settings is None:
            raise ValueError(f"the step {self.name} was opened without settings")
        return self._settings

    def log(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Record figures of this step in its MLflow run, if it has one."""
        if self._run is not None:
            self._run.log(metrics, step)

    def keep(self, path: Path, name: str | None = None) -> None:
        """Record a file, or the files that lie directly in a folder, as artifacts of this step's MLflow run.

        Args:
            path: the file or the folder.
            name: the file's name among the artifacts, where it is to be another.
        """
        if self._run is not None:
            _record(self._run, path, name)

    def publish(
        self,
        figures: Mapping[str, float] | None = None,
        tags: Mapping[str, object] | None = None,
        files: Mapping[str, Path] | None = None,
        *,
        headline: str = "",
    ) -> None:
        """Record the outcome of the whole run in the parent MLflow run: figures, tags, and files by name.

        Args:
            figures: by name.
            tags: by key.
            files: by the name that they get.
            headline: the main figure, which the run's name then ends in.
        """
        if self._parent is not None:
            with self._parent.tracking.run(self._parent.run_id) as run:
                run.log(figures or {})
                for key, value in (tags or {}).items():
                    run.tag(key, value)
                for name, path in (files or {}).items():
                    _record(run, path, name)
                if headline:
                    run.headline(headline)

    def opened(self, tracking: Tracking, run_id: str) -> None:
        """Give a step that has opened the parent run itself its child run, which began when the step did."""
        child = tracking.child(run_id, self.name, ago=time.monotonic() - self._started)
        self._run = self._until_end.enter_context(child)

    def say(self, text: str) -> None:
        """One line for whoever watches the run."""
        logging.getLogger("affekt").info(text)


@contextmanager
def step(
    name: str,
    settings: str | None = None,
    *,
    tracking_uri: str = "",
    run_id: str = "",
    group: str | None = None,
    job: str = "",
) -> Iterator[Step]:
    """Run the work of one pipeline step.

    What it says goes to standard output: as :mod:`affekt.events` where the runner listens, elsewhere, as in a pod's
    log, as lines ``affekt: <step>: <text>`` for a person. The last one says how long it took, or why it failed.

    Args:
        name: the step's name.
        settings: the run's settings as JSON.
        tracking_uri: MLflow's tracking address; with ``run_id``, the step gets a child run of that parent.
        run_id: the parent run.
        group: the group of settings that the child run records as its parameters (``vgg``).
        job: the pipeline run, of one of many tasks that a later step sums up: it gets a child run only where it fails.
    """
    started = time.monotonic()
    parsed = settings_from_json(settings) if settings else None
    logger = logging.getLogger("affekt")
    stream = sys.stdout
    handler: logging.Handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(f"affekt: {name}: %(message)s"))
    if listened := events.listened():
        handler = events.EventHandler(stream, name)

    def tell(event: events.Event) -> None:
        if listened:
            events.write(event, stream)
        else:
            print(events.plain(event), file=stream, flush=True)

    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(os.environ.get("AFFEKT_LOG_LEVEL", "INFO"))
    logger.propagate = False
    waiting = ExitStack()
    try:
        waiting.enter_context(as_a_step())
        opened: AbstractContextManager[ChildRun | None] = nullcontext(None)
        parent = None
        if run_id:
            from affekt.registry import ChildRun, Tracking  # heavy: requests, and not every step has a run

            tracking = Tracking(tracking_uri or None)
            parent, opened = ChildRun(tracking, run_id), tracking.child(run_id, name)
        with opened as run, _watched(run, group), ExitStack() as until_end:
            if run is not None and group and parsed is not None:
                flat = {
                    key.split(".", 1)[1]: value for key, value in parsed.flat().items() if key.startswith(f"{group}.")
                }
                run.params({**flat, "seed": parsed.seed, "preset": parsed.preset})
            yield Step(name, parsed, run, parent, until_end)
        tell(events.Done(time.monotonic() - started, step=name))
    except BaseException as error:
        tell(events.Error.of(error, name))
        if job:
            _name_failed(tracking_uri, job, name, error)
        raise
    finally:
        waiting.close()
        handler.flush()
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def _name_failed(tracking_uri: str, job: str, name: str, error: BaseException) -> None:
    """Let MLflow say which task failed; where it cannot be reached, that must not hide why."""
    from affekt.registry import Tracking, name_failed, status_after  # heavy: requests

    status = status_after(error)
    why, code = f"{type(error).__name__}: {error}", as_affekt_error(error).code
    try:
        name_failed(Tracking(tracking_uri or None), job, name, why, status, code=code)
    except Exception as unknown:
        logging.getLogger("affekt").warning("MLflow does not know of this: %s", unknown)


@contextmanager
def _watched(run: ChildRun | None, group: str | None) -> Iterator[None]:
    """MLflow's system metrics (``system/cpu_utilization_percentage``, memory, GPU) in the run of a step that trains.

    Every ten seconds, or ``MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL``; a step that is done before has none.
    ``MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING=false`` switches them off.
    """
    if run is None or group not in model_names() or os.environ.get("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING") == "false":
        yield
        return
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor  # heavy: mlflow

    monitor = SystemMetricsMonitor(run.run_id, tracking_uri=run.tracking.uri)
    monitor.start()
    try:
        yield
    finally:
        monitor.finish()


def _record(run: ChildRun, path: Path, name: str | None) -> None:
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if file.is_file():
                run.artifact(file)
    elif name is None or name == path.name:
        run.artifact(path)
    else:
        with tempfile.TemporaryDirectory() as folder:
            run.artifact(shutil.copyfile(path, Path(folder, name)))


@cache
def code_digest() -> str:
    """The first 16 digits of the SHA-256 over the library's source files: which code trained a model."""
    root = Path(__file__).resolve().parents[1]
    total = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in (".py", ".yaml", ".html") and "__pycache__" not in path.parts:
            total.update(path.relative_to(root).as_posix().encode())
            total.update(path.read_bytes())
    return total.hexdigest()[:16]
