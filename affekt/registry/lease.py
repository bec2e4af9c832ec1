"""One at a time: whoever changes which version of a model is the champion holds the model's lease meanwhile."""

from __future__ import annotations

import fcntl
import logging
import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.errors import AffektError
from affekt.registry.tracking import Tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

#: The tag of a registered model on a server that says who holds its lease.
TAG = "affekt.lease"
#: After a lease is written it is read again so many seconds later; the last of several writers keeps it.
SETTLE = 1.0
#: A lease that stands unchanged for so many seconds belongs to nobody who lives; it is held for a few requests.
DEAD = 60.0
#: How long to wait for a lease, seconds.
PATIENCE = 600.0
_ASK_AGAIN = 0.2
#: Code of the error that another took the lease.
LOST = "lease_lost"

#: Raises an error where the lease was lost.
Check = Callable[[], None]


@contextmanager
def held(tracking: Tracking, name: str, *, patience: float = PATIENCE) -> Iterator[Check]:
    """Hold the lease of a registered model.

    With MLflow's SQLite database it is a lock of a file beside it, which the system gives back when its holder dies.
    A server knows no locks and no conditional writes, so there it is a tag of the model that is written, read again,
    and checked before each change (``docs/operations.md`` says what that cannot rule out).

    Args:
        tracking: where the model is registered.
        name: of the model, which exists.
        patience: seconds to wait for others.

    Yields:
        A function to call just before each change: it raises where the lease was lost.

    Raises:
        AffektError: ``busy``: others held it all the time; ``lease_lost``: see above.
    """
    beside = tracking.registry_folder
    if beside is not None:
        with _file(beside / "locks" / f"{name}.lock", name, patience):
            yield lambda: None
        return
    token = _take(tracking.client, name, patience)

    def check() -> None:
        if _standing(tracking.client, name) != token:
            raise AffektError(
                "another process took over while the champion was being changed; try again",
                code=LOST,
                where=name,
            )

    try:
        yield check
    finally:
        if _standing(tracking.client, name) == token:
            tracking.client.delete_registered_model_tag(name, TAG)


@contextmanager
def _file(path: Path, name: str, patience: float) -> Iterator[None]:
    path.parent.mkdir(exist_ok=True)
    until = time.monotonic() + patience
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                _pause(name, until)
        yield


def _take(client: MlflowClient, name: str, patience: float) -> str:
    """Write a lease of one's own where none stands, or a dead one, until it is still there after :data:`SETTLE`."""
    token = uuid.uuid4().hex
    until = time.monotonic() + patience
    seen, since = "", time.monotonic()
    while True:
        standing = _standing(client, name)
        if standing != seen:
            seen, since = standing, time.monotonic()
        dead = bool(standing) and time.monotonic() - since > DEAD
        if dead:
            logger.warning("the lease of %s stood for %.0f s; its holder is taken for dead", name, DEAD)
        if dead or not standing:
            client.set_registered_model_tag(name, TAG, token)
            time.sleep(SETTLE)
            if _standing(client, name) == token:
                return token
        _pause(name, until)


def _standing(client: MlflowClient, name: str) -> str:
    return str(client.get_registered_model(name).tags.get(TAG, ""))


def _pause(name: str, until: float) -> None:
    if time.monotonic() > until:
        raise AffektError(
            "others are changing the champion of this model all the time; try again later", code="busy", where=name
        )
    time.sleep(_ASK_AGAIN * random.uniform(0.5, 1.5))
