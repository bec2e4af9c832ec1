"""A registry for each test, and folders that look like saved ensembles."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from affekt.registry import Tracking, register


@pytest.fixture(autouse=True)
def no_address_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have an MLflow server of their own."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def tracking(tmp_path: Path, empty_database: Path) -> Tracking:
    """Runs and registry of this test alone."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copyfile(empty_database, home / "mlflow.db")
    return Tracking(home=home)


@pytest.fixture(scope="session")
def four_versions(tmp_path_factory: pytest.TempPathFactory, registry_in: Callable[[Path], Tracking]) -> Path:
    """A home with four versions of the model ``affekt``, of which none is the champion."""
    home = tmp_path_factory.mktemp("four")
    tracking = registry_in(home)
    run_id = tracking.start_parent("weekly")
    for number in range(1, 5):
        register(tracking, save_ensemble(home / f"ensemble-{number}", str(number)), name="affekt", run_id=run_id)
    return home


@pytest.fixture
def four(tmp_path: Path, four_versions: Path) -> Tracking:
    """Those four versions, of this test alone."""
    home = tmp_path / "home"
    shutil.copytree(four_versions, home)
    return Tracking(home=home)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a folder that looks like a saved ensemble."""
    return lambda text: save_ensemble(tmp_path / f"ensemble-{text}", text)


def save_ensemble(folder: Path, text: str) -> Path:
    """A manifest and a file of weights; the registry looks no deeper."""
    (folder / "members").mkdir(parents=True)
    (folder / "members" / "weights").write_text(text)
    (folder / "ensemble.json").write_text(json.dumps({"format": 1, "facts": {"text": text}}))
    return folder
