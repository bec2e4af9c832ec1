"""An ensemble asked about many files by several processes: the answers of one, in order; one death is one file."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import psutil
import pytest

from affekt import answering_pool, machine
from affekt.ensemble import Ensemble, asking, look_at, score_index
from affekt.errors import AffektError
from affekt.media import PreparedIndex
from affekt.store.entries import Store


@pytest.fixture(scope="module")
def ensemble(tiny_ensemble):
    return Ensemble.load(tiny_ensemble)


@pytest.fixture
def several(monkeypatch):
    """Two processes, however small the machine and the work are."""
    monkeypatch.setattr(asking, "_processes", lambda ensemble, tasks, fewest: 2)
    monkeypatch.setattr(asking, "FEWEST_FILES", 2)
    monkeypatch.setattr(asking, "FEWEST_CLIPS", 2)


def files_of(sample_clips, tiny_run, count):
    return [str(sample_clips / row.clip) for row in PreparedIndex.read(tiny_run.prepared).rows[:count]]


def test_several_processes_see_in_each_file_what_one_sees(
    ensemble, tiny_ensemble, sample_clips, tiny_run, tmp_path, several, capfd, monkeypatch
):
    (tmp_path / "bad.mp4").write_bytes(b"no film")
    files = files_of(sample_clips, tiny_run, 4)
    files.insert(1, str(tmp_path / "bad.mp4"))
    here = [ensemble.prepare(file) for file in files if "bad" not in file]
    expected = [ensemble.predict(clip) for clip in here]
    asked = Ensemble.load(tiny_ensemble, later=True)
    monkeypatch.setattr(asked, "_read", lambda: pytest.fail("its members are read where nobody asks them"))
    first, error, *others = look_at(asked, files, pictures=True)

    assert isinstance(error, AffektError) and error.code == "unreadable"
    assert "Warning" not in capfd.readouterr().err
    assert [ensemble.answer(seen) for seen in (first, *others)] == expected
    assert all(
        np.array_equal(seen.picture, clip.middle_face) for seen, clip in zip((first, *others), here, strict=True)
    )


def test_members_that_are_read_later_answer_as_others_do(ensemble, tiny_ensemble, tiny_run):
    clip = Store(tiny_run.store, ensemble.settings.media).get(PreparedIndex.read(tiny_run.prepared).rows[0].key)
    assert Ensemble.load(tiny_ensemble, later=True).predict(clip) == ensemble.predict(clip)


def test_scores_of_prepared_clips_are_those_of_one_process(ensemble, tiny_run, tiny_settings, several, monkeypatch):
    index, store = PreparedIndex.read(tiny_run.prepared), Store(tiny_run.store, tiny_settings.media)
    table, fused = score_index(ensemble, index, store)
    monkeypatch.setattr(asking, "FEWEST_CLIPS", 1000)
    alone, fused_alone = score_index(ensemble, index, store)

    assert np.array_equal(table.scores, alone.scores, equal_nan=True) and np.array_equal(fused, fused_alone)
    assert table.clips == alone.clips == tuple(row.clip for row in index)


def test_processes_that_are_started_ahead_are_those_that_answer(ensemble, sample_clips, tiny_run, several, monkeypatch):
    def there() -> set[int]:
        return {p.pid for p in psutil.Process().children() if answering_pool.MODULE in p.cmdline()}

    monkeypatch.setattr(machine, "whole_cores", lambda: 3)
    files = files_of(sample_clips, tiny_run, 4)
    with answering_pool.ready(len(files), 2):
        ends = time.monotonic() + 10.0
        while len(ahead := there()) < 2 and time.monotonic() < ends:  # a process that begins still has our name
            time.sleep(0.01)
        looked = look_at(ensemble, files)
        seen = [next(looked)]
        answering = there()
        seen += looked
    with answering_pool.ready(len(files), len(files) + 1):
        assert not there()

    assert len(ahead) == 2 and answering <= ahead and not there()
    for one, again in zip(seen, look_at(ensemble, files), strict=True):
        np.testing.assert_array_equal(one.scores, again.scores, f"rows are {ensemble.models}")


def test_what_was_started_ahead_and_died_is_replaced(ensemble, sample_clips, tiny_run, several):
    files = files_of(sample_clips, tiny_run, 2)
    with answering_pool.ready(4, 2):
        for process in psutil.Process().children():
            if answering_pool.MODULE in process.cmdline():
                process.kill()
                process.wait()
        assert not any(isinstance(one, AffektError) for one in look_at(ensemble, files))


def test_a_process_that_dies_is_one_file_without_an_answer(ensemble, sample_clips, tiny_run, several, monkeypatch):
    killed: list[int] = []

    def kill_one() -> None:
        deadline = time.monotonic() + 120
        while not killed and time.monotonic() < deadline:
            for process in psutil.Process().children():
                if "affekt.ensemble.process" in process.cmdline():
                    killed.append(process.pid)
                    os.kill(process.pid, signal.SIGKILL)
                    return
            time.sleep(0.02)

    killer = threading.Thread(target=kill_one)
    killer.start()
    seen = list(look_at(ensemble, files_of(sample_clips, tiny_run, 5)))
    killer.join()
    errors = [one for one in seen if isinstance(one, AffektError)]

    assert killed and len(seen) == 5
    assert [(error.code, "signal 9" in error.message) for error in errors] == [("crashed", True)]


def test_processes_are_as_many_as_cores_tasks_and_memory_allow(ensemble, monkeypatch):
    monkeypatch.setattr(machine, "whole_cores", lambda: 4)
    assert asking._processes(ensemble, 3, 2) == 1 and asking._processes(ensemble, 100, 2) in range(1, 5)
    assert asking._processes(ensemble, 100, 101) == 1
    monkeypatch.setattr(answering_pool, "_BYTES", 1 << 60)
    assert asking._processes(ensemble, 100, 2) == 1
