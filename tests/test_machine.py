"""Cores and memory as the control groups of a process allow, read from folders laid out as Linux lays them out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from affekt import machine

GIB = 1 << 30


@pytest.fixture
def tree(tmp_path):
    """Writes the files of control groups, and gives the arguments for what reads them."""

    def write(membership: str, files: dict[str, str]) -> tuple[Path, Path]:
        root = tmp_path / "cgroup"
        root.mkdir()
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(f"{text}\n", encoding="ascii")
        (tmp_path / "self").write_text(membership, encoding="ascii")
        return root, tmp_path / "self"

    return write


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "50000 100000", "memory.max": str(GIB)}, (0.5, GIB)),
        ("0::/a/b\n", {"a/cpu.max": "25000 100000", "a/b/cpu.max": "max 100000", "a/memory.max": "4096"}, (0.25, 4096)),
        ("0::/of/the/host\n", {"cpu.max": "50000 100000", "memory.max": str(GIB)}, (0.5, GIB)),
        (
            "4:memory:/pod\n1:cpu,cpuacct:/pod\n0::/\n",
            {
                "cpu/pod/cpu.cfs_quota_us": "50000", "cpu/pod/cpu.cfs_period_us": "100000",
                "memory/pod/memory.limit_in_bytes": str(GIB), "memory/memory.limit_in_bytes": "9223372036854771712",
            },
            (None, GIB),
        ),
        (
            "4:memory:/host\n1:cpu:/host\n",
            {
                "cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000",
                "memory/memory.limit_in_bytes": str(GIB),
            },
            (0.5, GIB),
        ),
    ],
    ids=["version 2", "the strictest", "container of version 2", "version 1", "container of version 1"],
)  # fmt: skip
def test_the_strictest_limit_holds(membership, files, expected, tree):
    places = tree(membership, files)
    cores, memory = expected
    assert machine.memory(*places) == memory
    if cores is not None:
        assert machine.cores(*places) == cores


def test_without_limits_it_is_the_machine(tree):
    places = tree("1:cpu:/\n0::/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu.max": "max 100000", "memory.max": "max"})
    assert machine.cores(*places) == len(os.sched_getaffinity(0))
    assert machine.memory(*places) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_free_memory_is_what_the_group_has_not_taken(tree):
    groups = tree("0::/pod\n", {"pod/memory.max": str(GIB), "pod/memory.current": str(GIB // 4)})
    assert machine.free_memory(*groups) == GIB - GIB // 4


def test_a_process_has_a_core_of_its_own_wherever_it_runs(monkeypatch):
    for cores, whole in ((0.5, 1), (2.0, 2), (3.9, 3)):
        monkeypatch.setattr(machine, "cores", lambda cores=cores: cores)
        assert machine.whole_cores() == whole


@pytest.mark.parametrize(
    ("told", "threads"), [("3", 3), ("4,2", 4), (" 2 ", 2), ("", 0), ("0", 0), ("many", 0), ("-1", 0)]
)
def test_threads_are_told_as_to_openmp(monkeypatch, told, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert machine.threads_told() == threads
