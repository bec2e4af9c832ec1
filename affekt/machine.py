"""How many cores and how much memory this process may use: the machine's, or less where a control group says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

#: Where Linux tells of control groups.
ROOT = Path("/sys/fs/cgroup")
SELF = Path("/proc/self/cgroup")


def cores(root: Path = ROOT, membership: Path = SELF) -> float:
    """Cores that this process may use at a time, by its affinity and the quotas of its groups."""
    count = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    for folder in _groups("cpu", root, membership):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if not quota:
            quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period):
            count = min(count, int(quota) / int(period))
    return count


def whole_cores() -> int:
    """How many processes of one thread have a core each; at least one."""
    return max(1, int(cores()))


def threads_told() -> int:
    """How many threads ``OMP_NUM_THREADS`` tells libraries to use, the first of a list as of OpenMP; 0 where none."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() else 0


@cache
def processor() -> str:
    """What the processor is, and which instructions it has."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        import platform  # rarely needed

        return f"{platform.machine()} {platform.processor()}"
    return "\n".join(
        sorted({line for line in lines if line.split(":")[0].strip() in ("model name", "flags", "Features")})
    )


def memory(root: Path = ROOT, membership: Path = SELF) -> int:
    """Bytes of memory that this process may use: the machine's, and no more than any of its groups may."""
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for folder in _groups("memory", root, membership):
        for name in ("memory.max", "memory.limit_in_bytes"):
            if (text := _read(folder / name)).isdigit():
                size = min(size, int(text))
    return size


def free_memory(root: Path = ROOT, membership: Path = SELF) -> int:
    """Bytes that this process and those that it starts may still take, as far as Linux tells."""
    left = memory(root, membership)
    for line in _read(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            left = min(left, int(line.split()[1]) << 10)
    for folder in _groups("memory", root, membership):
        for limit, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            if (most := _read(folder / limit)).isdigit() and (taken := _read(folder / used)).isdigit():
                left = min(left, int(most) - int(taken))
    return max(0, left)


def _groups(controller: str, root: Path, membership: Path) -> Iterator[Path]:
    """The folders of the process's control groups, its own and all above it, of version 2 and of version 1.

    In a container its own folder is mounted at the root while the path is the host's: folders that are not here are
    passed over, the root is always one.
    """
    for line in _read(membership).splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if names and controller not in names.split(","):
            continue
        top = root / controller if names else root
        own = top / path.strip("/")
        yield from (folder for folder in (own, *own.parents) if folder == top or top in folder.parents)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        return ""
