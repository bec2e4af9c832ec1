"""What is replaced in KFP is there to be replaced, and a run works and leaves nothing, wherever its folders are."""

from __future__ import annotations

import csv
import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from affekt.errors import AffektError
from affekt.home import private_folders
from affekt.pipelines.kfp_adapter import _program

#: An apostrophe and no double quote: MLflow 3.17 writes the current folder's name as Python shows it into SQL.
ODD = "a folder of Zoë's & $HOME;"
FEW = ("svc.c_candidates=[0.1]", "fusion.folds=2", "evaluation.bootstrap=100", "gate.check_serving=false")


@pytest.fixture(scope="module")
def odd_run(tmp_path_factory, sample_clips) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A small training whose interpreter, data, state, home and temporary folder have odd names: top, and its end."""
    top = tmp_path_factory.mktemp("odd") / ODD
    environment = top / "Python é x"
    (environment / "bin").mkdir(parents=True)
    prefix = Path(sys.prefix)
    for name in ("lib", "pyvenv.cfg"):
        (environment / name).symlink_to(prefix / name)
    (environment / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    for name in ("home", "temporary", "work"):
        (top / name).mkdir()
    data = top / 'my "clips"'
    shutil.copytree(sample_clips, data)
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 21
    cleared = ("MLFLOW_TRACKING_URI", "AFFEKT_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "PYTHONPATH")
    variables = {name: value for name, value in os.environ.items() if name not in cleared}
    done = subprocess.run(
        [environment / "bin" / "python", "-m", "affekt", "train", '../my "clips"', "--only", "svc", "--json",
         *(f"--set={setting}" for setting in FEW)],
        cwd=top / "work", capture_output=True, text=True, timeout=280,
        env={**variables, "HOME": str(top / "home"), "TMPDIR": str(top / "temporary"), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return top, done


def test_folders_with_spaces_accents_and_quotes_work(odd_run):
    top, done = odd_run
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["version"] == 1
    assert Path(outcome["report"]).is_relative_to(top / "work" / ".affekt")


@pytest.mark.parametrize("name", ["home", "temporary"])
def test_a_run_leaves_nothing_in_the_persons_folders(odd_run, name):
    top, _ = odd_run
    assert [str(path.relative_to(top)) for path in (top / name).rglob("*")] == []


def test_a_run_leaves_no_temporary_files_in_its_own_folder(odd_run):
    top, _ = odd_run
    (run,) = (top / "work" / ".affekt" / "runs").iterdir()
    assert sorted(path.name for path in run.iterdir()) == ["artifacts", "pipeline.log", "report.html"]


def test_a_temporary_folder_whose_sockets_would_have_too_long_a_path_is_the_systems(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    with private_folders(tmp_path / ("x" * 80)) as (temporary, variables):
        assert variables["TMPDIR"] == str(temporary)
        assert len(os.fsencode(temporary)) <= 70
        (temporary / "left").touch()
    assert not temporary.exists()


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
