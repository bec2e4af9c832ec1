"""What is registered, read in place: the same as MLflow says, without MLflow."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from affekt.errors import AffektError
from affekt.registry import Tracking, list_models, promote, read_history
from affekt.registry.reader import InPlace, ThroughMlflow

SCRIPT = """
import json, sys
from affekt.pipelines.cli import run
codes = [run(command.split()) for command in json.load(sys.stdin)]
print(json.dumps([codes, "mlflow" in sys.modules]))
"""


@pytest.fixture
def used(four):
    """A registry in which versions were promoted and one was deleted."""
    promote("affekt/1", four)
    promote("affekt/3", four, reason="it's better")
    four.client.delete_model_version("affekt", "2")
    four.client.create_registered_model("another one")
    return four


def test_it_says_what_mlflow_says(used):
    in_place = Tracking(home=used.home).reader
    through = ThroughMlflow(used.client)
    assert isinstance(in_place, InPlace)
    assert sorted(in_place.names()) == sorted(through.names()) == ["affekt", "another one"]
    for name in in_place.names():
        assert in_place.model(name) == through.model(name)
        versions = {version.version: version for version in in_place.versions(name)}
        assert versions == {version.version: version for version in through.versions(name)}
        for number in versions:
            assert in_place.location(name, number) == through.location(name, number)
    assert [version.version for version in list_models(Tracking(home=used.home))] == [4, 3, 1]


def test_commands_that_look_or_choose_the_champion_do_not_import_mlflow(used, tmp_path):
    assert [entry.version for entry in read_history(used, "affekt")] == [1, 3]
    (tmp_path / "clip.mp4").touch()
    commands = [
        "models list", "models list --json", "models history affekt", "models export affekt@champion out.zip",
        "predict clip.mp4 --model affekt/7", "models rollback",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=json.dumps(commands), cwd=tmp_path,
        env={**os.environ, "AFFEKT_HOME": str(used.home)}, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    codes, imported = json.loads(done.stdout.splitlines()[-1])
    assert not imported
    assert codes == [0, 0, 0, 1, 1, 0]
    assert "affekt/3" in done.stdout and "it's better" in done.stdout
    assert "affekt has no version 7; there are 4, 3, 1" in done.stderr


def test_what_is_written_in_place_is_what_mlflow_reads(used):
    in_place = Tracking(home=used.home)
    promote("affekt/4", in_place, reason="'quoted'")
    assert "client" not in vars(in_place)
    model = used.client.get_registered_model("affekt")
    assert {alias: int(number) for alias, number in model.aliases.items()} | {"challenger": 4} == {
        "champion": 4, "previous": 3, "challenger": 4,
    }  # fmt: skip
    assert [(entry.version, entry.reason) for entry in read_history(used, "affekt")][-1] == (4, "'quoted'")
    assert json.loads(model.tags["champions"]) == [1, 3, 4]
    in_place.writer.delete_alias("affekt", "previous")
    in_place.writer.set_tag("affekt", "champions", "[4]")
    model = used.client.get_registered_model("affekt")
    assert ("previous" in model.aliases, model.tags["champions"]) == (False, "[4]")


def test_a_database_that_cannot_be_written_in_place_is_an_error(used):
    with closing(sqlite3.connect(used.home / "mlflow.db")) as connection:
        connection.execute("DROP TABLE registered_model_aliases")
        with pytest.raises(AffektError, match="cannot be written") as caught:
            Tracking(home=used.home).writer.set_alias("affekt", "champion", 1)
    assert caught.value.code == "registry_not_writable"


def test_tables_of_another_revision_are_read_through_mlflow(four):
    database = four.home / "mlflow.db"
    assert InPlace.reads(database)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'another'")
    assert not InPlace.reads(database)


def test_what_is_no_database_is_not_read(tmp_path):
    (tmp_path / "file").write_text("no database", encoding="utf-8")
    assert not InPlace.reads(tmp_path / "file")
    assert not InPlace.reads(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()
