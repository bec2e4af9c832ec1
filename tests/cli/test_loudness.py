"""How loud the command line is, in which colours, and which state of the code it says it is."""

from __future__ import annotations

import io
import logging
import os
import pty
import re
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

import affekt
from affekt import events
from affekt.pipelines.cli import build_parser, run
from affekt.pipelines.cli.colours import painted
from affekt.pipelines.cli.reference import _commands
from affekt.pipelines.cli.steps import StepLines
from affekt.progress import Progress, told_when_slow
from affekt.revision import revision


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "variables", "shown"),
    [
        (Terminal, {"TERM": "xterm"}, True),
        (io.StringIO, {"TERM": "xterm"}, False),
        (Terminal, {"TERM": "dumb"}, False),
        (Terminal, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal, {"TERM": "xterm", "NO_COLOR": ""}, True),
        (io.StringIO, {"FORCE_COLOR": "1"}, True),
        (io.StringIO, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_are_for_terminals_that_take_them(stream, variables, shown, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b" in painted("ok", "green", stream())) == shown


def test_an_error_is_red_on_a_terminal_and_plain_elsewhere(tmp_path):
    arguments = [sys.executable, "-m", "affekt", "fuse", str(tmp_path / "none.csv")]
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    ours, theirs = pty.openpty()
    subprocess.run(arguments, stderr=theirs, env={**environment, "TERM": "xterm"}, check=False)
    assert os.read(ours, 4096).startswith(b"\x1b[1;31maffekt:\x1b[0m ")
    os.close(ours)
    os.close(theirs)
    piped = subprocess.run(arguments, stderr=subprocess.PIPE, env={**environment, "TERM": "xterm"}, check=False)
    assert piped.stderr.startswith(b"affekt: ")


def test_a_terminal_that_tells_no_size_has_a_bar_as_well():
    script = "import time; from affekt.progress import track\nfor _ in track(range(20), 'read', 20): time.sleep(.05)"
    ours, theirs = pty.openpty()  # of no rows and no columns
    environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    subprocess.run([sys.executable, "-c", script], stderr=theirs, env=environment, check=True)
    assert b"/20 [" in os.read(ours, 4096)
    os.close(ours)
    os.close(theirs)


def test_a_dumb_terminal_gets_lines_and_no_cursor_moves(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    steps = StepLines(stream)
    steps(events.Text("reading", step="ingest"))
    steps(events.Done(1.0, step="ingest"))
    assert "\x1b" not in stream.getvalue() and "\r" not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 2


def test_lines_of_steps_that_run_side_by_side_bear_their_names():
    stream = io.StringIO()
    steps = StepLines(stream)
    for name, text in (("vgg", "one"), ("vgg", "two"), ("c3d", "three"), ("vgg", "four")):
        steps(events.Text(text, step=name))
    lines = [line.split("|") for line in stream.getvalue().splitlines()]
    assert [(name.strip(), text.strip()) for name, text in lines] == [
        ("vgg", "one"), ("", "two"), ("c3d", "three"), ("vgg", "four"),
    ]  # fmt: skip


@pytest.mark.parametrize("arguments", [["-q", "check", "none"], ["check", "none", "-q"], ["check", "--quiet", "none"]])
def test_quiet_stands_anywhere_and_leaves_results(arguments, capsys):
    assert run(arguments) == 1
    assert "no such folder" in capsys.readouterr().out
    assert logging.getLogger("affekt").level == logging.ERROR


def test_every_command_and_action_takes_both():
    without = [parser.prog for parser, _ in _commands(build_parser()) if "--quiet" not in parser.format_help()]
    assert not without


def test_quiet_says_no_steps_and_remarks(monkeypatch):
    stream = io.StringIO()
    steps = StepLines(stream)
    logger = logging.getLogger("affekt")
    monkeypatch.setattr(logger, "level", logger.level)
    logger.setLevel(logging.ERROR)
    steps(events.Done(1.0, step="ingest"))
    logger.setLevel(logging.INFO)
    assert not stream.getvalue()
    steps(events.Done(1.0, step="ingest"))
    assert stream.getvalue() == "ingest              1.0 s\n"


@pytest.mark.parametrize(
    ("flags", "stream", "drawn"),
    [([], Terminal, True), (["--json"], Terminal, False), (["-q"], Terminal, False), ([], io.StringIO, False)],
)
def test_the_reading_of_a_large_archive_is_drawn_on_a_terminal_alone(flags, stream, drawn, tmp_path, monkeypatch):
    with tarfile.open(tmp_path / "faces.tar", "w") as archive:
        (tmp_path / "large.txt").write_bytes(bytes(6_000_000))
        archive.add(tmp_path / "large.txt", "happy/large.txt")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("affekt.progress._DRAWN_AFTER", 0.0)
    monkeypatch.setattr(logging.getLogger("affekt"), "level", logging.INFO)
    monkeypatch.setattr(sys, "stderr", shown := stream())
    run(["check", str(tmp_path / "faces.tar"), *flags])
    assert ("read faces.tar" in shown.getvalue()) == drawn


def test_what_takes_long_without_a_bar_is_told_once(monkeypatch, caplog):
    monkeypatch.setattr("affekt.progress._TOLD_AFTER", 0.05)
    with caplog.at_level(logging.INFO):
        with told_when_slow("loading x"):
            pass
        with told_when_slow("loading y"):
            time.sleep(0.2)
    assert caplog.messages == ["loading y …"]


def test_a_wait_is_told_again_once_a_bar_came_and_went(monkeypatch, caplog):
    monkeypatch.setattr("affekt.progress._TOLD_AFTER", 0.1)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with caplog.at_level(logging.INFO), told_when_slow("reading x"):
        with Progress("check", 3):
            time.sleep(0.25)
            assert caplog.messages == [], "the bar shows it"
        time.sleep(0.6)
    assert caplog.messages == ["reading x …"]


def test_a_bar_is_drawn_before_the_first_unit_is_done_and_leaves_nothing(monkeypatch):
    monkeypatch.setattr("affekt.progress._DRAWN_AFTER", 0.05)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    with Progress("check", 3):
        deadline = time.monotonic() + 10
        while "check:   0%" not in shown.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "check:   0%" in shown.getvalue()
    assert shown.getvalue().endswith("\r"), "the line is empty again"
    assert not shown.getvalue().split("\r")[-2].strip()


def test_lines_of_one_work_after_another_are_no_further_apart_than_those_of_one(monkeypatch, caplog):
    monkeypatch.setattr("affekt.progress._SETTLED", 0.05)
    monkeypatch.delenv(events.LISTENED, raising=False)
    monkeypatch.setattr("affekt.progress._Shown.spoke", time.monotonic() - 10)
    with caplog.at_level(logging.INFO), Progress("check", 3) as progress:
        time.sleep(0.1)
        progress.advance()
        progress.advance()
    assert [message.split(" (")[0] for message in caplog.messages] == ["check: 1 of 3"]


def test_verbose_is_debug_here_and_in_other_processes(monkeypatch, capsys):
    seen = {}
    monkeypatch.setattr(
        "affekt.pipelines.cli.settings.main", lambda options: seen.update(level=os.environ["AFFEKT_LOG_LEVEL"])
    )
    assert run(["settings", "--verbose"]) == 0
    assert (seen["level"], logging.getLogger("affekt").level) == ("DEBUG", logging.DEBUG)
    assert run(["settings", "--quiet"]) == 0
    assert seen["level"] == "INFO", "what steps write into files is not made less"


@pytest.mark.parametrize(
    ("arguments", "level", "told"),
    [(["-q", "check", "x", "-v"], "", "choose one"), (["check", "x"], "loud", "AFFEKT_LOG_LEVEL is LOUD")],
)
def test_what_contradicts_itself_is_wrong_usage(arguments, level, told, monkeypatch, capsys):
    monkeypatch.setenv("AFFEKT_LOG_LEVEL", level)
    assert run(arguments) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["chek", "x"], "did you mean check"),
        (["check", "x", "--jsno"], "unknown option --jsno; did you mean --json"),
        (["drift", "--model", "x"], "unknown option --model\n"),
        (["train", "x", "--only", "svcc"], "there is no 'svcc'; did you mean svc"),
        (["models", "lits"], "did you mean list"),
    ],
)
def test_a_wrong_word_is_told_the_right_one(arguments, told, capsys):
    with pytest.raises(SystemExit) as ended:
        run(arguments)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def test_the_version_says_the_revision(capsys):
    with pytest.raises(SystemExit) as ended:
        run(["--version"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert re.fullmatch(rf"affekt {re.escape(affekt.__version__)} \(revision \S+\)\n", said)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_revision_of_a_checkout_is_what_git_says(tmp_path):
    package = tmp_path / "affekt"
    package.mkdir()
    package.joinpath("file").touch()
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    head = (tmp_path / ".git" / "refs" / "heads").rglob("*")
    first = next(path for path in head if path.is_file()).read_text("ascii")[:12]
    assert revision(package) == first
    package.joinpath("file").write_text("changed", encoding="ascii")
    assert revision(package) == f"{first}+changes"


def test_the_revision_elsewhere_is_what_the_build_recorded_or_unknown(tmp_path):
    package = tmp_path / "affekt"
    package.mkdir()
    assert revision(package) == "unknown"
    package.joinpath("revision.txt").write_text("0123456789ab\n", encoding="ascii")
    assert revision(package) == "0123456789ab"
