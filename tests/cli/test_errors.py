"""What a person meets who names the wrong place: one sentence with the place in it, and never a traceback."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from affekt.pipelines.cli import build_parser, run
from affekt.pipelines.cli.reference import _commands

SCORES = "clip,label,subject,split,a_happy,a_sad,b_happy,b_sad\n" + "".join(
    f"{split}{n},{('happy', 'sad')[n % 2]},{split}{n % 3},{split},.{3 + n % 5},.{7 - n % 5},.6,.4\n"
    for split in ("train", "val")
    for n in range(9)
)


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, Path]]:
    """Places of all kinds below a folder that everybody may enter."""
    top = Path(tempfile.mkdtemp(prefix="affekt-errors "))
    top.chmod(0o777)
    found = {
        name: top / name
        for name in (
            "missing",
            "file",
            "folder",
            "empty.csv",
            "binary.csv",
            "header.csv",
            "locked",
            "locked.csv",
            "loop",
        )
    }
    found["file"].write_text("no folder", encoding="utf-8")
    found["folder"].mkdir()
    found["empty.csv"].touch()
    found["binary.csv"].write_bytes(bytes(range(256)) * 9)
    found["header.csv"].write_text("path,label,subject,split\n", encoding="utf-8")
    found["locked"].mkdir()
    found["locked"].joinpath("clip.mp4").touch()
    found["locked"].chmod(0)
    found["locked.csv"].touch(mode=0)
    found["loop"].symlink_to(found["loop"])
    found |= {"scores.csv": top / "scores.csv", "below a file": top / "file" / "x", "long": top / ("x" * 300)}
    found["scores.csv"].write_text(SCORES, encoding="utf-8")
    found |= {"no folder": top / "missing" / "x", "full": Path("/dev/full"), "kernel": Path("/proc/affekt")}
    found |= {
        "folder.yaml": top / "folder.yaml",
        "folder.csv": top / "folder.csv",
        "below locked": top / "locked" / "x",
    }
    found["folder.yaml"].mkdir()
    found["folder.csv"].mkdir()
    yield found
    found["locked"].chmod(0o700)
    shutil.rmtree(top)


class Capabilities:
    """What the calling thread may do beyond what its files' modes say (capabilities(7)), as ``capget`` fills it."""

    OVERRIDES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    VERSION = 0x20080522

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._header = (ctypes.c_uint32 * 2)(self.VERSION, 0)
        self._sets = (ctypes.c_uint32 * 6)()  # twice: effective, permitted, inheritable
        self._call(self._libc.capget)

    def override(self, may: bool) -> None:
        """Set whether modes of files are passed over, where they may be at all."""
        self._sets[0] = (self._sets[0] | self._sets[1] & self.OVERRIDES) if may else self._sets[0] & ~self.OVERRIDES
        self._call(self._libc.capset)

    def _call(self, function: Callable[..., int]) -> None:
        if function(self._header, self._sets):
            raise OSError(ctypes.get_errno(), "the capabilities of this process")


@contextlib.contextmanager
def without_rights() -> Iterator[None]:
    """As somebody whom the modes of files bind, where the tests run as somebody who passes them over."""
    capabilities = Capabilities()
    capabilities.override(may=False)
    try:
        yield
    finally:
        capabilities.override(may=True)


READ = ("missing", "folder", "below a file", "long", "loop", "empty.csv", "binary.csv")
WRITE = ("folder", "below a file", "long", "loop", "no folder", "kernel")
#: Command, with {} where the place stands; the places.
CASES = {
    "check {} --json": (*READ, "header.csv"),
    "train {} --only svc --json": (*READ, "header.csv"),
    "train {} --only svc --protocol fixed": ("missing", "folder", "long"),
    "train {} --only svc --runner docker": ("missing", "long"),
    "evaluate {} --model tiny/1 --json": READ,
    "fuse {} --json": READ,
    "fuse SCORES --out {}": (*WRITE, "full"),
    "fuse SCORES --json --out {}": (*WRITE, "full"),
    "evaluate CLIPS --model tiny/1 --json {}": WRITE,
    "predict CLIP --json --model {}": ("missing", "folder", "below a file", "long", "loop", "file"),
    "predict @{} --json": ("missing", "folder", "below a file", "long", "loop"),
    "sample {} --clips-per-label 1": ("file", "below a file", "long", "loop", "kernel"),
    "pipeline compile --only svc --out {}": ("folder.yaml",),
    "pipeline compile --only svc --out {}.yaml": ("below a file", "long", "no folder", "kernel"),
    "score CLIP --model tiny/1 --json --out {}.csv": ("no folder", "long"),
    "keys add team --file {}": ("folder", "below a file", "long", "no folder"),
    "models export tiny/1 {}": WRITE,
    "models import {} --name other": ("missing", "folder", "below a file", "long", "loop", "binary.csv"),
    "weights import {} --as vgg_face": ("missing", "folder", "below a file", "long", "loop", "binary.csv"),
    "weights fetch vgg_face --from {}": ("missing", "folder", "below a file", "long", "loop"),
    "weights verify {}": ("missing", "folder", "long", "loop"),
    "serve --model {}": ("missing", "file", "long", "loop"),
}
LOCKED = {
    "check {} --json": ("locked", "locked.csv", "below locked"),
    "train {} --only svc --json": ("locked", "locked.csv"),
    "fuse {} --json": ("locked.csv", "below locked"),
    "fuse SCORES --json --out {}": ("locked.csv", "below locked"),
    "sample {} --clips-per-label 1": ("below locked",),
    "pipeline compile --only svc --out {}.yaml": ("below locked",),
}


def spelled(command: str, place: Path, given: dict[str, str]) -> list[str]:
    return [given.get(word, word.replace("{}", str(place))) for word in command.split()]


def is_one_sentence(arguments: list[str], place: str, captured: pytest.CaptureFixture[str], code: int) -> None:
    out, err = captured.readouterr()
    assert "Traceback" not in err and "[Errno" not in err and "Error(" not in err
    document = None
    if arguments[-1] == "--json" or ("--json" in arguments and arguments[0] != "evaluate"):
        document = json.loads(out)  # exactly one
    if document is not None and "errors" in document:  # a check's own document
        assert code == 1 and document["errors"]
        return
    assert code == 1, (code, out, err)
    said = [text for text in err.splitlines() if text.startswith("affekt: ")][-1:]
    assert said and place in err
    if document is not None:
        assert set(document["error"]) == {"code", "message", "where"}
        assert document["error"]["code"] not in ("internal", "system", "invalid")
        assert document["error"]["message"]


@pytest.fixture
def given(pipeline_run, sample_clips, places, monkeypatch) -> dict[str, str]:
    """What the words in capitals stand for."""
    monkeypatch.setenv("AFFEKT_HOME", str(pipeline_run.home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", pipeline_run.tracking_uri)
    clip = sorted((sample_clips / "clips").iterdir())[0]
    return {"CLIPS": str(sample_clips), "CLIP": str(clip), "SCORES": str(places["scores.csv"])}


@pytest.mark.parametrize(("command", "name"), [(command, name) for command, names in CASES.items() for name in names])
def test_a_wrong_place_is_one_sentence(command, name, places, given, capsys):
    arguments = spelled(command, places[name], given)
    is_one_sentence(arguments, str(places[name])[:100], capsys, run(arguments))


@pytest.mark.parametrize(("command", "name"), [(command, name) for command, names in LOCKED.items() for name in names])
def test_a_place_without_permission_is_one_sentence(command, name, places, monkeypatch, capsys):
    monkeypatch.setenv("AFFEKT_HOME", str(places["folder"].parent / "home"))
    arguments = spelled(command, places[name], {"SCORES": str(places["scores.csv"])})
    with without_rights():
        code = run(arguments)
    is_one_sentence(arguments, str(places[name]), capsys, code)


@pytest.mark.parametrize("command", ["models list --json", "predict CLIP --json", "evaluate CLIPS --json"])
@pytest.mark.parametrize("name", ["file", "below a file", "long", "loop", "kernel", "below locked"])
def test_a_state_folder_that_cannot_be_is_one_sentence(command, name, places, sample_clips, monkeypatch, capsys):
    monkeypatch.setenv("AFFEKT_HOME", str(places[name]))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    clip = sorted((sample_clips / "clips").iterdir())[0]
    arguments = spelled(command, Path(), {"CLIP": str(clip), "CLIPS": str(sample_clips)})
    with without_rights():
        code = run(arguments)
    is_one_sentence(arguments, str(places[name])[:100], capsys, code)


@pytest.mark.parametrize("command", ["evaluate", "predict", "score --out table.csv"])
def test_a_model_in_the_place_of_a_file_is_told_its_flag(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run([*command.split(), "voice@champion"]) == 1
    printed = capsys.readouterr()
    assert "check the path, or name a model by --model voice@champion" in printed.out + printed.err


@pytest.mark.parametrize("port", ["0", "-1", "65536", "99999999999", "8080.5", "http", "٣"])
def test_a_port_that_is_none_is_wrong_usage(port, capsys):
    with pytest.raises(SystemExit) as ended:
        run(["serve", f"--port={port}"])
    assert ended.value.code == 2
    assert "expected a port from 1 to 65535" in capsys.readouterr().err


def test_a_port_that_is_taken_is_one_sentence(given, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        assert run(["serve", "--model", "tiny/1", "--port", port]) == 1
    _, err = capsys.readouterr()
    assert port in err and "Traceback" not in err


@pytest.mark.parametrize("arguments", [["predict", "--json"], ["check", "--json", "a", "b"]])
def test_wrong_usage_with_json_is_one_document(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        run(arguments)
    assert ended.value.code == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"


def test_every_command_with_json_prints_one_document_when_it_is_refused(capsys):
    commands = [parser.prog.split()[1:] for parser, _ in _commands(build_parser()) if "--json" in parser.format_help()]
    assert len(commands) > 8
    for command in commands:
        with pytest.raises(SystemExit) as ended:
            run([*command, "--json", "--nothing"])
        assert ended.value.code == 2
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage", command


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "a.mp4", "--url", "http://127.0.0.1:1", "--model", "x/1"],
        ["fuse", __file__, "--method", "average", "--weights", "vgg=1"],
        ["fuse", __file__, "--method", "average,svm", "--weights", "vgg=1"],
    ],
)
def test_flags_that_say_nothing_together_are_wrong_usage_in_json_too(arguments, capsys):
    assert run([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"


def test_files_that_cannot_be_read_do_not_end_a_batch(given, places, capsys):
    bad = [places[name] for name in ("missing", "below a file", "long", "loop", "file", "kernel")]
    files = [str(path) for path in bad] + [given["CLIP"]]
    assert run(["predict", *files, "--model", "tiny/1", "--json"]) == 1
    results = json.loads(capsys.readouterr().out)["results"]
    assert [result["file"] for result in results] == files
    assert ["error" in result for result in results] == [True] * len(bad) + [False]
    assert all(result["error"]["message"] for result in results[:-1])


def test_clips_that_cannot_be_read_do_not_end_an_evaluation(given, places, sample_clips, tmp_path, capsys):
    good = sorted((sample_clips / "clips").iterdir())[:3]
    rows = [f"{path},happy,a,val" for path in [*good, places["binary.csv"], places["file"]]]
    table = tmp_path / "clips.csv"
    table.write_text("\n".join(["path,label,subject,split", *rows]), encoding="utf-8")
    run(["check", str(table), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["clips"] == 5
    assert {error["where"] for error in found["errors"]} >= {f"{table}:5", f"{table}:6"}


def test_figures_are_shown_when_their_file_cannot_be_written(given, capsys):
    assert run(["fuse", given["SCORES"], "--out", "/dev/full"]) == 1
    out, err = capsys.readouterr()
    assert "best:" in out
    assert "affekt: /dev/full: the disk is full" in err
    assert run(["fuse", given["SCORES"], "--out", "/dev/full", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["best"] and document["error"]["code"] == "disk_full"


def test_an_output_is_written_where_a_link_leads_and_the_link_stays(given, tmp_path, capsys):
    (tmp_path / "link.csv").symlink_to("real.csv")
    assert run(["fuse", given["SCORES"], "--out", str(tmp_path / "link.csv")]) == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text().startswith("clip,predicted")


def test_an_evaluation_whose_report_cannot_be_written_is_still_one_document(given, capsys):
    command = ["evaluate", given["CLIPS"], "--split", "val", "--model", "tiny/1", "--report", "/dev/full", "--json"]
    assert run(command) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["accuracy"] is not None and document["error"]["code"] == "disk_full"


def test_an_answer_whose_picture_cannot_be_written_is_still_told(given, tmp_path, capsys):
    taken = tmp_path / f"0001-{Path(given['CLIP']).stem}.jpg"
    taken.mkdir()
    command = ["predict", given["CLIP"], "--model", "tiny/1", "--thumbnails", str(tmp_path), "--json"]
    assert run(command) == 1
    out, err = capsys.readouterr()
    [result] = json.loads(out)["results"]
    assert result["label"] and "thumbnail" not in result
    assert f"affekt: {taken}: is a folder" in err
    assert json.loads(out)["error"]["where"] == str(taken)


def test_an_output_is_tried_before_the_work_and_left_as_it_was(given, tmp_path):
    kept = tmp_path / "kept.json"
    kept.write_text("before", encoding="utf-8")
    assert run(["evaluate", str(tmp_path / "none"), "--json", str(kept)]) == 1
    assert run(["evaluate", str(tmp_path / "none"), "--json", str(tmp_path / "new.json")]) == 1
    assert kept.read_text(encoding="utf-8") == "before"
    assert not (tmp_path / "new.json").exists()


def affekt(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "affekt", *arguments], stderr=subprocess.PIPE, text=True, timeout=120, **options
    )


def test_standard_output_that_is_full_is_one_sentence(places):
    with Path("/dev/full").open("w") as full:
        done = affekt("fuse", str(places["scores.csv"]), stdout=full)
    assert done.returncode == 1
    assert done.stderr.startswith("affekt: standard output, or the state below ")
    assert done.stderr.endswith(": the disk is full; make room, or name another place\n")


def test_a_reader_that_goes_away_is_no_error(places):
    read, write = os.pipe()
    os.close(read)
    done = affekt("fuse", str(places["scores.csv"]), stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_an_interrupt_ends_the_command_with_one_document(sample_clips, tmp_path):
    environment = {**os.environ, "AFFEKT_HOME": str(tmp_path)}
    running = subprocess.Popen(
        [sys.executable, "-m", "affekt", "train", str(sample_clips), "--only", "svc", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True,
    )  # fmt: skip
    for _ in range(600):
        if list(tmp_path.glob("runs/*/pipeline.log")):
            break
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 130
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert "Traceback" not in err


def test_an_interrupt_while_opensmile_works_is_not_lost():
    script = (
        "import numpy as np, os, signal, sys, threading, time\n"
        "from affekt.media.functionals import feature_set\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have had it ignored\n"
        "smile = feature_set('egemaps')\n"
        "sound = np.random.default_rng(0).uniform(-.1, .1, 16000 * 240).astype('float32')\n"
        "threading.Timer(.4, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try:\n    smile(sound, 16000); time.sleep(5); print('lost')\n"
        "except KeyboardInterrupt:\n    print('interrupted')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "interrupted"
    assert "Exception ignored" not in done.stderr
