"""No room asks for a model by its name: what there is to know of one, its spec says."""

from __future__ import annotations

import ast
from pathlib import Path

from affekt.extensions import model_names

REPOSITORY = Path(__file__).resolve().parents[2]
#: Rooms where a model is at home: its network and settings, its training, and the published weights of a network.
AT_HOME = ("affekt/models", "affekt/training", "affekt/pretrained")
#: Others that write such a name, and why.
ALLOWED = {
    "affekt/report/paper_tables.py": "the rows of the paper's Table 3",
    "affekt/classifiers/storage.py": "a kind of classifier, not the model",
    "affekt/classifiers/person.py": "likewise",
    "affekt/settings/loading.py": "what the models of then did before there was a setting for it",
    "affekt/fusion/methods/random_forest.py": "a fusion method of the same name",
    "affekt/testing/fusion.py": "columns of a made score table",
}


def written(path: Path) -> set[str]:
    """Names of models that stand as texts of their own in a file's code."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)} & set(model_names())


def test_no_room_asks_for_a_model_by_its_name():
    files = [
        path for room in ("affekt", "components", "pipelines", "serving") for path in REPOSITORY.glob(f"{room}/**/*.py")
    ]
    found = {path.relative_to(REPOSITORY).as_posix(): written(path) for path in files}
    named = {path: names for path, names in found.items() if names and not path.startswith(AT_HOME)}
    assert set(named) == set(ALLOWED), named
