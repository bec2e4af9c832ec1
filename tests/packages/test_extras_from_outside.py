"""A layout, a fusion method and a detector in a package of their own: nothing of affekt is touched."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affekt.pipelines.cli import run
from affekt.score_table import ScoreTable
from tests.packages.conftest import EMOTIONS

PACKAGE = "affekt-extras"
#: Each check, and what it says.
CHECK = """
import json
from affekt.testing import ConformanceError, check_detector, check_fusion, check_layout

said = []
for check, name in ((check_layout, "savee"), (check_fusion, "bayes"), (check_detector, "stumps")):
    try:
        check(name)
        said.append("")
    except ConformanceError as error:
        said.append(str(error))
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def python(with_packages: Callable[..., Any], home: Path) -> Any:
    return with_packages(home, PACKAGE)


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A score table of two models: one is always right but calls angry sad and sad angry, the other knows nothing."""
    rng = np.random.default_rng(0)
    labels, truth = ("angry", "happy", "sad"), np.tile([0, 1, 2], 60)
    swapped = np.eye(3)[np.array([2, 1, 0])[truth]] * 0.6 + 0.4 / 3
    values = np.stack([swapped, rng.dirichlet(np.ones(3), len(truth))], axis=1)
    clips = tuple(f"clip{number}" for number in range(len(truth)))
    subjects = tuple(f"s{number // 9}" for number in range(len(truth)))
    splits = tuple("train" if number < 90 else "val" for number in range(len(truth)))
    path = tmp_path_factory.mktemp("scores") / "scores.csv"
    ScoreTable(clips, labels, ("swaps", "noise"), values, truth, subjects, splits).write(path)
    return path


def test_they_keep_their_contracts(python):
    done = python("-c", CHECK)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["", "", ""]


def test_a_fault_in_each_is_told_in_its_own_words(installed, tmp_path):
    """The same package with one fault in each file."""
    broken = tmp_path / "broken"
    shutil.copytree(installed(PACKAGE), broken)
    faults = {
        "savee.py": (r'r"(?:.*/)?(DC|JE|JK|KL)/', r'r"(DC|JE|JK|KL)/'),
        "bayes.py": ('arrays["prior"], arrays["given"]', '0 * arrays["prior"], arrays["given"]'),
        "stumps.py": ("side * _WIDTH, side * _HEIGHT", "side * _WIDTH / 2, side * _HEIGHT / 2"),
    }
    for name, (right, wrong) in faults.items():
        file = broken / "affekt_extras" / name
        text = file.read_text(encoding="utf-8")
        assert text.count(right) == 1
        file.write_text(text.replace(right, wrong), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(broken), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", CHECK], env=environment, capture_output=True, check=True)
    layout, fusion, detector = json.loads(done.stdout)
    assert layout.startswith("layout 'savee': DC/su04.avi should be told the same below further folders")
    assert fusion == "fusion method 'bayes': what is saved and loaded should answer equally"
    assert re.match(r"detector 'stumps': the box .* should be that of the face", detector)


def test_the_layout_reads_a_folder_that_affekt_does_not(python, savee, capsys):
    assert run(["check", str(savee), "--json"]) == 1
    assert "no label is to be found" in json.loads(capsys.readouterr().out)["errors"][0]["message"]
    done = python("-m", "affekt", "check", savee, "--json")
    assert done.returncode == 0, done.stdout
    found = json.loads(done.stdout)
    assert (found["clips"], found["labels"]) == (27, dict.fromkeys(sorted(EMOTIONS), 9))


def test_the_fusion_learns_from_a_score_table(python, scores, tmp_path):
    out = tmp_path / "fused.csv"
    done = python("-m", "affekt", "fuse", scores, "--method", "average,bayes", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["best"] == "bayes"
    assert report["methods"]["bayes"]["accuracy"] > 0.95 > 0.5 > report["methods"]["average"]["accuracy"]
    assert out.read_text(encoding="utf-8").startswith("clip,predicted,angry,happy,sad\n")


def test_its_settings_are_checked_as_all_others_are(python):
    done = python("-m", "affekt", "settings", "fusion.bayes.smoothing", "--set", "fusion.bayes.smoothing=0")
    assert done.returncode == 1
    assert "fusion.bayes.smoothing" in done.stderr and "1e-06" in done.stderr
