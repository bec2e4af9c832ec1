"""What a server's start waits for: not for the model where the engine can start already, and for no needless import."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from affekt import machine
from affekt.errors import AffektError, DataError
from affekt.serving.door import listening
from affekt.serving.door.options import Options
from affekt.serving.door.versions import Versions
from affekt.serving.engines import direct, liveness
from affekt.serving.engines.direct import DirectEngine
from affekt.serving.engines.liveness import Loading, runs
from affekt.serving.rollout import manage
from affekt.serving.running import RunningServer
from affekt.serving.server import LocalServer
from affekt.serving.worker_count import workers_ahead

HEAVY = ("numpy", "cv2", "openvino", "torch", "mlflow", "pandas", "sklearn", "scipy", "opensmile", "boto3", "botocore")
#: What the door answers with, and what knows an ensemble.
OF_ANSWERS = ("starlette", "uvicorn", "affekt.ensemble.manifest", "affekt.settings")

#: Starts a server where 128 files are usual, connects to it 200 times, and prints what it answers then.
FEW_FILES = """
import resource, socket, sys
from pathlib import Path
import requests
from affekt.serving.server import LocalServer

usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (128, most))
with LocalServer(Path(sys.argv[1]), engine="direct", workers=1) as server:
    resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))
    host, port = server.base.removeprefix("http://").split(":")
    idle = [socket.create_connection((host, int(port)), timeout=30) for _ in range(200)]
    print(requests.get(f"{server.base}/ping", timeout=5).status_code)
"""


def imported(module: str, among: tuple[str, ...]) -> list[str]:
    """Which of these modules a fresh process has when it has imported one."""
    script = f"import json, sys, {module}; print(json.dumps([name for name in {among} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    "module", ["affekt.serving.door.process", "affekt.serving.server", "affekt.pipelines.cli.serve"]
)
def test_neither_the_door_nor_who_starts_it_imports_what_workers_compute_with(module):
    assert imported(module, HEAVY) == []


def test_the_door_starts_the_engine_before_it_imports_what_it_answers_with():
    assert imported("affekt.serving.door.process", OF_ANSWERS) == []


def test_java_is_started_before_what_an_archive_is_built_with_is_imported():
    assert imported("affekt.serving.engines.torchserve", ("affekt.serving.archive", *OF_ANSWERS)) == []


def test_a_worker_imports_nothing_that_reads_data_sets_or_draws_bars():
    assert imported("affekt.serving.predictor", ("affekt.dataset.faces", "affekt.dataset.source", "tqdm")) == []


def test_a_model_is_found_without_what_registers_and_promotes():
    unwanted = [f"affekt.{name}" for name in ("registry.registering", "registry.gate", "dataset.faces")]
    script = f"import sys; from affekt.registry import Tracking, resolve; print(*set({unwanted}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


def test_the_command_starts_the_door_before_it_knows_the_registry():
    assert imported("affekt.pipelines.cli.serve", ("affekt.registry", "affekt.ensemble.manifest")) == []


def test_the_model_is_looked_for_while_the_server_starts(tiny_ensemble):
    running = []

    def find() -> tuple[Path, str]:
        running.append(server.running())
        return tiny_ensemble, "3"

    server = LocalServer(find, engine="direct", workers=1)
    with server:
        models = requests.get(f"{server.base}/models", timeout=30).json()["models"]
    assert running == [True]
    assert (server.ensemble, server.version, server.workers) == (tiny_ensemble, "3", 1)
    assert [model["version"] for model in models] == ["3"]


def test_idle_connections_take_no_place_from_others_where_few_files_are_usual(tiny_ensemble):
    """In a process of its own: this one may have more files open than are usual there."""
    done = subprocess.run(
        [sys.executable, "-c", FEW_FILES, str(tiny_ensemble)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.split() == ["200"], done.stderr[-2000:]


def test_a_model_that_is_not_found_ends_what_was_started(tmp_path):
    def find() -> tuple[Path, str]:
        raise DataError("is no folder", code="not_an_ensemble", where="nowhere")

    server = LocalServer(find, engine="direct", workers=1, home=tmp_path)
    with pytest.raises(DataError, match="nowhere"):
        server.start()
    assert not server.running()
    assert not [folder for folder in server._folders if folder.exists()]


def test_workers_that_are_there_ahead_get_the_first_version_and_those_too_many_end(tiny_ensemble, tmp_path):
    async def act() -> tuple[list[int], list[int], int]:
        engine = DirectEngine("affekt", tmp_path, tmp_path, ahead=2)
        await engine.start()
        ahead = [worker.pid for worker in engine._spare]
        try:
            await engine.add("1", tiny_ensemble, 1)
            await engine.add("2", tiny_ensemble, 1)
            (first,), (second,) = engine.pids("1"), engine.pids("2")
            assert first in ahead
            assert second not in ahead
            left = [pid for pid in ahead if pid != first]
            for _ in range(100):
                if not any(runs(pid) for pid in left):
                    break
                await asyncio.sleep(0.05)
            return ahead, left, sum(runs(pid) for pid in left)
        finally:
            await engine.stop()

    ahead, left, running = asyncio.run(act())
    assert (len(ahead), len(left), running) == (2, 1, 0)


@pytest.mark.parametrize(
    ("wanted", "cores", "free_mib", "workers"),
    [
        (None, 4, 64_000, 4),
        (None, 16, 2_000, 2),  # 700 MiB each, whatever the ensemble
        (None, 4, 100, 1),
        (1, 4, 64_000, 1),
        (1_000, 4, 64_000, 4),
        (1_000, 4, 2_000, 2),
    ],
)
def test_workers_start_ahead_as_far_as_cores_and_memory_go(monkeypatch, wanted, cores, free_mib, workers):
    monkeypatch.setattr(machine, "whole_cores", lambda: cores)
    monkeypatch.setattr(machine, "free_memory", lambda: free_mib << 20)
    assert workers_ahead(wanted) == workers


def test_a_worker_that_died_ahead_is_replaced(tiny_ensemble, tmp_path):
    async def act() -> bool:
        engine = DirectEngine("affekt", tmp_path, tmp_path, ahead=1)
        await engine.start()
        (worker,) = engine._spare
        worker.kill()
        await worker._process.wait()
        try:
            await engine.add("1", tiny_ensemble, 1)
            return engine.pids("1") != [worker.pid]
        finally:
            await engine.stop()

    assert asyncio.run(act())


def test_a_worker_that_dies_while_it_loads_the_model_is_told_as_that():
    async def act() -> None:
        worker = await direct._Worker.launched(1)
        os.kill(worker.pid, signal.SIGSTOP)
        loading = asyncio.create_task(worker.load({}))
        await asyncio.sleep(0)
        os.kill(worker.pid, signal.SIGKILL)
        await loading

    with pytest.raises(AffektError, match=r"a worker .* while it loaded the model") as raised:
        asyncio.run(act())
    assert raised.value.code == "model_failed"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_is_ended_or_stopped_while_it_loads_the_first_version_is_replaced(
    tiny_ensemble, tmp_path, number
):
    async def act() -> tuple[int, list[int]]:
        engine = DirectEngine("affekt", tmp_path, tmp_path, ahead=1)
        await engine.start()
        (worker,) = engine._spare
        adding = asyncio.create_task(engine.add("1", tiny_ensemble, 1))
        while engine._spare:
            await asyncio.sleep(0)
        os.kill(worker.pid, number)
        try:
            await asyncio.wait_for(adding, 60)
            return worker.pid, engine.pids("1")
        finally:
            await engine.stop()

    first, pids = asyncio.run(act())
    assert len(pids) == 1 and pids != [first]
    assert not runs(first)


def test_a_model_that_ends_every_worker_is_given_up(monkeypatch):
    started = []

    class Ended:
        pid = os.getpid()

        @classmethod
        async def launched(cls, threads):
            started.append(threads)
            return cls()

        async def load(self, opened):
            raise direct._LostError("a worker was ended by SIGSEGV while it loaded the model", code="model_failed")

    monkeypatch.setattr(direct, "_Worker", Ended)
    with pytest.raises(AffektError, match="SIGSEGV"):
        asyncio.run(direct._Pool({}, 1, []).fill(1, together=True))
    assert len(started) == 3


@pytest.mark.parametrize(
    ("does", "hangs"),
    [
        ("time.sleep(60)", True),
        ("while True: time.sleep(.01); os.read(zeros, 1)", False),
        ("while True: time.sleep(.02); sum(range(300_000))", False),
    ],
)
def test_a_process_that_loads_hangs_where_it_neither_works_nor_reads(monkeypatch, does, hangs):
    monkeypatch.setattr(liveness, "_IDLE_LOOKS", 20)
    monkeypatch.setattr(liveness, "EVERY", 0.05)
    script = f"import os, time; zeros = os.open('/dev/zero', 0); print(flush=True); {does}"
    if does.startswith("while"):
        script = script.replace("; while", "\nwhile")
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline()
            looks = Loading(process.pid)
            found = []
            for _ in range(40):
                time.sleep(0.05)
                found.append(looks.hung())
            assert any(found) == hangs
            assert not any(found[:20])
            process.send_signal(signal.SIGSTOP)
            while runs(process.pid):
                time.sleep(0.01)
            assert looks.hung()
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("status", "said"),
    [(3, "ended with status 3"), (-9, "was ended by SIGKILL, as for want of memory,"), (-11, "was ended by SIGSEGV")],
)
def test_how_a_worker_ended_is_told_in_words(status, said):
    assert direct._end(status) == said


def test_a_server_that_is_told_to_end_does_not_wait_for_a_version_that_is_loaded(tiny_ensemble, tmp_path):
    class Loading:
        inbox = tmp_path / "clips"

        async def add(self, version, ensemble, workers):
            begun.set()
            await asyncio.sleep(60 if version == "2" else 0)

        async def remove(self, version):
            pass

    begun = threading.Event()

    async def act() -> float:
        versions = Versions("affekt", Loading(), workers=1, room=1)
        versions.default = (await versions.add("1", tiny_ensemble)).name
        begun.clear()
        front, admin = socket.socket(), socket.socket(socket.AF_UNIX)
        front.bind(("127.0.0.1", 0))
        admin.bind(str(tmp_path / "admin.sock"))
        found = listening.servers(Options("", ""), versions, Loading.inbox, front, admin, None)
        running = [asyncio.create_task(server.serve(sockets=[used])) for server, used in found]
        while not all(server.started for server, _ in found):
            await asyncio.sleep(0.01)
        asked = {"version": "2", "folder": str(tiny_ensemble)}
        to = RunningServer("", tmp_path / "admin.sock", "affekt", 1)
        deploying = asyncio.create_task(asyncio.to_thread(manage, to, "POST", "/versions", asked))
        await asyncio.to_thread(begun.wait, 30)
        began = time.monotonic()
        for server, _ in found:
            server.should_exit = True
        await asyncio.gather(*running)
        took = time.monotonic() - began
        with pytest.raises(AffektError):
            await deploying
        return took

    Loading.inbox.mkdir()
    assert asyncio.run(act()) < 20


def test_a_worker_is_started_again_however_its_start_failed(monkeypatch):
    failures = [OSError(errno.EMFILE, "Too many open files"), AffektError("it died", code="model_failed")]

    class Started:
        pid, stopped = os.getpid(), False

        @classmethod
        async def launched(cls, threads):
            if failures:
                raise failures.pop()
            return cls()

        async def load(self, opened):
            pass

    monkeypatch.setattr(direct, "_PAUSE", 0.01)
    monkeypatch.setattr(direct, "_Worker", Started)
    pool = direct._Pool({}, 1, [])
    asyncio.run(pool._again())
    assert (failures, pool.ready) == ([], 1)
