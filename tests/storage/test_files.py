"""A file's digest, and files and folders that appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from pathlib import Path

import pytest

from affekt.storage import appearing, file_digest, files, known_digest

ROOT = Path(__file__).parents[2]


def test_the_digest_is_that_of_the_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"clip" * 100_000)
    assert file_digest(tmp_path / "file") == hashlib.sha256(b"clip" * 100_000).hexdigest()


def test_a_file_that_nobody_has_written_since_is_not_read_for_its_digest_again(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_bytes(b"first")
    first = file_digest(file)
    monkeypatch.setattr(files, "file_digest", lambda path: "read")
    assert known_digest(file) == first
    file.write_bytes(b"other")  # as long as before
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    assert known_digest(file) == "read"


def test_a_file_is_the_old_one_until_the_block_ends(tmp_path):
    target = tmp_path / "new" / "file"
    with appearing(target) as part:
        part.write_text("first")
        assert not target.exists()
    with appearing(target) as part:
        part.write_text("second")
        assert target.read_text() == "first"
    assert target.read_text() == "second"
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_takes_the_place_of_a_full_one(tmp_path):
    target = tmp_path / "folder"
    for name in ("one", "two"):
        with appearing(target) as part:
            part.mkdir()
            (part / name).write_text(name)
    assert [path.name for path in target.iterdir()] == ["two"]
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_the_old_one_and_nothing_beside_it(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(ValueError, match="no more"), appearing(target) as part:
        part.write_text("half")
        raise ValueError("no more")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_there_is_one_digest_of_a_file():
    code = [path for room in ("affekt", "components", "pipelines", "serving") for path in (ROOT / room).rglob("*.py")]
    assert [path.name for path in code if re.search(r"hashlib\.file_digest", path.read_text())] == ["files.py"]


def test_what_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path):
    for name in ("real", "absent"):
        link = tmp_path / f"to-{name}"
        link.symlink_to(name)
    (tmp_path / "real").write_text("old")
    for name in ("real", "absent"):
        with appearing(tmp_path / f"to-{name}") as part:
            part.write_text("new")
        assert (tmp_path / f"to-{name}").is_symlink()
        assert (tmp_path / name).read_text() == "new"


def test_what_the_system_does_not_name_is_about_the_target(tmp_path):
    with pytest.raises(OSError) as caught, appearing(tmp_path / "x.zip"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(tmp_path / "x.zip")


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with appearing(pipe) as part:
        part.write_text("whole", encoding="utf-8")
    assert pipe.is_fifo()
    assert os.read(reader, 100) == b"whole"
    os.close(reader)
    assert list(tmp_path.iterdir()) == [pipe]
