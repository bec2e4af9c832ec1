"""Damaged clips: no engine crashes, fails, keeps a file or grows, and all give the same answer."""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path

import imageio_ffmpeg
import psutil
import pytest
import requests

from affekt.processes import LONG_LIVED

SEED = 15
#: Clips of the long run.
_MANY = int(os.environ.get("FUZZ_CLIPS", "2000"))
#: How often memory is looked at.
_LOOKS = 10
#: MiB by which a process may grow in the second half of the clips, and behind the first look.
_MIB, _MIB_IN_ALL = 4, 48
#: Pictures of the longest clip.
_PICTURES = 60


def beginnings(clip: Path, folder: Path) -> list[bytes]:
    """The first picture of a clip, the first two, and so on: the inference engine makes code for each number of
    pictures that it has not been asked about before, some 2 MiB each in all networks, and keeps it.
    """
    made = []
    for count in range(1, _PICTURES + 1):
        short = folder / f"{count}.mp4"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(clip), "-c", "copy"]
        subprocess.run([*command, "-frames:v", str(count), str(short)], check=True)
        made.append(short.read_bytes())
    return made


def mutants(content: bytes, count: int) -> list[bytes]:
    """Clips that were damaged: bytes changed, left out, doubled, cut off, or swapped for others."""
    rng = random.Random(SEED)
    made = []
    for _ in range(count):
        body = bytearray(content)
        for _ in range(rng.choice((1, 3, 30))):
            at, length = rng.randrange(len(body)), rng.choice((1, 4, 64, 1024))
            match rng.randrange(5):
                case 0:
                    body[at : at + length] = rng.randbytes(min(length, len(body) - at))
                case 1 if len(body) > 4096:
                    del body[at : at + length]
                case 2:
                    body[at:at] = body[at : at + length]
                case 3:
                    body[at] ^= 1 << rng.randrange(8)
                case 4 if rng.random() < 0.1:
                    del body[max(1, at) :]
        made.append(bytes(body))
    return made


def processes(server) -> dict[int, psutil.Process]:
    """The door, the engine and its workers, by id; what decodes a clip is none of them."""
    door = psutil.Process(server.running_server().process)
    return {found.pid: found for found in (door, *door.children(recursive=True)) if "ffmpeg" not in found.name()}


def memory(server) -> dict[int, int]:
    """Bytes of each process that no other has; Java's are not told, whose heap grows to its limit by design."""
    return {pid: each.memory_full_info().uss for pid, each in processes(server).items() if each.name() != "java"}


def left_behind(server) -> list[str]:
    """Clips and temporary files that are there though nothing is asked; it may take a moment until they are not."""
    ends = time.monotonic() + 10
    folders = [Path(server.options.temporary) / name for name in ("clips", "scratch")]
    while (found := [str(path) for folder in folders for path in folder.iterdir()]) and time.monotonic() < ends:
        time.sleep(0.05)
    return found


def test_the_threads_of_every_worker_have_one_heap(server, door):
    for each in (server, door):
        workers = [found for found in processes(each).values() if "worker" in " ".join(found.cmdline())]
        assert len(workers) >= each.workers
        assert all(LONG_LIVED.items() <= found.environ().items() for found in workers)


@pytest.mark.parametrize("count", [6, pytest.param(_MANY, marks=[pytest.mark.slow, pytest.mark.timeout(7200)])])
def test_damaged_clips_crash_nothing_and_leave_nothing(server, door, clip, count, tmp_path):
    before = {each.base: set(processes(each)) for each in (server, door)}
    for body in beginnings(clip, tmp_path) if count == _MANY else ():
        for each in (server, door):
            assert requests.post(each.url, data=body, timeout=120).status_code < 500
    looks: list[dict[int, int]] = []
    for number, body in enumerate(mutants(clip.read_bytes(), count), start=1):
        said = []
        for each in (server, door):
            answer = requests.post(each.url, data=body, timeout=120)
            assert answer.status_code < 500, (number, answer.text)
            said.append((answer.status_code, answer.json()))
        assert said[0] == said[1], number
        if count == _MANY and number % (count // _LOOKS) == 0:
            looks.append(memory(server) | memory(door))
            print(
                number, "clips, MiB:", {pid: round(size / (1 << 20), 1) for pid, size in looks[-1].items()}, flush=True
            )
    if looks:
        half, last = looks[len(looks) // 2 - 1], looks[-1]
        grown = {pid: size - half.get(pid, 0) for pid, size in last.items()}
        assert max(grown.values()) < _MIB << 20, grown
        in_all = {pid: size - looks[0].get(pid, size) for pid, size in last.items()}
        assert max(in_all.values()) < _MIB_IN_ALL << 20, in_all
    for each in (server, door):
        assert set(processes(each)) == before[each.base], "a process died"
        assert left_behind(each) == []
        assert requests.get(f"{each.base}/v2/health/ready", timeout=30).status_code == 200
