"""What CONTRIBUTING.md tells to do is done here, with its own words, in a copy of the tree."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import affekt
from affekt.score_table import ScoreTable
from tests.conftest import TINY

ROOT = Path(__file__).parents[1]
#: Of ``tests``, nothing: a test that is told to be added runs by itself.
FOLDERS = ("affekt", "components", "pipelines", "serving")


@dataclass(frozen=True)
class Block:
    """A block of code of a section: its language, its lines, and the file that the item names first for it."""

    language: str
    text: str
    file: str


def blocks(section: str) -> list[Block]:
    """The blocks of a section, in order."""
    document = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = document.partition(f"## {section}\n")[2].partition("\n## ")[0]
    found, start = [], 0
    for block in re.finditer(r"^( *)```(\w+)\n(.*?)^\1```$", section, re.MULTILINE | re.DOTALL):
        item = re.split(r"^\d+\. ", section[start : block.start()], flags=re.MULTILINE)[-1]
        named = re.search(r"`([\w./-]+\.(?:py|toml|yaml))`", item)
        text = re.sub(f"^{block[1]}", "", block[3], flags=re.MULTILINE)
        found.append(Block(block[2], text, named[1] if named else ""))
        start = block.end()
    return found


class Tree:
    """A copy of the repository's packages as they are installed, to which a section is done."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in FOLDERS:
            shutil.copytree(ROOT / folder, self.path(folder), ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", root)
        self.touched: set[str] = set()
        self.command = ""

    def path(self, file: str) -> Path:
        """Where a file of the repository lies in the copy: three folders are installed below affekt."""
        return self.root / ("affekt" if file.startswith(FOLDERS[1:]) else "") / file

    def do(self, section: str, *, before: dict[str, str] | None = None) -> None:
        """Do what a section tells: its files are written, its lines put in front of these of a file (or at its end)."""
        places = list((before or {}).items())
        for block in blocks(section):
            if block.language == "bash":
                self.command = block.text.strip()
                continue
            file = self.path(block.file)
            self.touched.add(block.file)
            if file.exists():
                named, line = places.pop(0)
                assert named.partition(" ")[0] == block.file, "the section changes other files than this test knows"
                self._put(file, line, block.text)
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.text, encoding="utf-8")
        assert not places
        self._install()

    def _put(self, file: Path, line: str, text: str) -> None:
        head, found, tail = file.read_text(encoding="utf-8").partition(f"\n{line}" if line else "\0")
        assert bool(found) == bool(line), line
        file.write_text(f"{head.rstrip()}\n{text.rstrip()}{found or chr(10)}{tail}", encoding="utf-8")

    def _install(self) -> None:
        """What ``make install`` would register."""
        project = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        metadata = self.root / f"affekt-{affekt.__version__}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: affekt\nVersion: {affekt.__version__}\n")
        groups = [
            f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in points.items())
            for group, points in {"console_scripts": project["scripts"], **project["entry-points"]}.items()
        ]
        (metadata / "entry_points.txt").write_text("\n\n".join(groups), encoding="utf-8")

    def run(self, command: str) -> str:
        """What a command prints when it is run from the copy."""
        environment = {**os.environ, "PYTHONPATH": str(self.root), "AFFEKT_HOME": str(self.root / ".affekt")}
        environment.pop("MLFLOW_TRACKING_URI", None)
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)], cwd=self.root, env=environment, capture_output=True,
            text=True, timeout=280,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def test(self) -> None:
        """Run the tests that the section added, and the style of all that it wrote."""
        tests = sorted(file for file in self.touched if file.startswith("tests/"))
        assert tests, "the section tells of no test"
        self.run(f"pytest -q -p no:cacheprovider --rootdir . {shlex.join(tests)}")
        style = ["check", "format --check"]
        files = shlex.join(str(self.path(file)) for file in sorted(self.touched) if file.endswith(".py"))
        for what in style:
            self.run(f"ruff {what} --no-cache --config pyproject.toml {files}")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


LAYOUTS, FUSIONS, DETECTORS, FUNCTIONALS = (
    f'\n[project.entry-points."affekt.{group}"]' for group in ("layouts", "fusions", "detectors", "functionals")
)


@pytest.fixture
def with_model(tree: Tree) -> Tree:
    tree.do("Add a model", before={"affekt/presets/paper.yaml": "", "pyproject.toml": LAYOUTS})
    return tree


def test_add_a_model(with_model: Tree) -> None:
    assert len(with_model.touched) <= 5
    with_model.test()
    assert "logistic.penalty = 100.0" in with_model.run("affekt settings logistic")
    with_model.run("affekt pipeline compile --out all.yaml")
    assert "train-logistic:" in (with_model.root / "all.yaml").read_text(encoding="utf-8")


def small_enough(*models: str) -> str:
    """What makes a training of these models small, as flags; a setting of a model that is not trained is refused."""
    groups = {"fusion", "evaluation", *models}
    return " ".join(f"--set {item!r}" for item in TINY if item.partition(".")[0] in groups)


@pytest.mark.slow
def test_a_model_that_was_added_is_trained_registered_and_evaluated(with_model: Tree, sample_clips: Path) -> None:
    (with_model.root / "clips").symlink_to(sample_clips)
    assert "logistic" in with_model.command
    told = json.loads(with_model.run(f"{with_model.command} --json {small_enough()}"))
    assert (told["name"], told["version"]) == ("logistic", 1)
    assert "Logistic regression" in Path(told["report"]).read_text(encoding="utf-8")


def test_add_a_data_set_layout(tree: Tree, sample_clips: Path) -> None:
    tree.do("Add a data set layout", before={"pyproject.toml": FUSIONS})
    tree.test()
    for number, clip in enumerate(sorted((sample_clips / "clips").iterdir())[:6]):
        place = (
            tree.root / "tess" / f"{('OAF', 'YAF')[number % 2]}_{'abc'[number // 2]}_{('sad', 'ps')[number // 3]}.mp4"
        )
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(clip)
    assert json.loads(tree.run(f"{tree.command} --json"))["labels"] == {"sad": 3, "surprise": 3}


def test_add_a_fusion_method(tree: Tree) -> None:
    tree.do("Add a fusion method", before={"pyproject.toml": DETECTORS})
    tree.test()
    rng, truth = np.random.default_rng(0), np.tile([0, 1, 2], 20)
    scores = 0.5 * rng.dirichlet(np.ones(3), (60, 2)) + 0.5 * np.eye(3)[truth][:, None]
    names = tuple(f"clip{number}" for number in range(60))
    table = ScoreTable(names, ("angry", "happy", "sad"), ("one", "two"), scores, truth, ("",) * 60, ("val",) * 60)
    table.write(tree.root / "scores.csv")
    assert "best: product" in tree.run(tree.command)


def test_add_a_detector(tree: Tree) -> None:
    tree.do("Add a detector", before={"pyproject.toml": FUNCTIONALS})
    tree.test()
    shown = tree.run(tree.command)
    assert "media.detector = stumps  (override)" in shown
    assert "haar, yunet, stumps" in shown or "haar, stumps, yunet" in shown


def test_add_a_setting(tree: Tree) -> None:
    code, row, command = blocks("Add a setting")
    gate = "\n\n@dataclass(frozen=True)\nclass GateSettings"
    tree._put(tree.path("affekt/settings/schema.py"), gate, code.text)
    tree._put(tree.path("affekt/presets/paper.yaml"), "\ngate:", row.text)
    shown = tree.run(command.text.strip())
    assert "evaluation.examples = 5  (override)" in shown
    assert "clips of each label that the report shows" in shown
    assert "expected: whole number from 1 to 100; defaults: paper 3, small 3" in shown


STEP = {
    "pipelines/placement.py": '    "prepare-faces": ',
    "pipelines/training.py (import)": "from affekt.components.evaluate import",
    "pipelines/training.py (graph)": "        trained: dict[str, Any] = {}",
}


@pytest.fixture
def with_step(tree: Tree) -> Tree:
    tree.do("Add a pipeline step", before=STEP)
    return tree


def test_add_a_pipeline_step(with_step: Tree) -> None:
    with_step.test()
    with_step.run(with_step.command)
    graph = (with_step.root / "training.yaml").read_text(encoding="utf-8")
    assert re.search(r"exec-count-labels:\n +container:", graph)
    assert re.search(r"count-labels:\n +cachingOptions: {}", graph), "it has no place"


@pytest.mark.slow
def test_a_step_that_was_added_runs_with_the_others(with_step: Tree, sample_clips: Path) -> None:
    clips = shlex.quote(str(sample_clips))
    with_step.run(f"affekt train {clips} --only svc --name counted {small_enough('svc')}")
    (log,) = (with_step.root / ".affekt" / "runs").glob("*/pipeline.log")
    assert re.search(r"labels: 2 train_angry, .* 1 val_surprise", log.read_text(encoding="utf-8"))
