"""Runs the training pipeline on this machine through KFP's local runner; no cluster, no server."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import psutil
from kfp import local

from affekt import events, owner
from affekt.errors import AffektError, as_affekt_error, rebuilt
from affekt.home import private_folders
from affekt.pipelines import side_by_side
from affekt.pipelines.kept_steps import KeptSteps
from affekt.pipelines.kfp_adapter import Failed, adapted
from affekt.registry import Tracking, close_job, name_failed
from affekt.storage import secrets_hidden

logger = logging.getLogger(__name__)

#: Lines of a step's output that are shown when it ends without saying why.
_LAST_WORDS = 12
#: Tasks that are tried again where they died, as a cluster does: what precedes them took hours, and they take minutes.
_TRIED_AGAIN = ("register", "gate")
_TRIES = 3


@dataclass
class LocalRun:
    """What a run took.

    Attributes:
        job: identifier under which the parent MLflow run is found.
        folder: where the run's artifacts and its log lie.
        seconds: wall time of the run.
        steps: wall time of each step's own work, by step.
        worked: from when to when steps did their own work, by :func:`time.monotonic`.
    """

    job: str
    folder: Path
    seconds: float = 0.0
    steps: dict[str, float] = field(default_factory=dict)
    worked: list[tuple[float, float]] = field(default_factory=list)

    @property
    def orchestration_share(self) -> float:
        """The share of the run in which no step did its own work: interpreters were started, modules imported."""
        covered, until = 0.0, 0.0
        for start, end in sorted(self.worked):
            covered += max(0.0, end - max(start, until))
            until = max(until, end)
        return max(0.0, 1 - covered / self.seconds) if self.seconds else 0.0


def run_locally(
    pipeline: Callable[..., Any],
    arguments: Mapping[str, Any],
    folder: Path,
    *,
    say: events.Listener,
    runner: Any = None,
    kept: KeptSteps | None = None,
    threads: int = 0,
) -> LocalRun:
    """Run a pipeline in processes or containers of this machine.

    Args:
        pipeline: a KFP pipeline.
        arguments: its arguments.
        folder: where artifacts and the log go.
        say: called with each event of a step.
        runner: KFP's local runner, as :mod:`affekt.pipelines.containers` makes it; processes if not given.
        kept: the steps that are done, where this goes on with an interrupted training.
        threads: of each step; those of :func:`affekt.pipelines.side_by_side.threads_of_a_step` if not given.

    Raises:
        AffektError: a step failed: the step's own error with its code and place; the message also names the step,
            those that failed beside it with their errors, and where the log is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    threads = threads or side_by_side.threads_of_a_step()
    run = LocalRun(kept.job if kept else uuid.uuid4().hex, folder)
    log = folder / "pipeline.log"
    local.init(runner or local.SubprocessRunner(use_venv=False), pipeline_root=str(folder / "artifacts"))
    started = time.monotonic()
    with (
        log.open("a" if kept else "w", encoding="utf-8", errors="backslashreplace", buffering=1) as file,
        private_folders(folder) as (temporary, variables),
        _ended_with_us(),
    ):
        heard = _Heard(file, run, say)
        environment = {
            # A step speaks in events, its output must not wait in a buffer, and the cores are shared.
            **side_by_side.environment(threads),
            events.LISTENED: "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore",
            owner.VARIABLE: owner.this_process(),
            **variables,
        }
        at_once = side_by_side.steps_at_once(threads)
        with adapted(heard, file, environment, temporary, run.job, at_once, kept, heard.again) as failed:
            try:
                pipeline(**arguments)
            except RuntimeError as error:
                if not failed:
                    raise
                told = heard.error(failed, log)
                _name(run.job, arguments, heard.step_of(failed[0]), told.message)
                raise told from error
            except KeyboardInterrupt:
                _close(run.job, arguments)
                raise
            finally:
                run.seconds = time.monotonic() - started
    return run


def _name(job: str, arguments: Mapping[str, Any], step: str, why: str) -> None:
    """Name in MLflow the step that failed; where MLflow cannot be reached, that must not hide why."""
    try:
        name_failed(Tracking(arguments.get("tracking_uri") or None), job, step, why)
    except Exception as error:
        logger.warning("MLflow does not know which step failed: %s", error)


def _close(job: str, arguments: Mapping[str, Any]) -> None:
    """End the MLflow run of an interrupted job; where MLflow cannot be reached, that must not hide the interrupt."""
    try:
        close_job(Tracking(arguments.get("tracking_uri") or None), job, "KILLED")
    except Exception as error:
        logger.warning("the MLflow run of this training stays open: %s", error)


@contextlib.contextmanager
def _ended_with_us() -> Iterator[None]:
    """Pass SIGTERM and SIGINT on to the running step, which then writes its checkpoint, and stop."""

    def end(number: int, frame: FrameType | None) -> None:
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.terminate()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Heard:
    """Called with task and line: writes the log, hands on events, and remembers what an error will need.

    Lines of tasks that run side by side come from several threads.
    """

    def __init__(self, file: TextIO, run: LocalRun, say: events.Listener) -> None:
        self._file, self._run, self._say = file, run, say
        self._steps: dict[str, str] = {}
        self._errors: dict[str, events.Error] = {}
        self._last: dict[str, deque[str]] = {}
        self._one_at_a_time = threading.Lock()

    def __call__(self, task: str, line: str) -> None:
        with self._one_at_a_time:
            self._hear(task, line)

    def _hear(self, task: str, line: str) -> None:
        event = events.read(line)
        if event is None:
            line = secrets_hidden(line)
            self._file.write(f"{line}\n")
            if line.strip():
                self._last.setdefault(task, deque(maxlen=_LAST_WORDS)).append(line)
            return
        if not isinstance(event, events.Progress):
            self._file.write(f"{secrets_hidden(events.plain(event))}\n")
        self._steps[task] = event.step
        if isinstance(event, events.Done):
            self._run.steps[event.step] = self._run.steps.get(event.step, 0.0) + event.seconds
            self._run.worked.append((time.monotonic() - event.seconds, time.monotonic()))
        elif isinstance(event, events.Error):
            self._errors[task] = event
        self._say(event)

    def again(self, failed: Failed, tried: int) -> bool:
        """Whether a task that failed is tried again: a short one that died, or failed nobody knows why."""
        told = self._errors.get(failed.task)
        known = told is not None and told.code != "internal"
        if failed.task not in _TRIED_AGAIN or tried >= _TRIES or known:
            return False
        self._errors.pop(failed.task, None)
        why = told.message if told else _end(failed.status)
        said = events.Text(f"tried again ({why[:300]})", logging.WARNING, step=self.step_of(failed))
        self._file.write(f"{secrets_hidden(events.plain(said))}\n")
        self._say(said)
        return True

    def error(self, failed: Sequence[Failed], log: Path) -> AffektError:
        """Why tasks failed: the first one's own last error, and in its message that of each other one."""
        first, step = self._cause(failed[0]), self.step_of(failed[0])
        told, others = {step}, ""
        for other in failed[1:]:
            name, event = self.step_of(other), self._errors.get(other.task)
            if name not in told and not (event and event.stopped):
                told.add(name)
                others += f"\n(step {name} failed, too: {self._cause(other)})"
        message = f"{first.message}{others}\n(step {step}; the whole log: {log})"
        return rebuilt(type(first).__name__, message, first.code, first.where)

    def _cause(self, failed: Failed) -> AffektError:
        """The last error of a task, as it said it, or what is known of its end."""
        if failed.error is not None:
            return as_affekt_error(failed.error)
        if told := self._errors.get(failed.task):
            return rebuilt(told.kind, told.message, told.code, told.where)
        words = "\n".join(self._last.get(failed.task, ["(none)"]))
        return AffektError(f"{_end(failed.status)}; its last words:\n{words}", code="step_failed")

    def step_of(self, failed: Failed) -> str:
        """The step that a task does, by its own word."""
        return self._steps.get(failed.task) or failed.task


def _end(status: int | None) -> str:
    """How a process or a container ended, in words."""
    if status is None:
        return "could not be started"
    number = -status if status < 0 else status - 128  # a container's shell tells signals this way
    if number == signal.SIGKILL:
        return "was killed, as the system does where memory runs out"
    if status < 0 or number in {known.value for known in signal.Signals}:
        return f"was ended by {signal.Signals(number).name}"
    return f"ended with exit code {status}"
