"""Takes from the thread of a worker that decodes, and from the decoders that it starts, what they do not need.

Landlock (https://docs.kernel.org/userspace-api/landlock.html) leaves it the files of Python, of its model and of its
clips, one folder to write in, and the decoder as the only program; a seccomp filter refuses new sockets. Both need no
rights and cannot be undone. Other threads of the process keep what they have: that which writes records may reach S3.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from affekt.media.ffmpeg_command import ffmpeg_binary
from affekt.media.ffmpeg_start import limiter

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION, _BELOW_PATH = 1, 1
_EXECUTE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 2, 1 << 3
#: How many rights over files a version of Landlock knows; those of them that are for folders alone.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_ALL = 16
_OF_FILES = _EXECUTE | (1 << 1) | _READ_FILE | (1 << 14) | (1 << 15)
_TCP, _SCOPES = 0b11, 0b11
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
#: The number of ``socket`` and the architecture as seccomp calls it.
_SOCKET = {"x86_64": (41, 0xC000003E), "aarch64": (198, 0xC00000B7)}
#: Libraries and what they read, and what starts programs.
_LIBRARIES = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/dev/urandom", "/sys/devices/system/cpu")
_LOADERS = ("/lib64/ld-linux*.so.*", "/lib/ld-linux*.so.*", "/lib/ld-musl*.so.*")


@cache
def landlock_version() -> int:
    """The version of Landlock that the kernel offers; 0 for none."""
    if not sys.platform.startswith("linux"):
        return 0
    version: int = _libc().syscall(_CREATE_RULESET, None, 0, _VERSION)
    return max(0, version)


def possible() -> str:
    """What holds for decoders on this machine, in words."""
    version, sockets = landlock_version(), _socket_call() is not None
    holds = ["an empty environment", f"limits of memory, time and files {'before' if limiter() else 'after'} its start"]
    holds += [f"its own files alone (Landlock {version})"] if version else []
    holds += ["no network (seccomp)"] if sockets else ["no TCP"] if version >= 4 else []
    lacks = [] if version else ["the kernel offers no Landlock: it may read what this user may"]
    lacks += [] if sockets or version >= 4 else ["it may use the network"]
    return "; ".join([f"a decoder has {', '.join(holds)}", *lacks])


def confine(readable: Sequence[Path], writable: Path) -> None:
    """Confine the calling thread, those that it starts, and programs that it runs; what the kernel lacks is left out.

    Args:
        readable: folders of the model and of clips.
        writable: the one folder to write in.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = _libc()
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if landlock_version():
        _keep_files(libc, readable, writable)
    if call := _socket_call():
        _refuse_sockets(libc, *call)


def _keep_files(libc: ctypes.CDLL, readable: Sequence[Path], writable: Path) -> None:
    version = landlock_version()
    rights = (1 << _FILE_RIGHTS.get(version, _ALL)) - 1
    size = 8 * (3 if version >= 6 else 2 if version >= 4 else 1)
    values = (rights, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    rules: int = libc.syscall(_CREATE_RULESET, struct.pack("=QQQ", *values), size, 0)
    if rules < 0:
        return
    modules = [module for module in [*sys.modules.values()] if module is not None]  # None: kept from import
    packages = {path for module in modules for path in vars(module).get("__path__", ())}
    paths = [*filter(None, sys.path)]
    python = (sys.prefix, sys.base_prefix, *paths, *map(str, packages), *_linked(paths))
    _allow(libc, rules, (*_LIBRARIES, *python, *readable), _READ_FILE | _READ_FOLDER)
    loaders = (path.resolve() for pattern in _LOADERS for path in Path("/").glob(pattern[1:]))
    _allow(libc, rules, (ffmpeg_binary(), *filter(None, [limiter()]), *loaders), _EXECUTE | _READ_FILE)
    _allow(libc, rules, (writable,), rights & ~_EXECUTE)
    _allow(libc, rules, ("/dev/null",), _READ_FILE | (1 << 1))
    libc.syscall(_RESTRICT_SELF, rules, 0)
    os.close(rules)


def _linked(paths: Iterable[str]) -> set[str]:
    """Where installed packages lie that are links, or whose files are: some installers keep them once for all."""
    found = set()
    for path in paths:
        if Path(path).name not in ("site-packages", "dist-packages"):
            continue
        for package in _entries(path):
            if package.is_symlink():
                found.add(os.path.realpath(package))
            elif package.is_dir():
                files = (file for file in _entries(package.path) if file.is_symlink())
                found |= {str(Path(file).resolve().parent) for file in files}
    return found


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return list(entries)
    return []


def _allow(libc: ctypes.CDLL, rules: int, paths: Iterable[str | Path], rights: int) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
            allowed = rights if Path(path).is_dir() else rights & _OF_FILES
            libc.syscall(_ADD_RULE, rules, _BELOW_PATH, struct.pack("=Qi", allowed, opened), 0)
            os.close(opened)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def _refuse_sockets(libc: ctypes.CDLL, number: int, architecture: int) -> None:
    """Let ``socket`` fail with EPERM, and all else be."""
    load, equal, answer = 0x20, 0x15, 0x06
    allow, refuse = 0x7FFF0000, 0x00050001
    instructions = (
        (load, 0, 0, 4),  # the architecture of the call
        (equal, 0, 3, architecture),
        (load, 0, 0, 0),  # the number of the call
        (equal, 0, 1, number),
        (answer, 0, 0, refuse),
        (answer, 0, 0, allow),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in instructions))
    program = _Program(len(instructions), ctypes.cast(code, ctypes.c_void_p))
    libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)


def _socket_call() -> tuple[int, int] | None:
    return _SOCKET.get(platform.machine()) if sys.platform.startswith("linux") else None


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
