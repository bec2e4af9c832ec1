"""The keys that clients of a server have: hashes in a file, which may change while the server runs."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import math
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from affekt.errors import DataError, as_affekt_error
from affekt.storage import appearing, require_folder_of

#: Requests a minute of a key that says nothing else.
PER_MINUTE = 600.0
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Key:
    """What the file says of one key.

    Attributes:
        name: of whoever has it, for the log.
        digest: SHA-256 of the key, hexadecimal; a key is random, so that no slow hash is needed.
        per_minute: requests that are answered.
    """

    name: str
    digest: str
    per_minute: float = PER_MINUTE


def read_keys(path: Path) -> list[Key]:
    """The keys in a file.

    Raises:
        DataError: it cannot be read, or is no file of keys.
    """
    makes = "affekt keys add NAME --file FILE makes one"
    if path.exists() and not path.is_file():
        message = f"is no file, and a server reads its keys again whenever they change; {makes}"
        raise DataError(message, code="bad_keys", where=str(path))
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)
        return [_read(str(name), each) for name, each in document.items()]
    except FileNotFoundError as error:
        raise DataError(f"there is no such file of keys; {makes}", code="bad_keys", where=str(path)) from error
    except OSError as error:
        raise DataError(as_affekt_error(error).message, code="bad_keys", where=str(path)) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"is something else than a file of keys; {makes}", code="bad_keys", where=str(path)) from error


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object that says nothing twice: of two keys of one name the first would hold no more."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError
    return found


def _read(name: str, document: Mapping[str, Any]) -> Key:
    found = Key(name, str(document["sha256"]), float(document["per_minute"]))
    if not _DIGEST.fullmatch(found.digest) or not 0 < found.per_minute < math.inf:
        raise ValueError
    return found


def add_key(path: Path, name: str, per_minute: float = PER_MINUTE) -> str:
    """Put a new key into a file, which is made where it is missing, in place of one of the same name.

    Returns:
        The key; only its hash is kept.

    Raises:
        DataError: the file's folder is not there, or the file cannot be read as one of keys.
    """
    require_folder_of(path)
    made = secrets.token_urlsafe(32)
    with _alone(path):
        kept = {key.name: key for key in read_keys(path)} if path.exists() else {}
        kept[name] = Key(name, _digest(made), per_minute)
        _write(path, kept)
    return made


def remove_key(path: Path, name: str) -> None:
    """Take a key out of a file; running servers refuse it from then on.

    Raises:
        DataError: there is none of that name.
    """
    read_keys(path)  # says of a file that is not there that it is not, whatever there is of its folder
    with _alone(path):
        kept = {key.name: key for key in read_keys(path)}
        if name not in kept:
            raise DataError(f"has no key {name!r}; it has {', '.join(kept) or 'none'}", code="no_key", where=str(path))
        del kept[name]
        _write(path, kept)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Within it no other command changes the file; its folder has the lock, since the file itself is replaced."""
    folder = os.open(Path(os.path.realpath(path)).parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write(path: Path, keys: Mapping[str, Key]) -> None:
    document = {key.name: {"sha256": key.digest, "per_minute": key.per_minute} for key in keys.values()}
    there = path.stat() if path.exists() else None
    with appearing(path) as part:
        part.touch(mode=0o600)
        if there is not None:
            with contextlib.suppress(PermissionError):  # root alone may, who may not be whom the server runs as
                os.chown(part, there.st_uid, there.st_gid)
        part.chmod(0o600 if there is None else stat.S_IMODE(there.st_mode))
        part.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass
class _Allowance:
    """What a key may still ask, filled as time goes by."""

    left: float
    since: float


@dataclass
class Keys:
    """The keys of a running server; a change of the file holds at once.

    Attributes:
        path: of the file.
    """

    path: Path
    _stamp: tuple[int, int, int] = (0, 0, 0)
    _known: list[Key] = field(default_factory=list)
    _allowances: dict[str, _Allowance] = field(default_factory=dict)

    def of(self, given: str) -> Key | None:
        """The key that a client gave; None where it is none of those in the file.

        Raises:
            DataError: the file cannot be read.
        """
        found = self.path.stat()
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if stamp != self._stamp:
            self._known, self._stamp = read_keys(self.path), stamp
        digest, match = _digest(given), None
        for key in self._known:  # all of them, in the same time
            if hmac.compare_digest(digest, key.digest):
                match = key
        return match

    def wait(self, key: Key) -> float:
        """Count a request of a key: 0 where it is within its rate, else the seconds to wait."""
        now = time.monotonic()
        rate, most = key.per_minute / 60, max(1.0, key.per_minute / 6)
        allowance = self._allowances.setdefault(key.name, _Allowance(most, now))
        allowance.left = min(most, allowance.left + (now - allowance.since) * rate)
        allowance.since = now
        if allowance.left < 1:
            return (1 - allowance.left) / rate
        allowance.left -= 1
        return 0.0
