"""What decoders of uploads can reach: nothing but the clip."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from affekt.errors import MediaError
from affekt.media import decode, ffmpeg_command
from affekt.media.ffmpeg_start import ENVIRONMENT, limited, limiter
from affekt.serving import confined

#: What a confined worker tries, after its clip was decoded.
TRIED = """
import pathlib, socket, subprocess, sys, tempfile
from affekt.media import prepare_file
from affekt.serving.confined import confine
from affekt.settings.loading import load_settings
clip, inbox, scratch, outside = map(pathlib.Path, sys.argv[1:])
tempfile.tempdir = str(scratch)
confine([inbox], scratch)
def refused(what):
    try:
        what()
    except (PermissionError, subprocess.CalledProcessError):
        return True
    return False
print(len(prepare_file(clip, load_settings("small").media).present) > 0,
      refused(lambda: outside.read_bytes()),
      refused(lambda: (inbox / "new").write_bytes(b"")),
      refused(lambda: outside.with_name("new").write_bytes(b"")),
      refused(lambda: socket.socket()),
      refused(lambda: subprocess.run(["/bin/sh", "-c", ":"], check=True)),
      refused(lambda: (scratch / "new").write_bytes(b"")))
"""


def test_a_confined_worker_decodes_and_reaches_nothing_else(clip, tmp_path):
    if not confined.landlock_version():
        pytest.skip("this kernel offers no Landlock")
    inbox, scratch, outside = tmp_path / "inbox", tmp_path / "scratch", tmp_path / "secret"
    for folder in (inbox, scratch):
        folder.mkdir()
    (inbox / "a.clip").write_bytes(clip.read_bytes())
    outside.write_text("secret")
    run = subprocess.run(
        [sys.executable, "-c", TRIED, str(inbox / "a.clip"), str(inbox), str(scratch), str(outside)],
        capture_output=True,
        text=True,
    )
    assert run.stdout.split() == ["True"] * 6 + ["False"], run.stderr


@pytest.mark.parametrize("files", [False, True], ids=["the package", "its files"])
def test_a_confined_worker_reads_packages_that_are_linked(tmp_path, files):
    if not confined.landlock_version():
        pytest.skip("this kernel offers no Landlock")
    kept, installed = tmp_path / "kept" / "late", tmp_path / "site-packages"
    (kept / "core").mkdir(parents=True)
    (kept / "__init__.py").touch()
    (kept / "core" / "__init__.py").write_text("found = 7\n")
    installed.mkdir()
    if files:
        (installed / "late").mkdir()
        for name in ("__init__.py", "core"):
            (installed / "late" / name).symlink_to(kept / name)
    else:
        (installed / "late").symlink_to(kept)
    script = (
        "import pathlib, sys; from affekt.serving.confined import confine\n"
        "confine([], pathlib.Path(sys.argv[1])); from late.core import found; print(found)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "scratch")]
    run = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(installed)}, capture_output=True, text=True)
    assert run.stdout == "7\n", run.stderr


def test_ffmpeg_is_started_with_an_empty_environment_and_its_limits(clip, tmp_path, tiny_settings, monkeypatch):
    if not limiter():
        pytest.skip("prlimit is not installed here")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    spy = tmp_path / "ffmpeg"
    spy.write_text(
        f"#!{sys.executable} -S\n"
        "import os, resource\n"
        "file, memory, seconds = (resource.getrlimit(getattr(resource, f'RLIMIT_{name}'))[0]\n"
        "                         for name in ('FSIZE', 'AS', 'CPU'))\n"
        "os.write(2, f'error {sorted(os.environ)} {file} {memory >> 30} {0 < seconds < 999}'.encode())\n"
    )
    spy.chmod(0o755)
    monkeypatch.setattr(ffmpeg_command, "ffmpeg_binary", lambda: str(spy))
    with pytest.raises(MediaError, match=r"error \[('LC_CTYPE')?\] 0 6 True"):
        decode.decode(clip, tiny_settings.media)


def test_limits_hold_before_the_first_instruction():
    script = "import resource; print(resource.getrlimit(resource.RLIMIT_FSIZE))"
    command = limited([sys.executable, "-c", script], 10, 5)
    assert (
        subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True).stdout == "(5, 5)\n" or not limiter()
    )


def test_what_holds_is_said(door):
    assert door.confinement == confined.possible()
    assert "empty environment" in door.confinement


def test_workers_cannot_read_what_is_not_theirs(door, no_clip):
    """The folder of the server's own secrets is not among what a decoder may read."""
    assert Path(door.options.temporary, "scratch").is_dir()
    assert {path.name for path in Path(door.options.temporary).iterdir()} == {"scratch", "clips", "admin.sock"}
