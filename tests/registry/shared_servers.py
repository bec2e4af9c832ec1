"""Real servers for tests: PostgreSQL, MLflow on it with artifacts in S3, and a way to it that can fail."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
#: Why these tests are left out; empty where they run.
NO_POSTGRESQL = "" if _BINARIES else "PostgreSQL's server is not installed (Debian: postgresql)"


#: MinIO's answer to whatever is sent to it once its disks are full.
_FULL_BODY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>XMinioStorageFull</Code><Message>Storage backend has '
    b"reached its minimum free drive threshold. Please delete a few objects to proceed.</Message></Error>"
)
_FULL = (
    b"HTTP/1.1 507 Insufficient Storage\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_FULL_BODY)
) + _FULL_BODY


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def postgresql(below: Path | None = None) -> Iterator[str]:
    """A PostgreSQL with an empty database; yields its address as the documentation writes it.

    It refuses to run as root, who lets the user ``postgres`` do it.

    Args:
        below: the folder that its own is made in; default the system's for temporary files.
    """
    who = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="affekt-postgresql-", dir=below))
    if who:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
    data, port, bins = str(folder / "data"), free_port(), _BINARIES[-1]
    password = folder / "password"
    password.write_text("secret")
    password.chmod(0o644)

    def run(program: str, *arguments: str) -> None:
        subprocess.run([*who, str(bins / program), *arguments], check=True, cwd=folder, stdout=subprocess.DEVNULL)

    try:
        run("initdb", "-D", data, "-U", "mlflow", "--auth=scram-sha-256", f"--pwfile={password}")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        run("pg_ctl", "-D", data, "-l", str(folder / "log"), "-w", "-o", options, "start")
        try:
            yield f"postgresql://mlflow:secret@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", data, "-m", "fast", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class MlflowServer:
    """``mlflow server`` that can be stopped and started again on the same port.

    Args:
        folder: for its log.
        backend: address of its database.
        artifacts: where it keeps artifacts.
        environment: on top of this process's.
    """

    def __init__(
        self, folder: Path, backend: str, artifacts: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"mlflow-{self.port}.log"
        self._command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        self._command += ["--workers", "1"]
        self._environment = {
            **os.environ,
            "MLFLOW_BACKEND_STORE_URI": backend,
            "MLFLOW_ARTIFACTS_DESTINATION": artifacts,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            **(environment or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without waiting."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self) -> None:
        """Wait until it answers."""
        assert self._process is not None
        until = time.monotonic() + 180
        while time.monotonic() < until:
            assert self._process.poll() is None, self.log.read_text()[-3000:]
            with suppress(requests.RequestException):
                if requests.get(f"{self.uri}/health", timeout=2).ok:
                    return
            time.sleep(0.2)
        raise AssertionError(self.log.read_text()[-3000:])

    @property
    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait()
            self._process = None

    def away(self, seconds: float) -> threading.Thread:
        """Stop it for a while; the thread starts it again."""
        self.stop()

        def back() -> None:
            time.sleep(seconds)
            self.start()
            self.wait()

        thread = threading.Thread(target=back)
        thread.start()
        return thread


class Way:
    """A way to a server on this machine, over which connections come through, are refused, cut or slowed down.

    Attributes:
        state: ``open``; ``503``: each request gets that answer; ``cut``: a connection ends after 100 bytes of an
            answer; ``slow``: three seconds before each piece of an answer; ``full``: what is sent there is answered as
            by an S3 without room.
    """

    def __init__(self, port: int) -> None:
        self.state = "open"
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def away(self, seconds: float) -> None:
        """Refuse connections for a while, as a server that is stopped does, and break those there are."""
        where = self._listener.getsockname()
        self.state = "cut"
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        time.sleep(seconds)
        self.state = "open"
        self._listener = socket.create_server(where)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, suppress(OSError):
            if self.state == "503":
                near.recv(65536)
                near.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                near.shutdown(socket.SHUT_WR)
                while near.recv(65536):
                    pass
                return
            with socket.create_connection(("127.0.0.1", self._target)) as far:
                up = threading.Thread(target=self._pump, args=(near, far, False), daemon=True)
                up.start()
                self._pump(far, near, True)

    def _pump(self, source: socket.socket, target: socket.socket, answer: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                if not answer and self.state == "503":
                    break  # one that was opened before; the next gets the answer
                if not answer and self.state == "full" and piece.startswith((b"PUT ", b"POST ")):
                    source.sendall(_FULL)
                    source.shutdown(socket.SHUT_WR)
                    while source.recv(65536):
                        pass
                    break
                if answer and self.state == "slow":
                    time.sleep(3)
                if answer and self.state == "cut":
                    target.sendall(piece[:100])
                    break
                target.sendall(piece)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
