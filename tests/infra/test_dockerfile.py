"""The images' recipe and what goes into them, checked without a container engine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from affekt.processes import SAME_MEMORY_AGAIN

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKERFILE = (REPOSITORY / "infra" / "docker" / "Dockerfile").read_text(encoding="utf-8")
STAGES = dict(re.findall(r"^FROM \S+ AS (\w+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL))


def test_the_image_of_the_steps_is_built_when_no_target_is_named():
    assert list(STAGES)[-1] == "steps"


@pytest.mark.parametrize("stage", ["steps", "serving", "tracking"])
def test_an_image_is_made_from_the_runtime_and_not_from_the_build(stage):
    assert f"FROM runtime AS {stage}\n" in DOCKERFILE
    assert "USER" not in STAGES[stage], "it would run as another user than the runtime's"


def test_a_step_in_the_image_keeps_its_memory_as_one_on_this_machine_does():
    assert all(f"{name}={value}\n" in STAGES["steps"] for name, value in SAME_MEMORY_AGAIN.items())


def test_the_runtime_ends_as_a_user_without_rights_and_installs_nothing():
    assert re.findall(r"^USER (\d+)", STAGES["runtime"], re.MULTILINE) == ["10001"]
    assert "apt" not in STAGES["runtime"] and "pip" not in STAGES["runtime"]


def test_a_change_of_the_code_installs_no_dependency_again():
    assert "--requirement" in STAGES["build"]
    copied = re.findall(r"^COPY (\S+)", STAGES["build"], re.MULTILINE)
    assert set(copied) == {"--from=requirements"}
    assert "COPY . ." in STAGES["package"] and "--no-deps" in STAGES["package"]


def test_the_code_is_a_layer_of_its_own_above_the_dependencies():
    copies = re.findall(r"^COPY --from=(\w+)", STAGES["runtime"], re.MULTILINE)
    assert copies == ["build", "package"]


def test_without_another_driver_the_database_stage_installs_nothing_and_goes_on(tmp_path):
    run = re.search(r"^RUN (.*?)(?<!\\)\n", STAGES["database"], re.MULTILINE | re.DOTALL)
    assert run is not None
    command = run[1].replace("\\\n", "").replace("/opt/database", str(tmp_path / "database"))
    subprocess.run(["sh", "-c", command], check=True, env={"PATH": "/usr/bin:/bin", "DATABASE_DRIVER": ""})
    assert list((tmp_path / "database").iterdir()) == []


def test_the_recipe_names_no_address_to_install_from():
    assert not re.search(r"https?://", DOCKERFILE)


def test_only_what_the_package_is_made_of_reaches_the_build():
    rules = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [rule for rule in rules if rule and not rule.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    packages = {"affekt", "components", "pipelines", "serving"}
    assert allowed == packages | {"LICENSE", "NOTICE", "README.md", "pyproject.toml", "setup.py", "constraints.txt"}


def test_every_data_file_of_the_packages_is_in_the_wheel():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]
    missing = []
    for package in ("affekt", "components", "pipelines", "serving"):
        folder = REPOSITORY / package
        files = {path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc", ".so")}
        named = patterns.get(package if package == "affekt" else f"affekt.{package}", [])
        packed = {path for pattern in named for path in folder.glob(pattern)}
        missing += sorted(path.relative_to(REPOSITORY).as_posix() for path in files - packed)
    assert not missing, f"not named in [tool.setuptools.package-data]: {missing}"
