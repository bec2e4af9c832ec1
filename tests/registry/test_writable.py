"""What would end a training at its last step is told before its first."""

from __future__ import annotations

import os

import pytest

from affekt.errors import AffektError
from affekt.home import home
from affekt.pipelines.job import TrainingJob
from affekt.pipelines.run import run_training
from affekt.registry import Tracking, check_registry, check_store, list_models
from affekt.registry.models import registered_model
from affekt.registry.writable import check_space
from affekt.settings import load_settings

AS_ROOT = os.geteuid() == 0


@pytest.mark.parametrize("name", ["a/b", "a b", "-a", "", "ä", "a" * 201, "a:1", "..", "a@b"])
def test_a_name_that_the_registry_would_refuse(tracking, name):
    with pytest.raises(AffektError, match="at most 200") as caught:
        check_registry(tracking, name)
    assert caught.value.code == "bad_name"


def test_the_longest_name_can_be_registered(tracking):
    check_registry(tracking, "a" * 200, registers=True)
    assert registered_model("a" * 200, tracking).name == "a" * 200


def test_asking_twice_changes_nothing(tracking):
    for _ in range(2):
        check_registry(tracking, "affekt", registers=True)
    assert list_models(tracking) == []


def test_without_a_registration_no_model_is_made(tracking):
    check_registry(tracking, "affekt")
    with pytest.raises(AffektError):
        registered_model("affekt", tracking)


def test_a_database_that_another_holds_or_that_is_none_is_told(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"no database at all, just text " * 100)
    with pytest.raises(AffektError, match="cannot be written") as caught:
        check_registry(Tracking(home=tmp_path), "affekt")
    assert (caught.value.code, caught.value.where) == ("registry_not_writable", str(tmp_path / "mlflow.db"))


@pytest.mark.skipif(AS_ROOT, reason="root may write everything")
def test_a_database_without_permission_is_told(tracking):
    (tracking.home / "mlflow.db").chmod(0o444)
    with pytest.raises(AffektError, match="cannot be written") as caught:
        check_registry(tracking, "affekt")
    assert caught.value.code == "registry_not_writable"


def test_a_place_of_files_that_cannot_be_written_is_told(tracking):
    assert tracking.experiment_id
    (tracking.home / "mlartifacts").write_text("a file where the folder should be")
    with pytest.raises(AffektError, match="mlartifacts, cannot be written") as caught:
        check_registry(tracking, "affekt")
    assert caught.value.code == "artifacts_not_writable"


def test_asking_leaves_no_file_behind(tracking):
    check_registry(tracking, "affekt")
    assert [path for path in (tracking.home / "mlartifacts").rglob("*") if path.is_file()] == []


def test_a_store_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AffektError):
        check_store(str(tmp_path / "file" / "store"))


def test_a_store_that_can_be_written_is_left_as_it_was(tmp_path):
    check_store(str(tmp_path / "store"))
    assert not list((tmp_path / "store").iterdir())


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    check_space(tmp_path / "not" / "there")
    monkeypatch.setattr("affekt.registry.writable.SPACE", 1 << 60)
    with pytest.raises(AffektError, match="MB are free on this disk") as caught:
        check_space(tmp_path)
    assert (caught.value.code, caught.value.where) == ("disk_full", str(tmp_path))


def test_nothing_starts_with_a_wrong_name(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    job = TrainingJob(data=str(tmp_path), settings=load_settings("small"), models=("svc",), name="a/b")
    with pytest.raises(AffektError) as caught:
        run_training(job, say=lambda event: None)
    assert caught.value.code == "bad_name"
    assert not (home() / "runs").exists()


def test_a_new_home_is_its_owners_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    assert home().stat().st_mode & 0o777 == 0o700
    home().chmod(0o750)
    assert home().stat().st_mode & 0o777 == 0o750  # whoever opens it on purpose may
