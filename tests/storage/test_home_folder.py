"""Where affekt keeps its state."""

from __future__ import annotations

from pathlib import Path

import pytest

from affekt.errors import DataError
from affekt.home import home


def test_home_is_below_the_current_folder_and_made_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFFEKT_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert home() == tmp_path / ".affekt"
    assert home().is_dir()


def test_the_environment_names_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "deep" / "state"))
    assert home() == tmp_path / "deep" / "state"


def test_a_file_in_its_place_is_an_error_that_names_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match="AFFEKT_HOME"):
        home()
