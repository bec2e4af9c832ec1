"""What messages and documents advise to type: each command and each flag that they name is there."""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path

import pytest

from affekt.argument_names import argument, arguments_named
from affekt.pipelines.cli import build_parser, run
from affekt.pipelines.cli.reference import _commands
from affekt.settings.loading import load_settings

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for room in ("affekt", "pipelines", "serving", "components", "infra") for path in (ROOT / room).rglob("*.py")
)
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PARSERS = {parser.prog.removeprefix("affekt "): parser for parser, _ in _commands(build_parser())}
NAMES = sorted({name.split()[0] for name in PARSERS})
#: Of systemctl and argparse, in messages of the command line.
FOREIGN = {"--user", "--enable", "--now", "--help", "--version"}
#: Stands for what an f-string puts in.
GIVEN = "VALUE"


def strings_of(source: str) -> list[str]:
    """All texts of a module, with :data:`GIVEN` for what is put into them."""
    tree = ast.parse(source)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            texts.append("".join(str(part.value) if isinstance(part, ast.Constant) else GIVEN for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            texts.append(node.value)
    return texts


def commands_in(text: str) -> list[str]:
    """What follows ``affekt`` where a command does, up to a sign that ends it."""
    found = re.findall(r"(?<![\w./-])affekt ([a-z][^`;()\n|]*)", text)
    return [words for words in found if words.split()[0] in NAMES]


def parser_of(words: list[str]) -> tuple[str, argparse.ArgumentParser | None]:
    name = " ".join(words[:2]) if " ".join(words[:2]) in PARSERS else words[0]
    return name, PARSERS.get(name)


def faults_in(text: str) -> list[str]:
    """What a text advises and no parser takes."""
    faults = []
    for said in commands_in(text):
        words = [word.strip(",.:'\"") for word in said.split()]
        name, parser = parser_of(words)
        if parser is None:
            continue
        rest = words[len(name.split()) :]
        taken = {option for action in parser._actions for option in action.option_strings}
        for word in rest:
            flag = word.partition("=")[0]
            if word == "affekt":
                break
            if re.fullmatch(r"--[a-z][a-z-]+", flag) and flag not in taken | FOREIGN:
                faults.append(f"affekt {said}: {name} takes no {flag}")
        choices = [action.choices for action in parser._actions if not action.option_strings]
        if rest and rest[0] == GIVEN and choices and all(each is not None for each in choices):
            faults.append(f"affekt {said}: {name} takes {choices[0]} there")
    return faults


def test_commands_that_messages_name_are_there_with_their_flags():
    faults = [
        f"{path.relative_to(ROOT)}: {fault}"
        for path in SOURCES
        if re.search("affekt [a-z]", source := path.read_text(encoding="utf-8"))
        for text in strings_of(source)
        for fault in faults_in(text)
    ]
    assert not faults, "\n".join(faults)


def test_commands_that_documents_name_are_there_with_their_flags():
    faults = [
        f"{path.relative_to(ROOT)}: {fault}"
        for path in DOCUMENTS
        for fault in faults_in(path.read_text(encoding="utf-8").replace("\\\n", " "))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", NAMES)
def test_flags_in_the_messages_of_a_command_are_its_own(name):
    own = {
        option
        for known, parser in PARSERS.items()
        if known.split()[0] == name
        for action in parser._actions
        for option in action.option_strings
    }
    text = (ROOT / "pipelines" / "cli" / f"{name}.py").read_text(encoding="utf-8")
    for said in strings_of(text):
        without = re.sub(r"affekt [a-z][^`;()\n]*", "", said)
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", without)) - FOREIGN
        assert named <= own, said


def test_settings_that_messages_and_documents_set_are_there():
    known = load_settings("small").to_dict()
    for path in (*SOURCES, *DOCUMENTS):
        for key in re.findall(r"--set ([a-z_]+\.[a-z_0-9]+)=", path.read_text(encoding="utf-8")):
            group, _, field = key.partition(".")
            assert field in known.get(group, {}), f"{path}: {key}"


def test_an_argument_that_the_running_command_does_not_take_is_named_with_its_command():
    with arguments_named("flags", {"data"}):
        assert argument("faces", command="train") == "affekt train --faces"
    with arguments_named("flags", {"faces"}):
        assert argument("faces", command="train") == "--faces"


@pytest.mark.parametrize(("command", "advised"), [("train", True), ("evaluate", False)])
def test_images_beside_clips_are_given_otherwise_or_left_out(
    command, advised, sample_clips, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "happy").mkdir()
    (tmp_path / "happy" / "a.png").touch()
    (tmp_path / "ensemble.json").touch()
    model = ["--model", str(tmp_path)] if command == "evaluate" else []
    assert run([command, str(sample_clips), "--data", str(tmp_path), *model]) == 1
    said = capsys.readouterr().err
    assert "are of clips; leave it out" in said
    assert ("--faces" in said) == advised
