"""Large clips at once: each is answered, none is reset, and the door's memory does not grow with them."""

from __future__ import annotations

import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

from affekt.serving.server import LocalServer

MIB = 1 << 20


def padded(clip: Path, size: int, target: Path) -> Path:
    """A clip of so many bytes: the same one, with a box at its end that players pass over (ISO 14496-12, `free`)."""
    content = clip.read_bytes()
    rest = size - len(content)
    with target.open("wb") as file:
        file.write(content + struct.pack(">I4s", rest, b"free"))
        file.truncate(size)
    return target


class Watched:
    """Within it, the most memory that a process of Python of the server had for itself, by what it is."""

    def __init__(self, server: LocalServer) -> None:
        door = psutil.Process(server.running_server().process)
        self._all = [each for each in (door, *door.children(recursive=True)) if each.name() != "java"]
        self._java = [each for each in door.children(recursive=True) if each.name() == "java"]
        self._ends = threading.Event()
        self.grown = 0
        self.java = 0

    def __enter__(self) -> Watched:
        first = [each.memory_full_info().uss for each in self._all]
        heap = sum(each.memory_info().rss for each in self._java)

        def look() -> None:
            while not self._ends.wait(0.1):
                now = [each.memory_full_info().uss for each in self._all]
                self.grown = max(self.grown, *(after - before for after, before in zip(now, first, strict=True)))
                self.java = max(self.java, sum(each.memory_info().rss for each in self._java) - heap)

        self._thread = threading.Thread(target=look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()


@pytest.fixture(scope="module", params=["torchserve", "direct"])
def running(request, tiny_ensemble, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with LocalServer(tiny_ensemble, engine=request.param, workers=1, home=home) as server:
        yield server


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("count", "size"), [(3, 250 * MIB), (24, 99_000_000)])
def test_large_clips_at_once_are_answered_and_memory_does_not_grow_with_them(running, clip, tmp_path, count, size):
    usual = running.predict(clip)
    for _ in range(3):
        running.predict(clip)
    large = padded(clip, size, tmp_path / "large.mp4")

    def ask(_: int) -> tuple[int, dict]:
        with large.open("rb") as file:
            answer = requests.post(running.url, data=file, timeout=600)
        return answer.status_code, answer.json()

    started = time.monotonic()
    with Watched(running) as watched, ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(ask, range(count)))
    print(
        f"{running.options.engine}: {count} x {size / 1e6:.0f} MB in {time.monotonic() - started:.1f} s, a process of "
        f"Python grew by {watched.grown / MIB:.0f} MiB at most, Java by {watched.java / MIB:.0f}"
    )
    assert [status for status, _ in answers] == [200] * count, answers
    assert all(document["probabilities"] == usual["probabilities"] for _, document in answers)
    assert watched.grown < 64 * MIB
    assert watched.java < 64 * MIB
    assert list((Path(running.options.temporary) / "clips").iterdir()) == []


@pytest.mark.slow
def test_where_the_disk_is_bounded_a_clip_too_many_is_told_when_to_come_again(running, clip, tmp_path):
    """More at once than the inbox may hold: those over it get 503 with Retry-After, the others their answer."""
    size = 250 * MIB
    large = padded(clip, size, tmp_path / "large.mp4")

    def ask(_: int) -> requests.Response:
        with large.open("rb") as file:
            return requests.post(running.url, data=file, timeout=600)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))
    refused = [answer for answer in answers if answer.status_code != 200]
    assert all((one.status_code, one.json()["error"]["code"]) == (503, "no_room") for one in refused)
    assert all(int(one.headers["Retry-After"]) > 0 for one in refused)
    assert len(refused) < len(answers)
    assert requests.get(f"{running.base}/v2/health/ready", timeout=30).status_code == 200
