"""An ensemble as one file: what comes back is what was handed on, and nothing else is taken."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import affekt
from affekt.ensemble.exported import export_ensemble, open_exported
from affekt.ensemble.manifest import MANIFEST
from affekt.ensemble.records import REFERENCE, write_table
from affekt.errors import DataError
from affekt.pipelines.cli import run
from affekt.storage import file_digest


@pytest.fixture
def exported(tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    file = tmp_path / "model.zip"
    export_ensemble(tiny_ensemble, file)
    return file


def test_the_same_ensemble_gives_the_same_bytes(exported, tiny_ensemble, tmp_path):
    other = tmp_path / "again.zip"
    export_ensemble(tiny_ensemble, other)
    assert other.read_bytes() == exported.read_bytes()


def test_an_exported_model_answers_as_the_folder_does(exported, tiny_ensemble, sample_clips):
    clip = sorted((sample_clips / "clips").iterdir())[0]
    assert affekt.load(exported).predict(clip) == affekt.load(tiny_ensemble).predict(clip)


def test_a_registered_import_is_the_exported_model(exported, tiny_ensemble, capsys, tmp_path):
    assert run(["models", "import", str(exported), "--name", "given"]) == 0
    assert "given/1 is registered" in capsys.readouterr().out
    assert run(["models", "export", "given/1", str(tmp_path / "back.zip")]) == 0
    assert (tmp_path / "back.zip").read_bytes() == exported.read_bytes()


def test_the_facts_of_what_it_learned_from_are_handed_on(tiny_ensemble, tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    folder = shutil.copytree(tiny_ensemble, tmp_path / "ensemble")
    (folder / REFERENCE).write_bytes(write_table([{"label": "happy", "seconds": 3.0}]))
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest["files"][REFERENCE] = file_digest(folder / REFERENCE)
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    export_ensemble(folder, tmp_path / "model.zip")
    opened = open_exported(tmp_path / "model.zip")
    assert (opened / REFERENCE).read_bytes() == (folder / REFERENCE).read_bytes()


def test_an_import_with_another_digest_is_refused(exported, capsys):
    assert run(["models", "import", str(exported), "--sha256", "0" * 64]) == 1
    assert "expected 0000" in capsys.readouterr().err


def changed(exported: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other entries."""
    with zipfile.ZipFile(exported) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    file = exported.with_name("changed.zip")
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file


def flip(entries: dict[str, bytes]) -> None:
    name = next(name for name in entries if name.endswith(".safetensors"))
    entries[name] = entries[name][:-1] + bytes([entries[name][-1] ^ 1])


def lead_out(entries: dict[str, bytes]) -> None:
    manifest = json.loads(entries[MANIFEST])
    manifest["files"]["../out.json"] = "0" * 64
    entries[MANIFEST] = json.dumps(manifest).encode()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda entries: entries.update({"../out.json": b"{}"}), "leads out of its folder"),
        (lambda entries: entries.update({"/out.json": b"{}"}), "leads out of its folder"),
        (lambda entries: entries.update({"run.py": b"print()"}), "files alone"),
        (lambda entries: entries.update({"more.json": b"{}"}), "does not name"),
        (lambda entries: entries.pop(MANIFEST), f"holds no {MANIFEST}"),
        (flip, "does not match its digest"),
        (lead_out, "out.json"),
    ],
)
def test_a_changed_file_is_refused(exported, change, says):
    with pytest.raises(DataError, match=says):
        open_exported(changed(exported, change))


def test_a_file_that_was_cut_off_is_refused(exported):
    whole = exported.read_bytes()
    exported.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be read"):
        open_exported(exported)


def test_nothing_is_left_of_a_refused_file(exported, tmp_path):
    with pytest.raises(DataError):
        open_exported(changed(exported, flip))
    assert not list((tmp_path / "home" / "models" / "exported").iterdir())
