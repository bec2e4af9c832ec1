"""Links between the documents, and the files of the repository that they name, are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from affekt.pipelines.cli import build_parser
from affekt.pipelines.cli.reference import _commands
from tests.test_contributing import blocks

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_link_leads_somewhere(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (document.parent / file).resolve() if file else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize(
    "document", [path for path in DOCUMENTS if "benchmarks" not in path.parts], ids=lambda path: path.name
)
def test_every_source_file_that_is_named_is_there(document):
    text = document.read_text(encoding="utf-8")
    added = {block.file for section in re.findall(r"^## (Add .+)$", text, re.MULTILINE) for block in blocks(section)}
    for name in re.findall(r"`((?:affekt|pipelines|components|serving|infra|tests|bench)/[\w/.-]+)`", text):
        assert (ROOT / name).exists() or name in added, name


def test_the_document_of_every_command_with_json_is_described():
    titles = re.findall(r"^## `affekt (.+?)`", (ROOT / "docs" / "json.md").read_text(encoding="utf-8"), re.MULTILINE)
    described = {
        title.split()[0] if action is None else f"{title.split()[0]} {action}"
        for title in titles
        for action in (None, *(title.split()[1].split("|") if title.split()[1:] else ()))
    }
    for parser, _ in _commands(build_parser()):
        if "--json" in parser._option_string_actions:
            assert parser.prog.removeprefix("affekt ") in described, parser.prog
