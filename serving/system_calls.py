"""Filters of system calls (seccomp): what a thread, and all that it starts, may ask of the kernel from there on.

They need no rights and cannot be undone (https://docs.kernel.org/userspace-api/seccomp_filter.html). What is refused
fails with EPERM.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
from collections.abc import Sequence
from functools import cache

_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
#: The number of ``socket`` and the architecture as seccomp calls it.
_SOCKET = {"x86_64": (41, 0xC000003E), "aarch64": (198, 0xC00000B7)}
#: What decoding needs, by its number on x86_64: memory, time, an end, and files that are open already.
_DECODING = {
    "read": 0, "close": 3, "fstat": 5, "lseek": 8, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14,
    "rt_sigreturn": 15, "pread64": 17, "sched_yield": 24, "mremap": 25, "madvise": 28, "dup": 32, "getpid": 39,
    "recvmsg": 47, "exit": 60, "fcntl": 72, "gettimeofday": 96, "futex": 202, "clock_gettime": 228, "exit_group": 231,
    "getrandom": 318,
}  # fmt: skip
#: Memory from which nothing can be run, and facts of what is open, not of a name.
_MMAP, _MPROTECT, _NEWFSTATAT = 9, 10, 262
_PROT_EXEC, _AT_EMPTY_PATH = 4, 0x1000
_LOAD, _GO, _EQUAL, _ANY_OF, _ANSWER = 0x20, 0x05, 0x15, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001

#: Operation, where to go on where it holds and where not (that many instructions further), and its operand.
Instruction = tuple[int, int, int, int]


def socket_call() -> tuple[int, int] | None:
    """The number of ``socket`` and the architecture; None where they are not known."""
    return _SOCKET.get(platform.machine()) if sys.platform.startswith("linux") else None


def refuse_sockets() -> bool:
    """Let ``socket`` fail, and all else be. Returns whether that holds."""
    if not (call := socket_call()):
        return False
    number, architecture = call
    return _held(
        (
            (_LOAD, 0, 0, _ARCHITECTURE_AT),
            (_EQUAL, 0, 3, architecture),
            (_LOAD, 0, 0, _NUMBER_AT),
            (_EQUAL, 0, 1, number),
            (_ANSWER, 0, 0, _REFUSE),
            (_ANSWER, 0, 0, _ALLOW),
        )
    )


def only_decode() -> bool:
    """Let all fail but what decoding of open files needs: no name is opened, no process started or reached.

    Returns whether that holds. It does on Linux, x86_64, alone.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return False
    return _held(_decoding())


def _decoding() -> list[Instruction]:
    of_memory = [(_LOAD, 0, 0, _ARGUMENTS_AT + 2 * 8), (_ANY_OF, 3, 2, _PROT_EXEC)]
    of_facts = [(_LOAD, 0, 0, _ARGUMENTS_AT + 3 * 8), (_EQUAL, 0, 1, _AT_EMPTY_PATH)]
    ends = [(_ANSWER, 0, 0, _ALLOW), (_ANSWER, 0, 0, _REFUSE)]
    numbers = sorted(_DECODING.values())
    # Behind the numbers: three that look further, a way to the end for all others, and the four parts above.
    tests: list[Instruction] = []
    count = len(numbers) + 3
    memory, facts = count + 1, count + 1 + len(of_memory)
    allow = facts + len(of_facts)
    for place, number in enumerate([*numbers, _MMAP, _MPROTECT, _NEWFSTATAT]):
        goal = memory if number in (_MMAP, _MPROTECT) else facts if number == _NEWFSTATAT else allow
        tests.append((_EQUAL, goal - place - 1, 0, number))
    other = (_GO, 0, 0, len(of_memory) + len(of_facts) + 1)
    body = [*tests, other, *of_memory, *of_facts, *ends]
    architecture = (_EQUAL, 1, 0, _SOCKET["x86_64"][1])
    return [
        (_LOAD, 0, 0, _ARCHITECTURE_AT), architecture, (_ANSWER, 0, 0, _REFUSE), (_LOAD, 0, 0, _NUMBER_AT), *body
    ]  # fmt: skip


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def _held(instructions: Sequence[Instruction]) -> bool:
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in instructions))
    program = _Program(len(instructions), ctypes.cast(code, ctypes.c_void_p))
    libc = _libc()
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    held: int = libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)
    return held == 0


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
