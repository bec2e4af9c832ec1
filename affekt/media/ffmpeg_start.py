"""How ffmpeg is started: with limits of the system that hold before its first instruction, and without an environment.

It reads what strangers send, and the keys of a cloud may be in this process's environment.
"""

from __future__ import annotations

import resource
import shutil
from collections.abc import Sequence
from functools import cache

#: Bytes of memory.
MEMORY = 6 << 30
#: The environment of every ffmpeg.
ENVIRONMENT: dict[str, str] = {}


@cache
def limiter() -> str:
    """The path of ``prlimit`` (util-linux); empty where it is not installed.

    Python can set limits between fork and exec itself, but a fork of a process with networks in it takes as long as a
    clip's decoding.
    """
    return shutil.which("prlimit") or ""


def limited(command: Sequence[str], seconds: float, file_bytes: int = 0) -> list[str]:
    """The command line that starts a command within limits; the command itself where there is no :func:`limiter`.

    Args:
        command: of ffmpeg.
        seconds: of processor time.
        file_bytes: of a file that it writes; pipes have no limit.
    """
    if not limiter():
        return list(command)
    wanted = {
        "as": (resource.RLIMIT_AS, MEMORY),
        "cpu": (resource.RLIMIT_CPU, int(seconds) + 2),
        "fsize": (resource.RLIMIT_FSIZE, file_bytes),
        "core": (resource.RLIMIT_CORE, 0),
    }
    flags = []
    for name, (kind, most) in wanted.items():
        _, hard = resource.getrlimit(kind)  # nobody but root may raise it
        flags.append(f"--{name}={most if hard == resource.RLIM_INFINITY else min(most, hard)}")
    return [limiter(), *flags, *command]
