"""Containers belong to the command that started them, and end with it, whatever ended it.

A command that is killed by SIGKILL can end nobody, and its containers would train on and promote their model. So a
process beside it (``python -m affekt.pipelines.container_owner``) waits for the end of its input, which comes with the
end of the command, and then removes the containers that bear the command's label. What that cannot reach, such as
the containers of a command that was killed together with everything around it, the next start removes.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from affekt import owner

if TYPE_CHECKING:
    import docker

#: The label of a container with the process that it belongs to (:mod:`affekt.owner`).
LABEL = "affekt.owner"
#: How often the engine is asked for containers of a command that is gone, and how many seconds apart: what it was
#: asked to start may appear later, and it may be busy.
_LOOKS, _APART = 5, 1.0
#: What a command writes that ended well.
_WELL = b"well"


@contextlib.contextmanager
def ended_with_us() -> Iterator[None]:
    """Within it, containers with this process's label are removed when this process ends, or leaves it by an error."""
    mine = owner.this_process()
    # Signals to the command and its terminal are not meant for what clears up behind it.
    watch = subprocess.Popen(
        [sys.executable, "-m", __spec__.name, mine],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert watch.stdin is not None
    assert watch.stdout is not None
    with watch:
        watch.stdout.readline()
        yield
        watch.stdin.write(_WELL)


def remove_abandoned(client: docker.DockerClient) -> list[str]:
    """Remove the containers whose owner was a process of this machine and is gone.

    Returns:
        A sentence on each.
    """
    return [
        f"the container {name} was left by a process that is gone: removed" for name in _remove(client, owner.is_gone)
    ]


def _remove(client: docker.DockerClient, belongs: Callable[[str], bool]) -> list[str]:
    """Remove, by force, the containers whose owner is such; their names."""
    from docker.errors import DockerException  # an extra: docker, and only runs in containers need it

    removed = []
    for container in client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
        if belongs(container.labels.get(LABEL, "")):
            with contextlib.suppress(DockerException):  # it is being removed
                container.remove(force=True)
                removed.append(str(container.name))
    return removed


def main() -> None:
    """Wait for the end of the command, then remove its containers, unless it says that it ended well."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if sys.stdin.buffer.read() == _WELL:
        return
    import docker  # an extra: docker, and heavy: only when there is something to clear up
    from docker.errors import DockerException  # an extra: docker, and only runs in containers need it

    for look in range(_LOOKS):
        with contextlib.suppress(DockerException, OSError), contextlib.closing(docker.from_env()) as client:
            if not _remove(client, sys.argv[1].__eq__) and look:
                return
        time.sleep(_APART)


if __name__ == "__main__":
    main()
