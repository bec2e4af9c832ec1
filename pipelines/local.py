"""Runs the training pipeline on this machine through KFP's local runner; no cluster, no server."""

from __future__ import annotations

import builtins
import contextlib
import logging
import os
import re
import signal
import sys
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import psutil

from affekt.errors import AffektError
from affekt.steps.step import DONE

_LINE = re.compile(r"^\s*affekt: (?P<step>[^:]+): (?P<text>.*)$")
_ENDED = re.compile(rf"^{DONE} (?P<seconds>[\d.]+) s$")


@dataclass
class LocalRun:
    """What a run took.

    Attributes:
        job: identifier under which the parent MLflow run is found.
        folder: where the run's artifacts and its log lie.
        seconds: wall time of the run.
        steps: wall time of each step's own work, by step.
    """

    job: str
    folder: Path
    seconds: float = 0.0
    steps: dict[str, float] = field(default_factory=dict)

    @property
    def orchestration_share(self) -> float:
        """The share of the run that was not a step's own work."""
        return max(0.0, 1 - sum(self.steps.values()) / self.seconds) if self.seconds else 0.0


def run_locally(
    pipeline: Callable[..., Any],
    arguments: Mapping[str, Any],
    folder: Path,
    *,
    say: Callable[[str, str], None],
    runner: Any = None,
) -> LocalRun:
    """Run a pipeline in processes or containers of this machine.

    Args:
        pipeline: a KFP pipeline.
        arguments: its arguments, without ``job``.
        folder: where artifacts and the log go.
        say: called with step and text for each line that a step says.
        runner: KFP's local runner, as :mod:`affekt.pipelines.containers` makes it; processes if not given.

    Raises:
        AffektError: a step failed; the message holds the step's own error and where the log is.
    """
    from kfp import local

    folder.mkdir(parents=True, exist_ok=True)
    run = LocalRun(uuid.uuid4().hex, folder)
    log = folder / "pipeline.log"
    local.init(runner or local.SubprocessRunner(use_venv=False), pipeline_root=str(folder / "artifacts"))
    started = time.monotonic()
    with (
        log.open("w", encoding="utf-8", buffering=1) as file,
        _ended_with_us(),
        _listening(file, run, say) as last_error,
    ):
        try:
            pipeline(**arguments, job=run.job)
        except RuntimeError as error:
            raise AffektError(
                f"{last_error() or error}\n(the whole log: {log})", code="step_failed", where=_chain(error)
            ) from error
        finally:
            run.seconds = time.monotonic() - started
    return run


def _chain(error: RuntimeError) -> str | None:
    names = re.findall(r"'([\w-]+)'", re.sub(r"\x1b\[\d+m", "", str(error)))
    return f"step {names[-1]}" if names else None


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


@contextlib.contextmanager
def _listening(file: TextIO, run: LocalRun, say: Callable[[str, str], None]) -> Iterator[Callable[[], str]]:
    """Send KFP's output to the log file, and the steps' own lines to ``say`` as well."""
    printed, root = builtins.print, logging.getLogger()
    handlers, level = root.handlers[:], root.level
    error_lines: list[str] = []

    def hear(*values: object, sep: str | None = " ", end: str | None = "\n", **_: object) -> None:
        text = (sep if sep is not None else " ").join(map(str, values)) + (end if end is not None else "\n")
        file.write(text)
        for line in text.splitlines():
            if found := _LINE.match(line):
                if ended := _ENDED.match(found["text"]):
                    step = found["step"]
                    run.steps[step] = run.steps.get(step, 0.0) + float(ended["seconds"])
                say(found["step"], found["text"])
            elif error := re.match(r"^\s*(?:affekt\.errors\.\w+|[\w.]*(?:Error|Exception)): (.*)$", line):
                error_lines[:] = [error[1]]
            elif error_lines and len(error_lines) < 12 and line.startswith("      - "):
                error_lines.append(line.strip())

    def warned(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        into: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        file.write(f"{category.__name__}: {message}\n")

    variables = {
        # A step's interpreter is this one, its output must not wait in a buffer, and its thread pools share the cores.
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        builtins.print = hear
        root.handlers = [logging.StreamHandler(file)]
        with contextlib.redirect_stdout(file), warnings.catch_warnings():
            # KFP doubts every image that is not called python, and every resource on a machine without a scheduler.
            warnings.showwarning = warned  # type: ignore[assignment]
            yield lambda: "\n".join(error_lines)
    finally:
        builtins.print = printed
        root.handlers = handlers
        root.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
