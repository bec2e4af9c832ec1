"""What the code imports is declared, what is installed is pinned, and the version is written once."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import distribution, distributions, packages_distributions
from pathlib import Path

import pytest

import affekt
from affekt.components.image import IMAGE
from affekt.errors import EXTRAS, as_affekt_error

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BASE, OPTIONAL = PROJECT["dependencies"], PROJECT["optional-dependencies"]


def named(requirement: str) -> str:
    """The package that a requirement names, normalised."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def declared(*extras: str) -> set[str]:
    """The packages that affekt with these extras asks for."""
    found = {named(line) for line in BASE}
    for extra in extras:
        for line in OPTIONAL[extra]:
            inner = re.match(r"affekt\[(.*)\]", line)
            found |= declared(*inner[1].split(",")) if inner else {named(line)}
    return found


def imported(*folders: str) -> dict[str, Path]:
    """Third-party packages that the code of some folders imports, wherever in a file, and a file that does."""
    found: dict[str, Path] = {}
    for path in (path for folder in folders for path in sorted((REPOSITORY / folder).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            for name in (name.partition(".")[0] for name in names):
                if name not in sys.stdlib_module_names and name not in ("affekt", ""):
                    found.setdefault(name, path.relative_to(REPOSITORY))
    return found


ROOMS = "check classifiers dataset ensemble extensions fusion media models settings storage store"
ANSWER = [f"affekt/{room}" for room in ROOMS.split()]
#: What every environment brings, and what a GPU's build of PyTorch brings.
NOT_PINNED = {"affekt", "pip", "setuptools", "wheel"}
OF_A_GPU = ("cuda-", "nvidia-", "triton")


@pytest.mark.parametrize(
    ("folders", "extras"),
    [
        (ANSWER, []),
        (["affekt/report"], ["report"]),
        (["serving"], ["serve"]),
        (["affekt", "components", "pipelines", "serving"], ["cluster"]),
    ],
)
def test_what_is_imported_is_declared(folders, extras):
    offers, known = packages_distributions(), declared(*extras)
    missing = {
        name: str(path)
        for name, path in imported(*folders).items()
        if not {named(offer) for offer in offers.get(name, [name])} & known
    }
    assert not missing


def test_an_extra_that_is_named_in_an_error_brings_what_is_missing():
    offers = packages_distributions()
    for module, extra in EXTRAS.items():
        assert {named(offer) for offer in offers[module]} & declared(extra), module
        assert not {named(offer) for offer in offers[module]} & declared(), f"{module} is no extra"


def test_a_command_without_its_extra_says_which():
    error = as_affekt_error(ModuleNotFoundError("No module named 'kfp'", name="kfp"))
    assert (error.code, "pip install 'affekt[train]'" in error.message) == ("not_installed", True)


def test_what_is_installed_for_affekt_is_pinned_at_its_version():
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {named(line): line.split("==")[1].strip() for line in lines if "==" in line}
    here = {named(other.metadata["Name"]) for other in distributions() if other.metadata["Name"]}
    wrong = {}
    waiting, seen = sorted(declared(*OPTIONAL)), set()
    while waiting:
        name = waiting.pop()
        if name in seen or name in NOT_PINNED or name.startswith(OF_A_GPU):
            continue
        seen.add(name)
        found = distribution(name)
        version = found.version.partition("+")[0]
        if pins.get(name) != version:
            wrong[name] = (pins.get(name), version)
        waiting += [named(line) for line in found.requires or [] if "extra ==" not in line and named(line) in here]
    assert not wrong, "constraints.txt has (pinned, installed)"


@pytest.mark.parametrize(
    "file",
    [
        "infra/docker/Dockerfile", "docs/operations.md", "infra/kubernetes/base/serving/deployment.yaml",
        "infra/kubernetes/base/tracking/deployment.yaml", "tests/pipelines/affekt-training.yaml",
    ],
)  # fmt: skip
def test_images_are_named_by_the_version(file):
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    versions = set(re.findall(r"\baffekt(?:-\w+)?:(\d+\.\d+[\w.]*\w|\d+\.\d+)", text))
    assert versions == {affekt.__version__}


def test_the_version_is_that_of_the_package():
    assert distribution("affekt").version == affekt.__version__
    assert IMAGE.endswith(f":{affekt.__version__}")
    assert f"## {affekt.__version__} " in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
