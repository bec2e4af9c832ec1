"""A real TorchServe: its answers, its errors, its end."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest
import requests

from affekt.ensemble import Ensemble
from affekt.errors import AffektError, MediaError
from affekt.serving.client import predict
from affekt.serving.engines import unix_http
from affekt.serving.engines.liveness import children, stopped
from affekt.serving.engines.torchserve import TorchServeEngine
from affekt.serving.engines.torchserve_configuration import Layout
from affekt.serving.running import find_server
from affekt.serving.server import LocalServer
from affekt.storage import file_digest

REPOSITORY = Path(__file__).resolve().parents[2]


def of_session(leader: int) -> list[int]:
    """The processes of a session, as a server's are."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, psutil.Error):
            continue
    return found


def gone(leader: int, seconds: float = 60) -> bool:
    ends = time.monotonic() + seconds
    while of_session(leader) and time.monotonic() < ends:
        time.sleep(0.1)
    return not of_session(leader)


def test_workers_of_torchserve_import_no_pytorch_but_for_networks_that_need_it(server):
    [worker] = [
        each
        for each in psutil.Process(server.running_server().process).children(recursive=True)
        if "affekt.serving.engines.torchserve_worker" in each.cmdline()
    ]
    assert not [each.path for each in worker.memory_maps() if "libtorch" in each.path]


def test_the_served_answer_is_that_of_this_process(server, tiny_ensemble, clip):
    document = server.predict(clip)
    model = document.pop("model")
    here = Ensemble.load(tiny_ensemble).predict_file(clip).to_dict()
    assert document.pop("probabilities") == pytest.approx(here.pop("probabilities"), abs=1e-5)
    models, expected = document.pop("models"), here.pop("models")
    assert {name: pytest.approx(vector, abs=1e-5) for name, vector in expected.items()} == models
    assert document.pop("confidence") == pytest.approx(here.pop("confidence"), abs=1e-5)
    assert document == here
    assert (model["name"], model["version"]) == ("affekt", "7")


def test_a_form_is_taken_as_well(server, clip):
    with clip.open("rb") as file:
        answer = requests.post(server.url, files={"data": file}, timeout=60)
    assert answer.json() == server.predict(clip)


def test_a_file_that_is_no_clip_is_an_error_of_the_clip(server, no_clip):
    with pytest.raises(MediaError) as raised:
        server.predict(no_clip)
    assert raised.value.where == str(no_clip)
    answer = requests.post(server.url, data=no_clip.read_bytes(), timeout=60)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"]["code"] == raised.value.code


def test_an_empty_file_is_an_error_of_the_clip(server, tmp_path):
    empty = tmp_path / "empty.mp4"
    empty.touch()
    with pytest.raises(MediaError):
        server.predict(empty)


def test_many_at_once_are_all_answered(server, clip, no_clip):
    answers: list[object] = []

    def ask(path: Path) -> None:
        try:
            answers.append(server.predict(path)["label"])
        except MediaError as error:
            answers.append(error.code)

    threads = [threading.Thread(target=ask, args=(path,)) for path in (clip, no_clip, clip, no_clip)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    label = server.predict(clip)["label"]
    assert sorted(answers) == sorted([label, label, "unreadable", "unreadable"])


def test_a_model_that_is_not_there_is_an_error_that_names_it(server, clip):
    with pytest.raises(AffektError, match="other") as raised:
        predict(server.url.replace("/affekt", "/other"), clip)
    assert raised.value.code == "no_model"


def test_only_this_machine_is_listened_to(server):
    listening = {
        connection.laddr.ip
        for process in of_session(server.running_server().process)
        for connection in psutil.Process(process).net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    # Java says ::ffff:127.0.0.1 for the same.
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_nobody_reaches_the_management_of_torchserve(server, tmp_path):
    """A page in a browser, or another account of this machine, could make it run a handler from any folder."""
    temporary = Path(server.options.temporary)
    assert temporary.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in temporary.glob("*.sock")} == {
        f"{n}.sock" for n in ("inference", "management", "metrics", "admin")
    }
    for name, mode in (("key_file.json", 0o600), ("door.secret", 0o600)):
        assert (temporary / name).stat().st_mode & 0o777 == mode
    (tmp_path / "MAR-INF").mkdir()
    status, said = unix_http.ask(temporary / "management.sock", "POST", "/models", query={"url": str(tmp_path)})
    assert (status, said["type"]) == (400, "InvalidKeyException")
    for path in ("/models?url=/tmp", "/models/affekt/7"):
        for method in ("POST", "DELETE", "PUT"):
            assert requests.request(method, f"{server.base}{path}", timeout=10).status_code in (404, 405)
    assert [model["version"] for model in requests.get(f"{server.base}/models", timeout=10).json()["models"]] == ["7"]


def test_metrics_are_there_for_prometheus(server, clip):
    server.predict(clip)
    assert "affekt_answers_total{label=" in requests.get(f"{server.base}/metrics", timeout=10).text


def test_a_server_with_a_home_can_be_found_by_its_address(server):
    home = server._records.parent
    assert find_server(server.url, home) == server.running_server()
    assert find_server(server.url.replace("http://", ""), home) == server.running_server()
    assert find_server("http://127.0.0.1:1", home) is None


def test_it_does_not_fill_the_disk(server, clip):
    folder = server.logs[0].parent
    before = sum(path.stat().st_size for path in folder.iterdir())
    for _ in range(5):
        server.predict(clip)
    assert sum(path.stat().st_size for path in folder.iterdir()) - before < 5 * 700


def test_a_port_in_use_is_named(tiny_ensemble):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AffektError, match=str(port)) as raised:
            LocalServer(tiny_ensemble, port=port).start()
    assert raised.value.code == "port_in_use"


def test_a_second_server_of_a_port_leaves_the_files_of_the_first(tiny_ensemble, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    with LocalServer(tiny_ensemble, engine="direct", port=port, workers=1, home=tmp_path) as first:
        store = Path(first.options.work) / "store"
        store.mkdir(exist_ok=True)
        said = (store.parent / "logs" / "door.log").read_bytes()
        for address in ("127.0.0.1", "::1"):
            with pytest.raises(AffektError, match=str(port)) as raised:
                LocalServer(tiny_ensemble, engine="direct", port=port, address=address, home=tmp_path).start()
            assert raised.value.code == "port_in_use"
        assert store.is_dir() and (store.parent / "logs" / "door.log").read_bytes() == said
        assert find_server(first.url, tmp_path) == first.running_server()
    assert not store.exists()
    second = LocalServer(tiny_ensemble, port=port, home=tmp_path)
    second._hold()  # the first has let it go
    second.stop()


@pytest.fixture
def short_place():
    """A folder with a name that XML, Java and a shell read otherwise, and a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="Zoë's R&D ") as folder:
        yield Path(folder)


def test_a_model_that_does_not_load_is_an_error_with_the_workers_own_words_wherever_its_log_is(
    tiny_ensemble, tmp_path, short_place, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(short_place))
    monkeypatch.setenv("LC_ALL", "C")
    broken = Path(shutil.copytree(tiny_ensemble, tmp_path / "broken"))
    manifest = json.loads((broken / "ensemble.json").read_text())
    manifest["extensions"] = {"layout": {"name": "nobody's", "package": "nowhere"}}
    (broken / "ensemble.json").write_text(json.dumps(manifest))
    server = LocalServer(broken, workers=1)
    with pytest.raises(AffektError, match="install nowhere") as raised:
        server.start()
    assert raised.value.code == "model_failed"
    assert not server.running()
    assert list(short_place.iterdir()) == []


@pytest.mark.parametrize("engine", ["torchserve", "direct"])
def test_a_damaged_file_is_named_and_nothing_is_served(tiny_ensemble, tmp_path, engine):
    damaged = shutil.copytree(tiny_ensemble, tmp_path / "damaged")
    file = damaged / "fusion" / "fusion.json"
    file.write_text(file.read_text() + " ")
    with pytest.raises(AffektError, match=rf"{file}.* does not match its digest"):
        LocalServer(damaged, engine=engine, workers=1).start()


@pytest.mark.parametrize("engine", ["torchserve", "direct"])
def test_what_a_worker_cannot_load_is_told_in_one_sentence_that_names_the_file(tiny_ensemble, tmp_path, engine):
    broken = shutil.copytree(tiny_ensemble, tmp_path / "broken")
    file = broken / "fusion" / "fusion.json"
    file.write_text("{")
    manifest = json.loads((broken / "ensemble.json").read_text())
    manifest["files"]["fusion/fusion.json"] = file_digest(file)
    (broken / "ensemble.json").write_text(json.dumps(manifest))
    with pytest.raises(AffektError) as raised:
        LocalServer(broken, engine=engine, workers=1, tried=False).start()
    assert raised.value.code == "model_failed"
    said = str(raised.value)
    assert said.startswith("the model could not be loaded: ") and "Traceback" not in said and "\n" not in said
    assert str(file) in said


def test_stopping_answers_what_is_in_flight_and_leaves_nothing(tiny_ensemble, clip, tmp_path):
    server = LocalServer(tiny_ensemble, workers=1, home=tmp_path).start()
    session, folders = server.running_server().process, list(server._folders)
    server.predict(clip)
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(server.predict(clip)["label"])) for _ in range(3)]
    for thread in threads:
        thread.start()
    while not any((Path(server.options.temporary) / "clips").iterdir()):
        time.sleep(0.001)
    server.stop()
    for thread in threads:
        thread.join()
    assert len(answers) == 3
    assert of_session(session) == []
    assert not [folder for folder in folders if folder.exists()]
    assert find_server("http://127.0.0.1", tmp_path) is None
    server.stop()  # once more does no harm
    with pytest.raises(AffektError) as raised:
        server.predict(clip)
    assert raised.value.code == "unreachable"


@pytest.mark.parametrize("drain", [True, False])
def test_a_server_whose_processes_were_stopped_ends_as_soon(tiny_ensemble, drain):
    server = LocalServer(tiny_ensemble, engine="direct", workers=1).start()
    session = server.running_server().process
    for process in of_session(session):
        os.kill(process, signal.SIGSTOP)
    began = time.monotonic()
    server.stop(drain=drain)
    assert time.monotonic() - began < 10
    assert of_session(session) == []
    assert not [folder for folder in server._folders if folder.exists()]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_java_that_is_gone_or_stopped_is_noticed_and_makes_nobody_wait(tmp_path, monkeypatch, number):
    monkeypatch.setattr("affekt.serving.engines.torchserve.EVERY", 0.02)
    engine = TorchServeEngine("affekt", Layout(work=tmp_path, temporary=tmp_path))
    engine._process = subprocess.Popen(["sleep", "600"])

    async def noticed() -> tuple[int, str]:
        lost = asyncio.create_task(engine.lost())
        await asyncio.sleep(0.2)
        assert not lost.done()
        os.kill(engine._process.pid, number)
        return await engine.ready("1"), await asyncio.wait_for(lost, 20)

    ready, why = asyncio.run(noticed())
    assert ready == 0 and "TorchServe" in why
    assert engine._process.wait(timeout=10) == -signal.SIGKILL


@pytest.mark.slow
def test_a_server_without_its_engine_ends(tiny_ensemble, tmp_path):
    server = LocalServer(tiny_ensemble, workers=1, home=tmp_path).start()
    session = server.running_server().process
    (java,) = (pid for pid in of_session(session) if Path(f"/proc/{pid}/exe").resolve().name == "java")
    os.kill(java, signal.SIGKILL)
    ends = time.monotonic() + 30
    while server.running() and time.monotonic() < ends:
        time.sleep(0.1)
    assert not server.running() and "TorchServe has ended" in server.log_tail()
    assert of_session(session) == []
    server.stop()


def test_a_door_that_was_stopped_is_told_and_one_that_goes_on_is_well(tiny_ensemble):
    with LocalServer(tiny_ensemble, engine="direct", workers=1) as server:
        (door,) = children(server.running_server().process)
        assert not any(server.lost() for _ in range(30))
        os.kill(door, signal.SIGSTOP)
        while not stopped(door):
            time.sleep(0.01)
        assert not any(server.lost() for _ in range(10))
        assert "was stopped" in server.lost()
        os.kill(door, signal.SIGCONT)
        while stopped(door):
            time.sleep(0.01)
        assert not server.lost()


def test_a_server_ends_with_the_process_that_started_it_also_where_its_guard_is_stopped(tiny_ensemble):
    code = (
        "import sys, time; from pathlib import Path; from affekt.serving.server import LocalServer\n"
        "server = LocalServer(Path(sys.argv[1]), engine='direct', workers=1).start()\n"
        "print(server.running_server().process, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tiny_ensemble)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        guard = int(parent.stdout.readline())
        os.kill(guard, signal.SIGSTOP)
        try:
            assert len(of_session(guard)) > 1
            parent.kill()
            ends = time.monotonic() + 60
            while set(of_session(guard)) != {guard} and time.monotonic() < ends:
                time.sleep(0.1)
            assert set(of_session(guard)) == {guard}
        finally:
            os.kill(guard, signal.SIGCONT)  # it ends what is left, and removes the folders
    assert gone(guard)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_ends_with_the_process_that_started_it(tiny_ensemble, number, tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from affekt.serving.server import LocalServer\n"
        "server = LocalServer(Path(sys.argv[1]), workers=1).start()\n"
        "print(server.running_server().process, *server._folders, sep='\\n', flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tiny_ensemble)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    session = int(parent.stdout.readline())
    folders = [Path(parent.stdout.readline().strip()) for _ in range(2)]
    assert of_session(session)
    parent.send_signal(number)
    parent.wait()
    assert gone(session)
    assert not [folder for folder in folders if folder.exists()]
    parent.stdout.close()
