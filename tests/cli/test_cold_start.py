"""What a command imports before it has work to do: nothing heavy for help, for wrong words, and for wrong places."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from affekt.pipelines.cli import build_parser
from affekt.pipelines.cli.reference import _commands

#: Runs commands one after the other, and tells of each its exit code, its last words, and what heavy is imported.
SCRIPT = """
import contextlib, io, json, sys
from affekt.pipelines.cli import run
heavy, commands = json.load(sys.stdin)
for command in commands:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = run(command.split())
        except SystemExit as ended:
            code = ended.code
    print(json.dumps([command, code, said.getvalue(), [name for name in heavy if name in sys.modules]]))
"""
#: Take from a quarter of a second to several to be imported.
HEAVY = ("torch", "mlflow", "kfp", "sklearn", "pandas", "matplotlib", "docker", "kfp_server_api", "skimage")
ALSO_HEAVY = (*HEAVY, "opensmile", "cv2", "scipy", "botocore", "requests")
#: A third of a second on a slow machine: too much for what only looks whether there is such a file.
NO_LIGHTER = (*ALSO_HEAVY, "numpy")


def ran(commands, heavy, tmp_path):
    """The answers to commands that are run in one process: what one imports is there for those behind it, too."""
    environment = {**os.environ, "AFFEKT_HOME": str(tmp_path / "state")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=json.dumps([heavy, commands]), cwd=tmp_path, env=environment,
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_help_of_every_command_imports_nothing_heavy(tmp_path):
    commands = [f"{parser.prog.removeprefix('affekt ')} --help" for parser, _ in _commands(build_parser())]
    assert len(commands) > 20
    for command, code, said, heavy in ran(["--help", "--version", *commands], ALSO_HEAVY, tmp_path):
        assert (code, heavy) == (0, []), (command, said)


def test_a_wrong_place_or_word_is_told_before_anything_heavy_is_imported(tmp_path):
    places = {
        "check none --json": 1,
        "check none.csv": 1,
        "train none": 1,
        "train none --only svc --json": 1,
        "train none --protocol fixed": 1,
        "train . --faces none": 1,
        "evaluate none": 1,
        "evaluate none --json out.json": 1,
        "gate power none": 1,
        "models import none.zip": 1,
        "weights fetch vgg_face --from none": 1,
        "weights fetch nothing": 1,
        "weights fetch c3d_sports1m": 1,
        "weights import none --as vgg_face": 1,
        "weights verify ./none": 1,
        "schedule plan none": 1,
        "predict none.mp4": 1,
        "predict none.mp4 --json --model m/1": 1,
        "predict @none": 1,
        "predict none.mp4 --set media.x=1": 1,
        "predict none.mp4 --person nobody": 2,
        "score none.mp4 --out table.csv": 1,
        "score none.mp4 none.wav --out table.parquet --model m/1": 1,
        "score none.mp4 --out table.csv --url http://127.0.0.1:9": 1,
        "score @none --out table.csv": 1,
        "fuse none.csv": 1,
        "fuse none.csv --out table.csv": 1,
        "chek none": 2,
        "train . --only nothing": 2,
    }
    with_settings = {  # which numpy belongs to, as the methods of fusion are named there
        "train . --name none/x": 1,
        "pipeline submit s3://none/clips": 1,
        "pipeline submit s3://none/clips --profile none": 1,
        "train . --set vgg.nothing=1 --only svc": 1,
        "train s3://none/clips --runner cluster": 1,
        "train s3://none/clips --runner cluster --protocol fixed": 2,
        "settings vgg.nothing": 1,
    }
    expected = places | with_settings
    for command, code, said, heavy in ran(list(expected), NO_LIGHTER, tmp_path):
        allowed = {"numpy"} if command in with_settings else set()
        assert (code, set(heavy) - allowed) == (expected[command], set()), (command, said)
        assert any(
            word in said
            for word in ("none", "nothing", "nobody", "media.x", "chek", "protocol", "AFFEKT_STORE", "c3d_sports1m")
        ), command
        assert "Traceback" not in said, command
    assert not list(tmp_path.glob("table.*"))


def test_a_wrong_split_is_told_before_a_file_is_opened_or_a_model_is_loaded(tiny_ensemble, sample_clips, tmp_path):
    command = f"evaluate {sample_clips} --split vall --model {tiny_ensemble}"
    ((_, code, said, heavy),) = ran([command], (*HEAVY, "jinja2", "requests"), tmp_path)
    assert (code, heavy) == (1, []), said
    assert "holds no clip of the split 'vall'; did you mean 'val'?" in said


def test_a_file_that_is_no_exported_model_is_refused_without_mlflow(tmp_path):
    (tmp_path / "cut.zip").write_bytes(b"PK\3\4 and nothing more")
    ((_, code, said, heavy),) = ran(["models import cut.zip"], HEAVY, tmp_path)
    assert (code, heavy) == (1, []), said
    assert "cut.zip: cannot be read" in said


def test_a_pipeline_is_compiled_without_a_cluster_s_client(tmp_path):
    ((_, code, said, heavy),) = ran(["pipeline compile"], ("kubernetes", "requests", "cv2"), tmp_path)
    assert (code, heavy) == (0, []), said


@pytest.mark.parametrize("json_flag", ["", " --json"])
def test_an_empty_registry_is_told_without_mlflow_and_nothing_is_made(json_flag, tmp_path):
    places = {
        f"models list{json_flag}": 0,
        "models promote m/1": 1,
        "models rollback": 1,
        "models export m/1 out.zip": 1,
        "serve --model m/1": 1,
        "deploy --model m/1": 1,
    }
    for command, code, said, heavy in ran(list(places), HEAVY, tmp_path):
        assert (code, heavy) == (places[command], []), (command, said)
        assert "mlflow.db" in said or json_flag or command.startswith("deploy"), command
    assert not (tmp_path / "state" / "mlflow.db").exists()
    assert not (tmp_path / "out.zip").exists()
