"""Changes the code of a room in a copy of the tree by mutmut, and runs the room's tests on each change."""

from __future__ import annotations

import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutation_rooms import BELOW_AFFEKT, ROOMS, Room, installed, path_of, patterns_of

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "mutation"
#: Of the changes that a sample is made of.
SEED = 0
#: Exit codes of mutmut's process: nothing failed, no test came near, pytest could not start, or not tried (None); the
#: time ran out.
_SURVIVED, _TIMEOUT = {0, 5, 33, 255, None}, {24, 36, 152, -24}


@dataclass(frozen=True)
class Mutant:
    """One change: its name in mutmut, where, the lines before and after it, and what became of it.

    That is ``killed``, ``survived`` or ``timeout``.
    """

    name: str
    module: str
    function: str
    change: str
    status: str

    @property
    def key(self) -> tuple[str, str, str]:
        """How an argued survivor is found again."""
        return self.module, self.function, self.change


def sampled(tree: Path) -> bool:
    """Whether a part of the changes in a tree was drawn."""
    return (tree / "sample.json").is_file()


def run(name: str, *, sample: int | None = None, again: bool = False) -> list[Mutant]:
    """The changes to the modules of a room, and what became of them.

    Args:
        name: of the room.
        sample: try so many of them, drawn at random; all where there are no more.
        again: try only what survived in the last run, sampled or not, or what it did not come to; the modules must be
            those of that run, and tests may have been added.
    """
    room, tree = ROOMS[name], WORK / name
    if again:
        _renew(room, tree)
        patterns = [mutant.name for mutant in results(room, tree) if mutant.status == "survived"]
        if not patterns:
            return list(results(room, tree))
    else:
        shutil.rmtree(tree, ignore_errors=True)
        build(room, tree)
        patterns = _drawn(room, tree, sample) if sample else patterns_of(room)
    mutmut(tree, "run", "--max-children", "1", *patterns)
    return list(results(room, tree))


def _drawn(room: Room, tree: Path, sample: int) -> list[str]:
    mutmut(tree, "generate")
    names = [mutant.name for mutant in results(room, tree)]
    if len(names) > sample:
        names = random.Random(SEED).sample(names, sample)
        (tree / "sample.json").write_text(json.dumps(names), encoding="utf-8")
    return names


def _renew(room: Room, tree: Path) -> None:
    """Put today's tests, and today's code outside of the room, in the place of those of the last run."""
    for module in map(path_of, room.modules):
        built = tree / installed(module)
        if not built.is_file() or built.read_text(encoding="utf-8") != _reachable(module):
            raise SystemExit(f"{module} is not what the last run changed; run the room without --again")
    for folder in (tree, tree / "mutants"):
        shutil.rmtree(folder / "tests", ignore_errors=True)
        _copy(folder, but=[ROOT / path_of(module) for module in room.modules])
    (tree / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    _write_settings(room, tree)


def _reachable(module: str) -> str:
    return without_decorators((ROOT / module).read_text(encoding="utf-8"))


def build(room: Room, tree: Path) -> None:
    """The tree as installed, with tests, the changed modules in a form that mutmut reaches, and its settings."""
    _copy(tree)
    (tree / "mutants").mkdir()  # Python remembers of a path that is not there when it starts that it leads nowhere
    for path in map(path_of, room.modules):
        (tree / installed(path)).write_text(_reachable(path), encoding="utf-8")
    _write_settings(room, tree)


def _copy(tree: Path, but: Sequence[Path] = ()) -> None:
    """Code as installed, and tests; files that are there are written over."""

    def left(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if name == "__pycache__" or Path(folder, name) in but}

    places = {"affekt": "affekt", "tests": "tests", **{name: f"affekt/{name}" for name in BELOW_AFFEKT}}
    for name, place in places.items():
        shutil.copytree(ROOT / name, tree / place, ignore=left, dirs_exist_ok=True)


def _write_settings(room: Room, tree: Path) -> None:
    left = ["-k", " and ".join(f"not {name}" for name in room.without)] if room.without else []
    settings = {
        "source_paths": ["affekt"],
        "only_mutate": [installed(path_of(module)) for module in room.modules],
        "pytest_add_cli_args": [
            "-p",
            "mutation_rules",
            "-p",
            "no:cacheprovider",
            "-m",
            "not slow",
            "-o",
            "addopts=",
            *left,
        ],
        "pytest_add_cli_args_test_selection": list(room.tests),
        "process_isolation": "forkserver",  # no test's cache is handed on to the next change
        "use_git_change_detection": False,
        "timeout_constant": 5.0,
        "timeout_multiplier": 4.0,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (tree / "pyproject.toml").write_text(project + "\n[tool.mutmut]\n" + "\n".join(lines) + "\n", encoding="utf-8")


def mutmut(tree: Path, *arguments: str) -> None:
    """Run mutmut, under the rules, in a tree."""
    data = os.environ.get("AFFEKT_TEST_DATA", str(ROOT.parent / "shared" / "data"))
    paths = os.pathsep.join([str(tree / "mutants"), str(ROOT / "bench")])
    # What the room's tests make with code that is not changed, once for all changes.
    kept = os.environ.get("AFFEKT_TEST_KEPT") or str(tree / "kept")
    environment = {
        **os.environ,
        "PYTHONPATH": paths,
        "AFFEKT_TEST_DATA": data,
        "AFFEKT_TEST_KEPT": kept,
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, str(ROOT / "bench" / "mutation_rules.py"), *arguments]
    with (tree / "mutmut.log").open("a", encoding="utf-8") as log:
        code = subprocess.run(command, cwd=tree, env=environment, stdout=log, stderr=subprocess.STDOUT).returncode
    if code:
        raise SystemExit(f"mutmut stopped with status {code}; {tree / 'mutmut.log'} says why")


def without_decorators(source: str) -> str:
    """``@property`` and its like as an assignment behind the function: mutmut leaves decorated functions alone."""
    lines = source.splitlines()
    functions = [
        node
        for body in (ast.parse(source), *(n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ClassDef)))
        for node in body.body
        if isinstance(node, ast.FunctionDef) and node.decorator_list
    ]
    for node in sorted(functions, key=lambda node: node.lineno, reverse=True):
        names = [ast.unparse(decorator) for decorator in node.decorator_list]
        if {"staticmethod", "classmethod", "overload"} & set(names) or node.end_lineno is None:
            continue
        value = node.name
        for name in reversed(names):
            value = f"{name}({value})"
        lines.insert(node.end_lineno, f"{' ' * node.col_offset}{node.name} = {value}")
        del lines[node.decorator_list[0].lineno - 1 : node.lineno - 1]
    return "\n".join(lines) + "\n"


def results(room: Room, tree: Path) -> Iterator[Mutant]:
    """What mutmut noted in a tree of every change, or of the sample."""
    wanted = patterns_of(room)
    drawn = tree / "sample.json"
    sample = set(json.loads(drawn.read_text(encoding="utf-8"))) if drawn.is_file() else None
    for module in map(path_of, room.modules):
        path = installed(module)
        meta = json.loads((tree / "mutants" / f"{path}.meta").read_text(encoding="utf-8"))
        code = (tree / "mutants" / path).read_text(encoding="utf-8").splitlines()
        spans = json.loads((tree / "mutants" / f"{path}.spans").read_text(encoding="utf-8"))["spans"]
        for key, status in meta["exit_code_by_key"].items():
            if wanted and not any(key.startswith(pattern.rstrip("*")) for pattern in wanted):
                continue
            if sample is not None and key not in sample:
                continue
            generated = key.rpartition(".")[2]
            mangled = generated.partition("__mutmut_")[0]
            function = re.sub("^x(_|ǁ)", "", mangled).replace("ǁ", ".")
            before, after = (
                [line.replace(name, function) for line in code[spans[name][0] - 1 : spans[name][1]]]
                for name in (f"{mangled}__mutmut_orig", generated)
            )
            became = "survived" if status in _SURVIVED else "timeout" if status in _TIMEOUT else "killed"
            yield Mutant(key, module, function, _change(before, after), became)


def _change(before: list[str], after: list[str]) -> str:
    """The lines that differ, before and after, without their indent."""
    while before and after and before[0] == after[0]:
        before, after = before[1:], after[1:]
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    return " ⏎ ".join(line.strip() for line in before) + " → " + " ⏎ ".join(line.strip() for line in after)
