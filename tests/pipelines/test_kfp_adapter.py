"""What is replaced in KFP is there to be replaced, and a run keeps its temporary files together."""

from __future__ import annotations

import inspect
import os
import tempfile

import pytest

from affekt import home
from affekt.errors import AffektError, DataError
from affekt.home import folder_for_sockets, private_folders
from affekt.pipelines.kfp_adapter import _program


def test_a_temporary_folder_whose_sockets_would_have_too_long_a_path_is_the_systems(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    with private_folders(tmp_path / ("x" * 80)) as (temporary, variables):
        assert variables["TMPDIR"] == str(temporary)
        assert len(os.fsencode(temporary)) <= 70
        (temporary / "left").touch()
    assert not temporary.exists()


def test_where_the_persons_own_temporary_folder_has_a_long_path_too_it_is_the_systems(tmp_path, monkeypatch):
    (long := tmp_path / ("x" * 80)).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    folder = folder_for_sockets("affekt-")
    folder.rmdir()
    assert len(os.fsencode(folder)) <= 70
    monkeypatch.setattr(home, "_SHORT", ())
    with pytest.raises(DataError, match="TMPDIR"):
        folder_for_sockets("affekt-")


def test_a_variable_that_the_person_set_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLCONFIGDIR", "/elsewhere")
    with private_folders(tmp_path) as (_, variables):
        assert variables["MPLCONFIGDIR"] == "/elsewhere"


def test_a_command_that_is_no_python_component_is_refused():
    with pytest.raises(AffektError) as caught:
        _program(["sh", "-c", "pip install x", "sh", "-ec"])
    assert caught.value.code == "no_python_component"


@pytest.mark.parametrize(
    ("module", "function", "parameters"),
    [
        ("subprocess_task_handler", "run_local_subprocess", ["full_command", "env_vars"]),
        ("subprocess_task_handler", "replace_python_executable", ["full_command", "new_executable"]),
        ("subprocess_task_handler", "environment", ["use_venv", "runner_config", "has_pip_install"]),
        (
            "orchestrator.enhanced_dag_orchestrator",
            "execute_task",
            [
                "task_name",
                "task_spec",
                "pipeline_resource_name",
                "components",
                "executors",
                "io_store",
                "pipeline_root",
                "runner",
                "unique_pipeline_id",
                "fail_stack",
            ],
        ),
        (
            "docker_task_handler",
            "run_docker_container",
            ["client", "image", "command", "volumes", "container_run_args"],
        ),
        ("logging_utils", "local_logger_context", []),
        ("logging_utils", "indented_print", ["num_spaces"]),
        ("logging_utils", "print_horizontal_line", []),
    ],
)
def test_kfp_still_has_what_is_replaced(module, function, parameters):
    import importlib

    found = getattr(importlib.import_module(f"kfp.local.{module}"), function)
    assert list(inspect.signature(found).parameters) == parameters


def test_kfp_still_starts_a_component_by_the_script_that_is_read():
    from affekt.components.ingest import ingest

    container = ingest.pipeline_spec.deployment_spec["executors"]["exec-ingest"]["container"]
    source, arguments = _program([*container["command"], *container["args"]])
    assert "def ingest(" in source
    assert arguments[0] == "--executor_input" and arguments[2:] == ["--function_to_execute", "ingest"]
