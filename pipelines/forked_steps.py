"""A process that has imported what steps import, from which each step of a run on this machine is forked.

KFP, MLflow and PyTorch take more than three CPU seconds to import, and a training has some eighteen steps. The process
is started with the first step. It imports the rest while that runs, computes nothing and starts no threads, so that
forks of it are whole; and what a fork does ends with that fork.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import BufferedRWPair
from typing import IO, Any

from affekt import lifeline
from affekt.extensions import model_specs

#: What every step needs, and what most of those do that come behind the first.
FIRST = ("kfp.dsl.executor_main", "affekt.steps.step", "affekt.registry", "mlflow.tracking")
THEN = (
    "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store", "torch", "pandas",
    "sklearn.linear_model", "scipy.stats", "matplotlib.backends.backend_agg", "affekt.ensemble.champion",
    "affekt.report.confusions", "affekt.steps.train_member", "affekt.steps.fit_fusion", "affekt.steps.run_gate",
    "affekt.steps.register",
)  # fmt: skip
#: Seconds that forks get to end, after they were told to, before the process that they hang on is killed.
_ENDS = 20.0
_RUNTIME = {"_KFP_RUNTIME": "true"}
#: A request is one byte, with the pipe for the step's output and the socket on which all else is said.
_ASKED = b"s"
#: The same, of a step that trains a network: its optimiser imports PyTorch's compiler, which takes 2 CPU seconds.
_ASKED_FOR_A_NETWORK = b"n"
_COMPILER = "torch._dynamo"


def possible() -> bool:
    """Whether processes of this system can be forked so; elsewhere libraries of the system forbid it."""
    return sys.platform == "linux"


class ForkedSteps:
    """The process, started when the first step is.

    Args:
        environment: of the process and its forks, on top of this process's.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._asking: socket.socket | None = None

    def start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> ForkedStep:
        """Start KFP's executor with these arguments, in a fork with exactly this environment.

        Raises:
            OSError: the process is gone.
        """
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        told: BufferedRWPair | None = None
        try:
            try:
                with self._lock:
                    if self._asking is None:
                        self._open()
                    assert self._asking is not None
                    request = _ASKED_FOR_A_NETWORK if _trains_a_network(arguments) else _ASKED
                    socket.send_fds(self._asking, [request], [writing, theirs.fileno()])
            finally:
                theirs.close()  # held here, it would hide that the process has died with the request unread
                os.close(writing)
            told = ours.makefile("rwb")
            ours.close()
            told.write(json.dumps({"arguments": list(arguments), "environment": dict(environment)}).encode() + b"\n")
            told.flush()
            pid = told.readline()
            if not pid:
                raise ProcessLookupError("the process that steps are forked from is gone")
        except BaseException:
            os.close(reading)
            if told is not None:
                told.close()  # a fork that waits for what it should do would wait for as long as the error is looked at
            raise
        return ForkedStep(int(pid), os.fdopen(reading, encoding="utf-8", errors="replace"), told)

    def _open(self) -> None:
        self._asking, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            env={**os.environ, **self._environment, **_RUNTIME},
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()

    def close(self) -> None:
        """End the process, which waits for its forks; those that nobody could tell to end die with it."""
        if self._asking is not None and self._process is not None:
            self._asking.close()
            try:
                self._process.wait(_ENDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class ForkedStep:
    """A step that runs in a fork.

    Attributes:
        pid: of its process.
        stdout: what it writes, both to standard output and to standard error.
    """

    def __init__(self, pid: int, stdout: IO[str], told: BufferedRWPair) -> None:
        self.pid, self.stdout, self._told = pid, stdout, told
        self._over = False

    def terminate(self) -> None:
        """Tell it to end; it writes its checkpoint first."""
        if not self._over:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> int:
        """Its exit status, negative for a signal."""
        status = self._told.readline()
        self._over = True
        self._told.close()
        self.stdout.close()
        return int(status) if status else -signal.SIGKILL


def _trains_a_network(arguments: Sequence[str]) -> bool:
    return any(f"train_{name}" in arguments for name, model in model_specs().items() if model.processes)


def _serve(asking: socket.socket) -> tuple[list[str], int] | None:
    """Fork for each request, until there will be none: None then, and in a fork the step's arguments."""
    parent = os.getppid()
    waking, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    steps: dict[int, socket.socket] = {}
    open_for_more, left = True, [*THEN]
    with selectors.DefaultSelector() as selector:
        selector.register(asking, selectors.EVENT_READ)
        selector.register(waking, selectors.EVENT_READ)
        while open_for_more or steps:
            for ready, _ in selector.select(0 if left and steps else None):
                if ready.fileobj == waking:
                    with suppress(BlockingIOError):
                        os.read(waking, 4096)
                    _tell_ends(steps)
                    continue
                message, given, *_ = socket.recv_fds(asking, len(_ASKED), 2)
                if not message:
                    selector.unregister(asking)
                    open_for_more = False
                    if os.getppid() != parent:  # it was killed; the steps follow
                        return None
                    continue
                if message == _ASKED_FOR_A_NETWORK:
                    _imported(_COMPILER)  # once for all of them
                output, said = given[0], socket.socket(fileno=given[1])
                server, child = os.getpid(), os.fork()
                if child == 0:
                    return _be_a_step(output, said, [asking, *steps.values()], (waking, woken)), server
                os.close(output)
                steps[child] = said
                said.sendall(b"%d\n" % child)
            if left and steps:
                _imported(left.pop(0))
    return None


def _tell_ends(steps: dict[int, socket.socket]) -> None:
    """Say of each step that has ended how it did."""
    for pid in list(steps):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with suppress(OSError), steps.pop(pid) as said:
                said.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _be_a_step(output: int, said: socket.socket, others: Sequence[socket.socket], pipe: Sequence[int]) -> list[str]:
    """Turn a fork into a process as if it had just been started, and return the arguments that it was started with."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.close(output)
    for descriptor in pipe:
        os.close(descriptor)
    for other in others:
        other.close()
    with said, said.makefile("rb") as request:
        asked: dict[str, Any] = json.loads(request.readline())
    os.environ.clear()
    os.environ.update(asked["environment"])
    arguments: list[str] = asked["arguments"]
    return arguments


def _imported(module: str) -> None:
    with suppress(ImportError):  # a step that needs it says so
        importlib.import_module(module)
    gc.freeze()  # so that a collection in a fork does not copy it


class _Ending:
    """The end of a fork whose step went well: whoever asked for it is heard, and then the process is gone.

    Taking all that was imported apart costs 1.7 CPU seconds, more than most steps.
    """

    def __init__(self) -> None:
        self.went_well = False
        atexit.register(self._end)

    def _end(self) -> None:
        if self.went_well:
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)


def main() -> None:
    """Be that process; in its forks, KFP's executor."""
    ending = _Ending()  # before all that may ask to be heard at the end: the last to ask is the first to be heard
    # Who ends a run ends all processes below it; this one must outlive the steps, and dies with the run by its socket.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    for module in FIRST:
        _imported(module)
    step = _serve(socket.socket(fileno=int(sys.argv[1])))
    if step is None:
        os._exit(0)  # taking all that was imported apart would take as long as a step
    arguments, server = step
    lifeline.hold(server)
    sys.argv = ["executor_main", *arguments]
    from kfp.dsl.executor_main import executor_main  # imported already

    executor_main()
    ending.went_well = True


if __name__ == "__main__":
    main()
