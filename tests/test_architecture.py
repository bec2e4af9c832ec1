"""docs/architecture.md tells the tree as it is: every room, every file beside them, every step."""

from __future__ import annotations

import re
from pathlib import Path

from affekt.extensions import model_names, offered_by

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
#: Of the components, what is none by itself: the image's name, and the definition that serves every model.
NO_STEPS = {"__init__", "image", "static_signature", "train_model"}


def first_column(heading: str) -> list[str]:
    """What the rows of the table under this heading row name."""
    rows = TEXT.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `([^`]+)`", rows, re.MULTILINE)


def section(title: str) -> str:
    return TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_every_room_is_told_once_and_none_that_is_not_there():
    rooms = [f"affekt/{path.parent.name}" for path in (ROOT / "affekt").glob("*/__init__.py")]
    assert sorted(first_column("room")) == sorted([*rooms, "components/", "pipelines/", "serving/"])


def test_every_file_beside_the_rooms_is_told_once():
    files = [f"affekt/{path.name}" for path in (ROOT / "affekt").glob("*.py") if path.name != "__init__.py"]
    assert sorted(first_column("file")) == sorted(files)


def test_every_step_is_told_and_none_that_is_not_there():
    own = [f"train_{name}" for name in model_names() if offered_by("model", name) == "affekt"]
    steps = {path.stem for path in (ROOT / "components").glob("*.py")} - NO_STEPS
    way = section("The way of a training run")
    told = set(re.findall(r"`(\w+)`", way))
    assert {*own, *steps} <= told
    assert {name for name in told if name.startswith("train_")} == set(own)


def test_it_tells_the_state_and_no_history():
    assert not re.search(r"\b(no longer|formerly|previously|used to|anymore|at first|first design)\b", TEXT)
