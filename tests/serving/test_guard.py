"""The guard: a command ends with the process that asked for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
#: A command with a child of its own, as Java has its workers; both write their process ids.
COMMAND = (
    "import os, subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "open(sys.argv[1], 'w').write(f'{os.getpid()} {child.pid} ')\n"
    "time.sleep(600)\n"
)


def started(path: Path) -> list[int]:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if path.exists() and path.read_text().endswith(" "):
            return [int(word) for word in path.read_text().split()]
        time.sleep(0.02)
    raise AssertionError("the command did not start")


def alive(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def all_gone(processes: list[int]) -> bool:
    ends = time.monotonic() + 60
    while any(alive(process) for process in processes) and time.monotonic() < ends:
        time.sleep(0.05)
    return not any(alive(process) for process in processes)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_command_its_children_and_its_folders_go_with_the_parent(tmp_path, number):
    folder, said = tmp_path / "folder", tmp_path / "said"
    (folder / "inside").mkdir(parents=True)
    parent_code = (
        "import os, subprocess, sys, time\n"
        "guard = [sys.executable, '-m', 'affekt.serving.guard', str(os.getpid()), *sys.argv[1:]]\n"
        "subprocess.Popen(guard, start_new_session=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", COMMAND, str(said)]
    parent = subprocess.Popen([sys.executable, "-c", parent_code, str(folder), *command], cwd=REPOSITORY)
    processes = started(said)
    parent.send_signal(number)
    parent.wait()
    assert all_gone(processes)
    assert not folder.exists()


def test_the_folders_stay_while_the_parent_is_there(tmp_path):
    command = [
        sys.executable,
        "-m",
        "affekt.serving.guard",
        str(os.getpid()),
        str(tmp_path),
        sys.executable,
        "-c",
        "exit(3)",
    ]
    assert subprocess.run(command, cwd=REPOSITORY).returncode == 3
    assert tmp_path.is_dir()


def test_sigterm_is_handed_on_and_the_guard_ends_with_the_command(tmp_path):
    said = tmp_path / "said"
    command = [
        sys.executable,
        "-m",
        "affekt.serving.guard",
        str(os.getpid()),
        "",
        sys.executable,
        "-c",
        COMMAND,
        str(said),
    ]
    guard = subprocess.Popen(command, cwd=REPOSITORY, start_new_session=True)
    try:
        own, child = started(said)
        guard.terminate()
        assert guard.wait(timeout=60) != 0
        assert not alive(own)
        assert alive(child)  # what is left of the session is for whoever stops the guard
    finally:
        os.killpg(guard.pid, signal.SIGKILL)
