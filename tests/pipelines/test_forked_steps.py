"""Steps that are forked from a process with everything imported are processes of their own, and end as such."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from affekt.pipelines.forked_steps import ForkedStep, ForkedSteps, possible

pytestmark = pytest.mark.skipif(not possible(), reason="steps are forked on Linux alone")


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkedSteps]:
    forks = ForkedSteps({"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore"})
    yield forks
    forks.close()


def _started(forks: ForkedSteps, folder: Path, body: str, name: str = "work", **variables: str) -> ForkedStep:
    """A step with this body and name."""
    program = folder / "ephemeral_component.py"
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    program.write_text(f"import os, signal, sys, time\ndef {name}():\n{lines}", encoding="utf-8")
    asked = json.dumps({"inputs": {}, "outputs": {"outputFile": str(folder / "output.json")}})
    given = ["--component_module_path", str(program), "--executor_input", asked, "--function_to_execute", name]
    return forks.start(given, {"PATH": os.environ["PATH"], **variables})


def test_a_step_has_the_environment_and_the_output_that_it_was_given(forks, tmp_path):
    body = "print(sorted(os.environ), flush=True)\nprint('torch' in sys.modules or 'mlflow' in sys.modules)"
    step = _started(forks, tmp_path, body, MINE="1")
    lines = step.stdout.read().splitlines()
    assert step.wait() == 0
    assert "['MINE', 'PATH']" in lines
    assert "True" in lines


def test_what_optimisers_import_is_there_for_steps_that_train_networks_and_imported_for_no_other(forks, tmp_path):
    for name, expected in (("train_svc", "False"), ("train_vgg", "True")):
        step = _started(forks, tmp_path, "print('torch._dynamo' in sys.modules)", name)
        assert expected in step.stdout.read().splitlines()
        assert step.wait() == 0


def test_a_process_that_dies_with_a_request_unread_is_an_error_at_once():
    forks = ForkedSteps({})
    forks._open()
    assert forks._process is not None
    os.kill(forks._process.pid, signal.SIGSTOP)
    threading.Timer(0.3, forks._process.kill).start()
    with pytest.raises(OSError):
        forks.start([], {})
    forks.close()


def test_what_waits_for_the_end_of_a_step_is_done(forks, tmp_path):
    (tmp_path / "made").mkdir()
    body = (
        f"import atexit, tempfile, threading\nos.chdir({str(tmp_path)!r})\n"
        "atexit.register(lambda: open('asked', 'w').write('yes'))\n"
        "sys.kept = tempfile.TemporaryDirectory(dir='made')\n"
        "def write():\n    time.sleep(0.2)\n    open('thread', 'w').write('yes')\n"
        "threading.Thread(target=write).start()\nsys.stdout.write('the last words')"
    )
    step = _started(forks, tmp_path, body)
    assert "the last words" in step.stdout.read()
    assert step.wait() == 0
    assert (tmp_path / "asked").read_text() == (tmp_path / "thread").read_text() == "yes"
    assert list((tmp_path / "made").iterdir()) == []


def test_a_step_that_fails_says_so_and_has_an_exit_status(forks, tmp_path):
    step = _started(forks, tmp_path, "raise ValueError('no such thing')")
    assert "ValueError: no such thing" in step.stdout.read()
    assert step.wait() == 1


def test_a_step_that_dies_of_a_signal_is_known_to_and_others_go_on(forks, tmp_path):
    (tmp_path / "other").mkdir()
    other = _started(forks, tmp_path / "other", "time.sleep(0.3)\nprint('went on')")
    step = _started(forks, tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    step.stdout.read()
    assert step.wait() == -signal.SIGKILL
    assert "went on" in other.stdout.read()
    assert other.wait() == 0


def test_a_step_is_told_to_end(forks, tmp_path):
    step = _started(forks, tmp_path, "print('here', flush=True)\ntime.sleep(60)")
    assert any(line.strip() == "here" for line in step.stdout)
    step.terminate()
    assert step.wait() == -signal.SIGTERM
    step.terminate()  # of one that is over, nothing happens to whoever has its number by then


def test_two_steps_know_nothing_of_each_other(forks, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        step = _started(forks, tmp_path / name, "import affekt\nprint(hasattr(affekt, 'left'))\naffekt.left = True")
        assert "False" in step.stdout.read().splitlines()
        assert step.wait() == 0
