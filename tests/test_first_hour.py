"""The notebook and the Python document, run as a reader would; one training serves both, and is looked at."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import affekt

DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOK = json.loads((DOCS / "first-hour.ipynb").read_text(encoding="utf-8"))
CELLS = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
EXAMPLES = re.findall(r"^```python\n(.*?)^```", (DOCS / "python.md").read_text(encoding="utf-8"), flags=re.M | re.S)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder to work in, with the state of affekt below it."""
    folder = tmp_path_factory.mktemp("first-hour")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("AFFEKT_HOME", raising=False)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield folder


@pytest.fixture(scope="module")
def notebook(place: Path) -> dict[str, Any]:
    """The variables of the notebook after its last cell; under ``shown`` what its cells show."""
    names: dict[str, Any] = {"shown": []}
    for cell in CELLS:
        names["shown"].append(shown(cell, names))
    return names


def shown(cell: str, names: dict[str, Any]) -> Any:
    """Run a cell; what its last line is, as a notebook shows it."""
    parsed = ast.parse(cell)
    last = parsed.body.pop() if isinstance(parsed.body[-1], ast.Expr) else None
    exec(compile(parsed, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None


def test_every_cell_runs_and_what_it_shows_shows_itself(notebook: dict[str, Any]) -> None:
    values = [value for value in notebook["shown"] if value is not None]
    assert len(values) == len(CELLS) - 1  # the first one shows nothing
    assert all("<table" in value._repr_html_() for value in values)


def test_the_trained_version_is_registered_and_answers(notebook: dict[str, Any]) -> None:
    run = notebook["run"]
    assert (run.reference, run.version, run.name) == ("voice/1", 1, "voice")
    assert notebook["model"].predict(notebook["unseen"][0]).modalities == ("voice",)
    assert run.load().ensemble.settings.svc.c_candidates == [0.01, 0.1]


def test_the_evaluation_of_a_training_is_that_of_its_run(notebook: dict[str, Any]) -> None:
    run = notebook["run"]
    assert run.evaluation.figures.accuracy == run.to_dict()["accuracy"] == run.to_pandas()["accuracy"].iloc[-1]
    assert notebook["found"].accuracy == run.to_dict()["accuracy"]  # the same split, asked anew
    assert run.report.is_file()


def test_a_notebook_is_stored_without_outputs() -> None:
    cells = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)


def test_the_examples_of_the_document_run_in_their_order(notebook: dict[str, Any]) -> None:
    """But for the training, which is the notebook's own, word for word."""
    training = next(cell for cell in CELLS if "affekt.train(" in cell).splitlines()[0]
    names: dict[str, Any] = {"run": notebook["run"]}
    for example in EXAMPLES:
        exec(compile(example.replace(training, ""), "docs/python.md", "exec"), names)
    assert sum(training in example for example in EXAMPLES) == 1
    assert names["answers"][1].error.code == "missing"
    assert Path("val.html").is_file()


def test_every_public_name_is_in_the_document() -> None:
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    assert [name for name in ("train", "evaluate", "check", "load") if f"affekt.{name}(" not in text] == []
    assert set(affekt.__all__) >= {"train", "evaluate", "check", "load"}
