"""What affekt replaces in KFP's local runner, all of it, for the length of a run.

KFP 2.17 prints what a step says, indented, into whatever :func:`print` is; takes over the root logger around each
step; starts a step by a shell script with the interpreter's path unquoted in it, which also leaves the step's source
in the temporary folder; reports a failed step by the name of the group around it; and takes a container that is gone
for one that ended well (kubeflow/pipelines#13332). Here a step is a process or a container whose lines are handed
over one by one with the step's name, and whose end is known; and steps run side by side
(:mod:`affekt.pipelines.side_by_side`).
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from kfp.local import logging_utils, status, subprocess_task_handler, task_dispatcher

from affekt import lifeline
from affekt.errors import AffektError
from affekt.pipelines import forked_steps
from affekt.pipelines.forked_steps import ForkedStep, ForkedSteps
from affekt.pipelines.kept_steps import KeptSteps
from affekt.pipelines.side_by_side import SideBySide, has_card

if TYPE_CHECKING:
    import docker

#: Called with the name of a task and a line that it wrote.
Hear = Callable[[str, str], None]
#: Whether a task that failed for the so-manieth time is tried again.
Again = Callable[["Failed", int], bool]
#: By what KFP's script for a Python component is known, and how the arguments behind it begin.
_SCRIPT = ("sh", "-ec")
_PROGRAM = "ephemeral_component.py"


@dataclass(frozen=True)
class Failed:
    """A task that did not end well.

    Attributes:
        task: its name in the pipeline, such as ``train-vgg``.
        status: exit status of its process or container, negative for a signal; None where none was started.
        error: what kept it from being started.
    """

    task: str
    status: int | None
    error: Exception | None = None


def _never(failed: Failed, tried: int) -> bool:
    return False


@dataclass
class _Running:
    """The tasks of a run: what is heard of them, and how they end. Each runs in a thread of its own."""

    hear: Hear
    environment: Mapping[str, str]
    temporary: Path
    job: str
    kept: KeptSteps | None = None
    again: Again = _never
    forks: ForkedSteps | None = None
    failed: list[Failed] = field(default_factory=list)
    _here: threading.local = field(default_factory=threading.local)
    _ends: dict[int, Callable[[], Any]] = field(default_factory=dict)
    _ended: bool = False

    def end(self) -> None:
        """Tell what runs to end: a process writes its checkpoint first."""
        self._ended = True
        for end in list(self._ends.values()):
            end()

    def _started(self, number: int, end: Callable[[], Any]) -> None:
        self._ends[number] = end
        if self._ended:  # it started while the others were told
            end()

    def named(self, run_task: Callable[..., Any]) -> Callable[..., Any]:
        """KFP's function that runs a task, which says in between to which task a process belongs, and how it ended."""

        def run(*arguments: Any, component_name: str, **options: Any) -> Any:
            task = component_name.removeprefix("comp-")
            self._here.task, self._here.status = task, None
            executor, given_to_it = options.get("executor_spec"), options.get("arguments", {})
            if self.kept and (known := self.kept.outputs(task, executor, given_to_it)) is not None:
                self.hear(task, f"affekt: {task}: done by an earlier start")
                return known, status.Status.SUCCESS
            given = {**options, "unique_pipeline_id": self.job}
            for tried in itertools.count(1):
                try:
                    outputs, ended = run_task(*arguments, component_name=component_name, **given)
                except Exception as error:
                    self.failed.append(Failed(task, None, error))
                    raise
                over = ended == status.Status.SUCCESS or self._ended
                if over or not self.again(Failed(task, self._here.status), tried):
                    break
            if ended != status.Status.SUCCESS:
                self.failed.append(Failed(self._here.task, self._here.status))
            elif self.kept:
                self.kept.keep(task, executor, given_to_it, outputs)
            return outputs, ended

        return run

    def process(self, full_command: list[str], env_vars: dict[str, str] | None = None) -> int:
        """Run a Python component in a process of its own, without a shell."""
        source, arguments = _program(full_command)
        with tempfile.TemporaryDirectory(prefix="step-", dir=self.temporary) as folder:
            program = Path(folder, _PROGRAM)
            program.write_text(source, encoding="utf-8")
            given = ["--component_module_path", str(program), *arguments]
            variables = {**os.environ, **lifeline.environment(), "_KFP_RUNTIME": "true", **self.environment}
            process = self._start(given, {**variables, **(env_vars or {})})
            assert process.stdout is not None
            self._started(process.pid, process.terminate)
            try:
                for line in process.stdout:
                    self.hear(self._here.task, line.rstrip("\n"))
            except BaseException:
                process.terminate()
                # It writes its checkpoint first, and what it says then must not break it.
                for _ in process.stdout:
                    pass
                raise
            finally:
                del self._ends[process.pid]
                self._here.status = process.wait()
        return int(self._here.status)

    def _start(self, arguments: list[str], environment: Mapping[str, str]) -> ForkedStep | subprocess.Popen[str]:
        if self.forks is not None:
            return self.forks.start(arguments, environment)
        return subprocess.Popen(
            lifeline.command("kfp.dsl.executor_main", arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=environment,
        )

    def container(
        self, client: docker.DockerClient, image: str, command: list[str], volumes: dict[str, Any], **options: Any
    ) -> int:
        """Run a container to its end, and learn how it ended before it is removed."""
        from docker.errors import APIError  # an extra: docker, and only runs in containers need it

        container = client.containers.run(image=image, command=command, volumes=volumes, detach=True, **options)
        self._started(id(container), container.stop)
        try:
            for line in _lines(container.logs(stream=True)):
                self.hear(self._here.task, line)
            self._here.status = int(container.wait()["StatusCode"])
        finally:
            del self._ends[id(container)]
            # A container that cannot be cleared away says nothing about its step.
            with contextlib.suppress(APIError):
                container.remove(force=True)
        return int(self._here.status)


@contextlib.contextmanager
def adapted(
    hear: Hear,
    log: TextIO,
    environment: Mapping[str, str],
    temporary: Path,
    job: str,
    at_once: int,
    kept: KeptSteps | None = None,
    again: Again = _never,
) -> Iterator[list[Failed]]:
    """Within it, KFP's local runner runs steps as above.

    Args:
        hear: called with each line that a step writes.
        log: what KFP itself has to say goes there.
        environment: of the steps' processes, on top of this process's.
        temporary: a folder that goes away with the run.
        job: the identifier of the run that tasks are told.
        at_once: how many tasks run at a time.
        kept: tasks that are done need not run again, and those that end well are added.
        again: whether a task that failed is tried again.

    Yields:
        The tasks that failed, in the order of their failing.
    """
    forks = ForkedSteps(environment) if forked_steps.possible() else None
    running = _Running(hear, environment, temporary, job, kept, again, forks)
    replacements: list[tuple[Any, str, Any]] = [
        (task_dispatcher, "run_single_task_implementation", running.named(_now(task_dispatcher))),
        (subprocess_task_handler, "run_local_subprocess", running.process),
        (subprocess_task_handler, "replace_python_executable", lambda command, interpreter: command),
        # Whatever speaks of pip waits there for all others, and these install nothing.
        (subprocess_task_handler, "environment", lambda **_: contextlib.nullcontext(sys.executable)),
        # KFP doubts every image that is not called python; its processes use none.
        (subprocess_task_handler.SubprocessTaskHandler, "validate_image", lambda handler, image: None),
        (logging_utils, "local_logger_context", contextlib.nullcontext),
        (logging_utils, "indented_print", contextlib.nullcontext),
        (logging_utils, "print_horizontal_line", lambda: None),
    ]
    with contextlib.suppress(ImportError):  # the engine's package comes with KFP's extra of that name
        from kfp.local import docker_task_handler  # needs an extra: docker

        replacements.append((docker_task_handler, "run_docker_container", running.container))
    with contextlib.ExitStack() as stack:
        for place, name, replacement in replacements:
            stack.callback(setattr, place, name, getattr(place, name))
            setattr(place, name, replacement)
        tasks = SideBySide(at_once, one_card=has_card(), end=running.end)
        stack.enter_context(tasks.applied())
        stack.enter_context(_into(log))
        if forks is not None:
            stack.callback(forks.close)
        yield running.failed


def _now(dispatcher: Any) -> Callable[..., Any]:
    function: Callable[..., Any] = dispatcher.run_single_task_implementation
    return function


@contextlib.contextmanager
def _into(log: TextIO) -> Iterator[None]:
    """Send to the log what KFP says on the root logger and as warnings."""

    def warned(message: Warning | str, category: type[Warning], *_: object) -> None:
        log.write(f"{category.__name__}: {message}\n")

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    handler = logging.StreamHandler(log)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root.handlers, root.level = [handler], logging.INFO
    try:
        with warnings.catch_warnings():
            # It also warns of every resource on a machine without a scheduler.
            warnings.showwarning = warned  # type: ignore[assignment]
            yield
    finally:
        root.handlers = handlers
        root.setLevel(level)


def _program(full_command: list[str]) -> tuple[str, list[str]]:
    """The source of a Python component, and the arguments of its executor, out of the shell command that KFP makes.

    Raises:
        AffektError: it is another command: this runs Python components that install nothing.
    """
    if tuple(full_command[:2]) != _SCRIPT or len(full_command) < 4 or _PROGRAM not in full_command[2]:
        raise AffektError(
            f"only Python components that install no packages run in processes of this machine, not {full_command[:3]}",
            code="no_python_component",
        )
    return full_command[3], full_command[4:]


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines of an output that comes in pieces of any size."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)
    if rest:
        yield rest.decode(errors="replace")
