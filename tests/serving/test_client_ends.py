"""Who wants no answer any more does not wait for one: neither a command nor a program ends later for it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future

import pytest

from affekt.client.threads import Threads


@pytest.fixture
def silent():
    """The port of a server that takes connections and answers nobody; is told of each."""
    taken, kept = threading.Event(), []

    def take() -> None:
        while True:
            try:
                kept.append(listening.accept()[0])
            except OSError:
                return
            taken.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=take, daemon=True).start()
        yield listening.getsockname()[1], taken
    for each in kept:
        each.close()


def interrupted(silent, tmp_path, command: list[str], number: int) -> tuple[int, str]:
    port, taken = silent
    (tmp_path / "clip.mp4").write_bytes(b"clip")
    run = subprocess.Popen(
        [sys.executable, "-m", "affekt", command[0], "clip.mp4", *command[1:], "--url", f"http://127.0.0.1:{port}"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert taken.wait(60)
    run.send_signal(number)
    try:
        said = run.communicate(timeout=20)[1]
    finally:
        run.kill()
    return run.returncode, (said.splitlines() or [""])[-1]


@pytest.mark.parametrize("command", [["predict"], ["score", "--out", "scores.csv"]])
def test_a_command_that_is_interrupted_ends_whatever_the_server_does(silent, tmp_path, command):
    assert interrupted(silent, tmp_path, command, signal.SIGINT) == (130, "affekt: interrupted")


@pytest.mark.parametrize("command", [["predict"], ["score", "--out", "scores.csv"]])
def test_a_command_that_is_told_to_end_does_so_in_order(silent, tmp_path, command):
    assert interrupted(silent, tmp_path, command, signal.SIGTERM)[0] == 143
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_program_that_gave_up_waiting_ends(silent, tmp_path):
    port, _ = silent
    program = (
        "import asyncio, sys\n"
        "from affekt.client import AsyncClient\n"
        "async def ask():\n"
        "    async with AsyncClient(sys.argv[1]) as client:\n"
        "        await asyncio.wait_for(client.predict(b'clip'), 0.5)\n"
        "try:\n"
        "    asyncio.run(ask())\n"
        "except TimeoutError:\n"
        "    print('gave up')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, f"http://127.0.0.1:{port}"], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "gave up\n", "")


def test_threads_call_so_many_at_a_time_and_cancelled_calls_never():
    threads, go_on, begun = Threads(2), threading.Event(), []

    def call(number: int) -> int:
        begun.append(number)
        go_on.wait(30)
        return number

    calls: list[Future[int]] = [threads.submit(call, number) for number in range(5)]
    failing = threads.submit(int, "x")
    ends = time.monotonic() + 30
    while len(begun) < 2 and time.monotonic() < ends:
        time.sleep(0.01)
    calls[4].cancel()
    threads.shutdown(wait=False)
    go_on.set()
    assert [each.result(30) for each in calls[:4]] == [0, 1, 2, 3]
    assert isinstance(failing.exception(30), ValueError)
    assert sorted(begun) == [0, 1, 2, 3]
    with pytest.raises(RuntimeError):
        threads.submit(call, 6)
    threads.shutdown()


def test_threads_end_with_what_they_belong_to():
    before = threading.active_count()
    threads = Threads(3)
    assert sorted(each.result(30) for each in [threads.submit(abs, -number) for number in range(9)]) == list(range(9))
    del threads
    ends = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < ends:
        time.sleep(0.01)
    assert threading.active_count() == before
