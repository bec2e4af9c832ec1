"""What a door is told when it starts: how it serves, and, when that is known, what; each a line of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

LOOPBACK = "127.0.0.1"
#: Addresses that this machine alone reaches.
LOCAL = ("localhost", LOOPBACK, "::1")
EngineName = Literal["torchserve", "direct"]


@dataclass(frozen=True)
class Options:
    """How a model is served.

    Attributes:
        work: folder for logs and the model store.
        temporary: folder for sockets and clips, for its owner alone.
        engine: what computes answers.
        name: the model's, in addresses.
        address: of the network.
        port: of the network; 0 takes a free one.
        metrics_port: a second port with ``/metrics`` alone; 0 for none.
        ahead: worker processes that are started before the model is known, where the engine starts them itself.
        threads: of each worker.
        room: requests that wait before the next is refused with 503.
        buckets: of S3, from which clips may be fetched.
        watch: seconds for which a new version is watched, and taken back where it fails or is slow.
        slower: times as long as the version before that a new one may take for an answer.
        keys: file of keys, of which a client needs one; empty for none.
        hosts: names of this server in the Host header; those of loopback are always.
        origins: of web pages of other sites that may ask.
        people: persons named by callers, of whose earlier clips statistics are kept; with 0 none may be named.
        people_minutes: after the last clip of a person, until they are forgotten.
    """

    work: str
    temporary: str
    engine: EngineName = "torchserve"
    name: str = "affekt"
    address: str = LOOPBACK
    port: int = 0
    metrics_port: int = 0
    ahead: int = 0
    threads: int = 1
    room: int = 32
    buckets: tuple[str, ...] = ()
    watch: float = 60.0
    slower: float = 3.0
    keys: str = ""
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    people: int = 200
    people_minutes: float = 30.0

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        return self.address in LOCAL

    @property
    def admin(self) -> Path:
        """The socket at which the server is managed, by its owner alone."""
        return Path(self.temporary) / "admin.sock"

    @property
    def log(self) -> Path:
        """The door's log: a line of JSON for each request."""
        return Path(self.work) / "logs" / "door.log"

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Options:
        """What :meth:`to_dict` gave."""
        lists = {field.name for field in fields(cls) if isinstance(field.default, tuple)}
        values: dict[str, Any] = {name: tuple(value) if name in lists else value for name, value in document.items()}
        return cls(**values)


@dataclass(frozen=True)
class Served:
    """What is served first.

    Attributes:
        ensemble: folder of a saved ensemble.
        version: of the model, in answers.
        workers: worker processes; each holds the ensemble once.
        trials: clips with the answers that they have to get before anybody is answered, as
            :meth:`affekt.serving.door.trial.Trial.from_dict` takes them.
    """

    ensemble: str
    version: str = "1"
    workers: int = 1
    trials: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)
