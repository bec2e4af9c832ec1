"""The archive: what is in it, and what is not."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import pytest
import yaml

from affekt.errors import AffektError, DataError
from affekt.serving.archive import build_archive, model_config
from affekt.storage import file_digest


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def expected(ensemble: Path) -> set[str]:
    files = json.loads((ensemble / "ensemble.json").read_text())["files"]
    inside = {f"ensemble/{name}" for name in (*files, "ensemble.json")}
    return {"MAR-INF/MANIFEST.json", "handler.py", "model-config.yaml", *inside}


def test_a_folder_holds_handler_config_manifest_and_the_ensemble_and_nothing_else(tiny_ensemble, tmp_path):
    archive = build_archive(tiny_ensemble, tmp_path / "store", version="7")
    assert archive == tmp_path / "store" / "affekt"
    assert names(archive) == expected(tiny_ensemble)
    assert list((tmp_path / "store").iterdir()) == [archive]
    manifest = json.loads((archive / "MAR-INF" / "MANIFEST.json").read_text())["model"]
    assert manifest == {
        "modelName": "affekt",
        "modelVersion": "7",
        "handler": "handler.py",
        "configFile": "model-config.yaml",
    }


def test_a_mar_file_holds_the_same_uncompressed(tiny_ensemble, tmp_path):
    archive = build_archive(tiny_ensemble, tmp_path, format="zip-store")
    assert archive == tmp_path / "affekt.mar"
    with zipfile.ZipFile(archive) as packed:
        assert set(packed.namelist()) == expected(tiny_ensemble)
        assert {item.compress_type for item in packed.infolist()} == {zipfile.ZIP_STORED}
        assert packed.read("ensemble/ensemble.json") == (tiny_ensemble / "ensemble.json").read_bytes()
    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize("kind", ["no-archive", "zip-store"])
def test_an_older_archive_is_replaced(tiny_ensemble, tmp_path, kind):
    build_archive(tiny_ensemble, tmp_path, version="1", format=kind)
    archive = build_archive(tiny_ensemble, tmp_path, version="2", format=kind)
    assert list(tmp_path.iterdir()) == [archive]


def test_versions_lie_side_by_side_under_names_of_their_own(tiny_ensemble, tmp_path):
    first = build_archive(tiny_ensemble, tmp_path, version="1", file_name="affekt-1")
    second = build_archive(tiny_ensemble, tmp_path, version="2", file_name="affekt-2")
    assert {first.name, second.name} == {"affekt-1", "affekt-2"}
    assert first.is_dir()


def test_building_does_not_touch_the_temporary_folder(tiny_ensemble, tmp_path, monkeypatch):
    # The archiver's own packaging deletes <temporary folder>/<model name> first, whatever that is.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mine = tmp_path / "affekt" / "precious"
    mine.mkdir(parents=True)
    build_archive(tiny_ensemble, tmp_path / "store")
    assert mine.is_dir()


def test_the_config_keeps_requests_single_and_bounded():
    config = model_config(120.0, workers=2)
    assert (config["batchSize"], config["maxBatchDelay"]) == (1, 0)
    assert (config["minWorkers"], config["maxWorkers"]) == (2, 2)
    assert config["responseTimeout"] > 120


def test_the_config_is_in_the_archive(tiny_ensemble, tmp_path):
    archive = build_archive(tiny_ensemble, tmp_path, workers=3, job_queue_size=5)
    config = yaml.safe_load((archive / "model-config.yaml").read_text())
    assert (config["minWorkers"], config["jobQueueSize"]) == (3, 5)


def test_a_folder_that_is_no_ensemble_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"ensemble\.json"):
        build_archive(tmp_path, tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.fixture
def copied(tiny_ensemble, tmp_path):
    """An ensemble of one's own, to be changed."""
    return Path(shutil.copytree(tiny_ensemble, tmp_path / "copied"))


@pytest.mark.parametrize(
    "name", ["../handler.py", "/etc/passwd", "members/../../handler.py", "..\\handler.py", "link.py"]
)
def test_a_manifest_cannot_bring_a_file_from_elsewhere_into_the_archive(copied, tmp_path, name):
    outside = tmp_path / "handler.py"
    outside.write_text("raise SystemExit")
    (copied / "link.py").symlink_to(outside)
    manifest = json.loads((copied / "ensemble.json").read_text())
    manifest["files"][name] = file_digest(outside)
    (copied / "ensemble.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError) as raised:
        build_archive(copied, tmp_path / "store")
    assert raised.value.code == "name_outside"
    assert not (tmp_path / "store").exists()


def test_a_damaged_file_is_not_packed(copied, tmp_path):
    name = next(iter(json.loads((copied / "ensemble.json").read_text())["files"]))
    with (copied / name).open("ab") as file:
        file.write(b"x")
    with pytest.raises(DataError, match="does not match its digest"):
        build_archive(copied, tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("name", ["a/b", "../a", "", "a b"])
def test_a_name_that_torchserve_would_not_take_is_refused(tiny_ensemble, tmp_path, name):
    with pytest.raises(AffektError) as raised:
        build_archive(tiny_ensemble, tmp_path, name=name)
    assert raised.value.code == "bad_name"
