"""The rules of the house that no linter knows: an import inside a function says why it is there."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
FILES = sorted(
    path for folder in ("affekt", "components", "pipelines", "serving") for path in (REPOSITORY / folder).rglob("*.py")
)
#: What a linter or a type checker reads is no reason.
_REASON = re.compile(r"#\s*(?!noqa|type:|fmt:|ruff:|mypy:|pragma)\S")


def without_reason(source: str, body_of: str = "") -> list[int]:
    """Lines of imports inside functions that carry no comment with a reason.

    Args:
        source: of a module.
        body_of: a function whose imports need none: the component of the file, whose source runs by itself.
    """
    lines = io.StringIO(source).readline
    told = {
        token.start[0]
        for token in tokenize.generate_tokens(lines)
        if token.type == tokenize.COMMENT and _REASON.match(token.string)
    }
    functions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name != body_of
    ]
    imports = {
        (node.lineno, node.end_lineno or node.lineno)
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    return sorted(first for first, last in imports if told.isdisjoint(range(first, last + 1)))


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import torch\n", []),
        ("def f():\n    import torch  # heavy: torch\n", []),
        ("def f():\n    import torch\n", [2]),
        ("def f():\n    import torch  # noqa: PLC0415\n", [2]),
        ("def f():\n    # heavy: torch\n    import torch\n", [3]),
        ("class C:\n    def f(self):\n        if True:\n            from a import b\n", [4]),
        ("def step():\n    import torch\n", []),
        ("def step():\n    def inner():\n        import torch\n", [3]),
    ],
)
def test_an_import_without_a_reason_is_found(source, lines):
    assert without_reason(source, body_of="step") == lines


def test_an_import_inside_a_function_says_why_it_is_there():
    found = {}
    for path in FILES:
        component = path.stem if path.parent.name == "components" else ""
        if lines := without_reason(path.read_text(encoding="utf-8"), body_of=component):
            found[path.relative_to(REPOSITORY).as_posix()] = lines
    assert len(FILES) > 100
    assert not found, "lines whose import needs a comment with its reason, or goes to the top of its file"
