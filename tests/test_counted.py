"""Singular and plural: what the function says, and that nothing counts without it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from affekt.counted import counted, there_are

ROOT = Path(__file__).parents[1]
ROOMS = ("affekt", "components", "pipelines", "serving")
#: What this library counts.
NOUNS = (
    "arrays|cells|classes|clips|columns|copies|devices|emotions|entries|errors|files|folds|frames|images|labels|"
    "layers|leaks|methods|models|modules|nodes|people|remarks|rows|scores|settings|shards|splits|subjects|values|"
    "versions|warnings|windows"
)
BEHIND = re.compile(rf" ([a-z-]+ )?({NOUNS})\b(?!')")


@pytest.mark.parametrize(
    ("count", "many", "said"),
    [
        (0, "clips", "0 clips"),
        (1, "clips", "1 clip"),
        (2, "clips", "2 clips"),
        (1, "people", "1 person"),
        (1, "unseen people", "1 unseen person"),
        (3, "people", "3 people"),
        (1, "entries", "1 entry"),
        (1, "classes", "1 class"),
        (1, "labelled images", "1 labelled image"),
        (1298, "clips", "1,298 clips"),
    ],
)
def test_a_number_and_what_it_counts(count: int, many: str, said: str) -> None:
    assert counted(count, many) == said


def test_what_there_is_of_one_and_of_several() -> None:
    assert (there_are(["voice"]), there_are(["a", "b"])) == ("there is voice", "there are a, b")


def test_no_text_lists_what_there_are_by_itself() -> None:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if path.name != "counted.py"]
    listed = re.compile(r"(there|installed|models) (are|is):? \{', '\.join")
    found = [str(file.relative_to(ROOT)) for file in files if listed.search(file.read_text(encoding="utf-8"))]
    assert not found, "say there_are(names) instead"


def test_no_text_puts_a_plural_behind_a_number_by_itself() -> None:
    found = []
    for file in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            found.extend(f"{file.relative_to(ROOT)}:{node.lineno}: {text}" for text in _plurals(node))
    for file in sorted((ROOT / "affekt").rglob("*.html")):
        text = file.read_text(encoding="utf-8")
        found.extend(f"{file.name}: {match[0]}" for match in re.finditer(rf"\}}\}} ({NOUNS})\b", text))
    assert not found, "say counted(number, plural) instead:\n" + "\n".join(found)


def _plurals(node: ast.AST) -> list[str]:
    """The plurals of a text that stand right behind a value, in an f-string or behind ``%d``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [match[0] for match in re.finditer(rf"%d{BEHIND.pattern}", node.value)]
    if not isinstance(node, ast.JoinedStr):
        return []
    return [
        str(text.value)
        for value, text in zip(node.values, node.values[1:], strict=False)
        if isinstance(value, ast.FormattedValue) and _count(value.value)
        if isinstance(text, ast.Constant) and BEHIND.match(str(text.value))
    ]


def _count(value: ast.expr) -> bool:
    """Whether a value may be a count: a length, or what has a name."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id == "len"
    return isinstance(value, ast.Name | ast.Attribute | ast.Subscript)
