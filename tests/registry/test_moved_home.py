"""A home that is moved, renamed, linked or copied: its models are found, and nobody else's are touched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from affekt.registry import Tracking, promote, register, resolve


@pytest.fixture
def old(tmp_path, empty_database, saved):
    """A home with a run, its files and a champion."""
    home = tmp_path / "old home"
    home.mkdir()
    shutil.copyfile(empty_database, home / "mlflow.db")
    tracking = Tracking(home=home)
    run_id = tracking.start_parent("weekly")
    (tmp_path / "report.html").write_text("first")
    with tracking.run(run_id) as run:
        run.artifact(tmp_path / "report.html")
    register(tracking, saved("a"), name="affekt", run_id=run_id)
    promote("affekt/1", tracking)
    return home, run_id


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


def fetched(tracking: Tracking, run_id: str, to: Path) -> str:
    to.mkdir()
    return Path(tracking.client.download_artifacts(run_id, "report.html", str(to))).read_text()


def test_a_moved_home_works(old, tmp_path):
    home, run_id = old
    moved = tmp_path / "elsewhere" / "new"
    moved.parent.mkdir()
    home.rename(moved)
    tracking = Tracking(home=moved)
    assert resolve("affekt", tracking).is_relative_to(moved)
    assert fetched(tracking, run_id, tmp_path / "got") == "first"


def test_a_copied_home_reads_and_writes_its_own(old, tmp_path, saved):
    home, run_id = old
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)
    before = everything(home)
    tracking = Tracking(home=copy)
    assert resolve("affekt", tracking).is_relative_to(copy)
    (tmp_path / "report.html").write_text("second")
    with tracking.run(run_id) as run:
        run.artifact(tmp_path / "report.html")
    assert register(tracking, saved("b"), name="affekt", run_id=tracking.start_parent("weekly")) == 2
    assert resolve("affekt/2", tracking).is_relative_to(copy)
    assert everything(home) == before
    assert fetched(Tracking(home=home), run_id, tmp_path / "got") == "first"
    # The original still works, and sees nothing of the copy's.
    assert resolve("affekt", Tracking(home=home)).is_relative_to(home)


def test_a_copy_of_a_removed_home_works(old, tmp_path):
    home, _ = old
    shutil.copytree(home, tmp_path / "copy")
    shutil.rmtree(home)
    assert (resolve("affekt", Tracking(home=tmp_path / "copy")) / "members" / "weights").read_text() == "a"


def test_another_name_of_the_same_folder_changes_nothing(old, tmp_path):
    home, run_id = old
    (tmp_path / "link").symlink_to(home)
    database = (home / "mlflow.db").read_bytes()
    tracking = Tracking(home=tmp_path / "link")
    assert tracking.client
    assert (home / "mlflow.db").read_bytes() == database
    assert fetched(tracking, run_id, tmp_path / "got") == "first"


def test_addresses_elsewhere_stay(old, tmp_path):
    home, _ = old
    tracking = Tracking(home=home)
    others = ("s3://bucket/mlartifacts", (tmp_path / "old home" / "mlartifacts2").as_uri())
    made = [tracking.client.create_experiment(f"other {n}", artifact_location=uri) for n, uri in enumerate(others)]
    home.rename(tmp_path / "new")
    moved = Tracking(home=tmp_path / "new")
    assert [moved.client.get_experiment(number).artifact_location for number in made] == list(others)
