"""MLflow's database on a real PostgreSQL: made by one process, waited for by others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from shared_servers import NO_POSTGRESQL, MlflowServer, postgresql

from affekt.errors import AffektError, UsageError
from affekt.registry import Tracking
from affekt.registry.database import main


@pytest.mark.slow
@pytest.mark.skipif(bool(NO_POSTGRESQL), reason=NO_POSTGRESQL)
def test_two_servers_start_on_an_empty_database_that_one_of_two_jobs_migrates(tmp_path):
    with postgresql() as uri:
        environment = {**os.environ, "MLFLOW_BACKEND_STORE_URI": uri}
        waiting, *migrating = (
            subprocess.Popen([sys.executable, "-m", "affekt.registry.database", what], env=environment)
            for what in ("wait", "migrate", "migrate")
        )
        assert [process.wait() for process in (*migrating, waiting)] == [0, 0, 0]
        servers = [MlflowServer(tmp_path, uri, str(tmp_path / "artifacts")) for _ in range(2)]
        for server in servers:
            server.start()
        try:
            for server in servers:
                server.wait()
        finally:
            for server in servers:
                server.stop()
        # The documented address is also one for a training without a server.
        assert Tracking(uri, home=tmp_path).start_parent("weekly")


def test_a_database_without_tables_is_waited_for(tmp_path, empty_database, monkeypatch):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", uri)
    monkeypatch.setenv("AFFEKT_PATIENCE", "0.1")
    with pytest.raises(AffektError) as caught:
        main(["wait"])
    assert caught.value.code == "unanswered"
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    assert main(["wait"]) == 0


@pytest.mark.parametrize(("arguments", "uri"), [([], "sqlite://"), (["drop"], "sqlite://"), (["wait"], "")])
def test_anything_else_is_refused(monkeypatch, arguments, uri):
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", uri)
    with pytest.raises(UsageError):
        main(arguments)
