"""Steps side by side: KFP's own walk over a pipeline, with functions of this process in the place of its processes."""

import io
import json
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from kfp import dsl, local

from affekt.pipelines import kfp_adapter
from affekt.pipelines.kfp_adapter import adapted
from affekt.pipelines.side_by_side import (
    SideBySide,
    environment,
    has_card,
    networks_beside,
    steps_at_once,
    threads_of_a_step,
)


@dsl.component
def work(name: str, after: str = "") -> str:
    return name


class Steps:
    """What the tasks of a run do, by name, and what was seen of them."""

    def __init__(self) -> None:
        self.does = {}
        self.order: list[str] = []
        self.running = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, running, full_command, env_vars=None) -> int:
        given = json.loads(full_command[full_command.index("--executor_input") + 1])
        name = given["inputs"]["parameterValues"]["name"]
        with self._lock:
            self.order.append(name)
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            code = self.does.get(name, lambda: time.sleep(0.05))() or 0
        finally:
            with self._lock:
                self.running -= 1
        if code == 0:
            path = Path(given["outputs"]["outputFile"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"parameterValues": {"Output": name}}))
        running._here.status = code
        return code


@pytest.fixture
def steps(monkeypatch) -> Steps:
    found = Steps()
    monkeypatch.setattr(kfp_adapter._Running, "process", lambda self, **given: found(self, **given))
    return found


def run(pipeline, folder: Path, at_once: int) -> list[str]:
    """Run a pipeline; the names of the tasks that failed."""
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(folder))
    with adapted(lambda task, line: None, io.StringIO(), {}, folder, "job", at_once) as failed:
        try:
            pipeline()
        except RuntimeError:
            assert failed
    return [item.task for item in failed]


@dsl.component
def end(name: str) -> str:
    return name


@dsl.pipeline
def diamond():
    with dsl.ExitHandler(end(name="end")):
        first = work(name="first")
        left = work(name="left", after=first.output)
        right = work(name="right", after=first.output)
        further = work(name="further", after=left.output)
        work(name="last", after=further.output).after(right)


def test_steps_that_do_not_read_each_other_run_together(steps, tmp_path):
    met = threading.Barrier(2, timeout=20)  # each waits for the other
    steps.does = {"left": lambda: met.wait() and 0, "right": lambda: met.wait() and 0}
    assert run(diamond, tmp_path, 2) == []
    assert (steps.order[0], steps.order[-2:], steps.most) == ("first", ["last", "end"], 2)


def test_that_on_which_most_depends_comes_first_where_there_is_one_core(steps, tmp_path):
    assert run(diamond, tmp_path, 1) == []
    assert (steps.order[:2], steps.order[-2:], steps.most) == (["first", "left"], ["last", "end"], 1)


def test_what_reads_a_failed_step_is_left_out_and_the_last_word_is_said(steps, tmp_path):
    steps.does = {"left": lambda: 3}
    assert run(diamond, tmp_path, 2) == ["work-2"]
    assert sorted(steps.order) == ["end", "first", "left", "right"]


def test_an_interrupt_starts_nothing_more_and_waits_for_what_runs(steps, tmp_path, monkeypatch):
    began, over, plain = threading.Event(), [], SideBySide._execute

    def left() -> None:
        began.set()
        time.sleep(0.3)
        over.append("left")

    def execute(self, by_kfp, given):
        if given["task_name"] == "work-5":
            assert began.wait(20)
            raise KeyboardInterrupt
        return plain(self, by_kfp, given)

    steps.does = {"left": left}
    monkeypatch.setattr(SideBySide, "_execute", execute)
    with pytest.raises(KeyboardInterrupt):
        run(diamond, tmp_path, 2)
    assert over == ["left"]
    assert "further" not in steps.order and "end" not in steps.order


def test_a_step_has_half_of_the_cores_or_the_threads_that_are_named(monkeypatch):
    monkeypatch.setattr("affekt.machine.whole_cores", lambda: 6)
    monkeypatch.setattr("affekt.machine.memory", lambda: 64 << 30)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert (threads_of_a_step(), threads_of_a_step(beside=False)) == (3, 6)
    assert (steps_at_once(3), steps_at_once(6), steps_at_once(1)) == (2, 1, 6)
    assert environment(3)["OMP_NUM_THREADS"] == "3"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert (threads_of_a_step(), threads_of_a_step(beside=False)) == (1, 1)
    assert environment(3)["OMP_NUM_THREADS"] == "1"
    monkeypatch.setattr("affekt.machine.memory", lambda: 6 << 30)
    assert steps_at_once(1) == 1


_ALLOCATING = """
import resource, numpy
def faults(steps):
    for _ in range(steps):
        maps = [numpy.ones(4 << 20, numpy.uint8) for _ in range(8)]
        del maps
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults(3)
print(faults(20) - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_a_step_gets_the_memory_that_it_freed_without_pages_that_are_made_anew(monkeypatch):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)

    def pages(given):
        command = [sys.executable, "-c", _ALLOCATING]
        said = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **given})
        return int(said.stdout)

    assert pages(environment(1)) * 10 < pages({})


def test_what_is_said_of_the_c_library_stays(monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=0")
    assert environment(1)["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=0"


@pytest.mark.parametrize(
    ("models", "beside"),
    [
        (["vgg"], False),
        (["bilstm"], False),
        (["vgg", "svc"], False),
        (["joint", "bilstm"], True),
        (["vgg", "c3d"], True),
    ],
)
def test_a_network_without_another_beside_it_has_all_cores(models, beside):
    assert networks_beside(models) is beside


def test_a_card_is_seen_where_its_driver_shows_it(tmp_path):
    assert not has_card(tmp_path)
    (tmp_path / "nvidiactl").touch()
    assert not has_card(tmp_path)
    (tmp_path / "nvidia0").touch()
    assert has_card(tmp_path)
