"""The door's process, behind its guard, as whoever started it sees it: told what to serve, heard, looked at, ended."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import affekt
from affekt import events
from affekt.errors import AffektError
from affekt.serving.engines.liveness import children, stopped

#: Looks at a door that is stopped after which it is not taken for one that was stopped for a moment, as by a debugger.
_STOPPED_LOOKS = 10


class DoorProcess:
    """Starts the process, which waits for what it is told.

    Args:
        log: takes what it says before it has a log of its own.
        folders: that the guard removes when this process is gone.
        held: the descriptor of a lock that it has as long as it is there; None for none.
    """

    def __init__(self, log: Path, folders: Sequence[Path], held: int | None) -> None:
        paths = [str(Path(str(affekt.__file__)).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "affekt.serving.guard", str(os.getpid()), os.pathsep.join(map(str, folders)),
                 sys.executable, "-m", "affekt.serving.door.process"],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                start_new_session=True,
                pass_fds=() if held is None else (held,),
            )  # fmt: skip
        self.pid = self._process.pid
        self._looks = 0

    def running(self) -> bool:
        """Whether it is there."""
        return self._process.poll() is None

    def lost(self) -> str:
        """Look at it, as is done once or twice a second: in words, why it answers nobody any more; empty while it does.

        One that is busy, however long, is left alone.
        """
        if not self.running():
            return "the server ended by itself"
        self._looks = self._looks + 1 if any(map(stopped, children(self.pid))) else 0
        return "the server was stopped (SIGSTOP), and is ended" if self._looks > _STOPPED_LOOKS else ""

    def tell(self, document: Mapping[str, Any]) -> None:
        """Send it a line: first its options, then what it serves."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended, and has said why
            self._process.stdin.write(json.dumps(document).encode() + b"\n")
            self._process.stdin.flush()

    def first_word(self, timeout: float, log_tail: Callable[[], str]) -> dict[str, Any]:
        """What the door says when it is ready.

        Args:
            timeout: seconds until it has to be.
            log_tail: the last lines of its logs.

        Raises:
            AffektError: it says what went wrong, or nothing.
        """
        assert self._process.stdout is not None
        output = self._process.stdout
        lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=lambda: lines.put(output.readline()), daemon=True).start()
        ends = time.monotonic() + timeout
        while True:
            try:
                line = lines.get(timeout=0.2)
                break
            except queue.Empty:
                if time.monotonic() > ends:
                    raise AffektError(
                        f"the server was not ready after {timeout:.0f} s:\n{log_tail()}", code="server_timeout"
                    ) from None
        match events.read(line.decode(errors="replace")):
            case events.Done(result=said):
                return dict(said)
            case events.Error() as error:
                raise error.to_exception()
        raise AffektError(f"the server ended while it started:\n{log_tail()}", code="server_failed")

    def end(self, patience: float) -> None:
        """End it and all that it has started, by force after so many seconds."""
        process = self._process
        process.terminate()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGCONT)  # what was stopped hears nothing until it goes on
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
