"""Small changes to the code that decides something, one at a time: do the tests of its own room notice each of them?

    python bench/mutation.py [--room ROOM]... [--sample N] [--again] [--out docs/benchmarks]

For each room, mutmut changes the modules named below in a copy of the tree (an operator, a number, an argument, a
condition ...) and runs the tests of that room. A change that no test notices is a survivor, and has to be argued in one
line in `docs/benchmarks/mutation-survivors.tsv`; the report names the figures. After tests were added, `--again` tries
what survived alone; `--sample N` tries N changes of a room, drawn at random. The status is 1 if less than 95 % of the
changes to a module are noticed (of a sample: to its room), or if a survivor is not argued.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mutation_rules import RULES
from record import add_out, header, publish

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "mutation"
#: Installed below ``affekt``; the copied tree has them there.
BELOW_AFFEKT = ("components", "pipelines", "serving")
LEAST = 0.95
#: Of the changes that a sample is made of.
SEED = 0
SURVIVORS = ROOT / "docs" / "benchmarks" / "mutation-survivors.tsv"


@dataclass(frozen=True)
class Room:
    """Modules whose logic is changed, and the tests that have to notice.

    Attributes:
        modules: paths in the repository; ``path:name,name`` where only these functions count.
        tests: paths of the room's own tests.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...]


ROOMS = {
    "registry": Room(
        ("affekt/registry/gate.py",),
        tuple(f"tests/registry/test_{name}.py" for name in ("gate", "guards", "unseen_clips")),
    ),
    "statistics": Room(
        tuple(f"affekt/statistics/{name}.py" for name in ("intervals", "metrics", "paired", "pairs")),
        ("tests/statistics",),
    ),
    "dataset": Room(
        tuple(f"affekt/dataset/{name}.py" for name in ("splits", "image_splits", "clips", "problems")),
        ("tests/dataset",),
    ),
    "tables": Room(
        ("affekt/dataset/manifest.py", "affekt/dataset/tables.py"),
        ("tests/dataset", "tests/storage/test_s3_data_sets.py"),
    ),
    "protocols": Room(("affekt/dataset/protocols.py",), ("tests/dataset/test_protocols.py",)),
    "labels": Room(("affekt/dataset/labels.py",), ("tests/dataset/test_label_names.py",)),
    "checks": Room(
        tuple(f"affekt/checks/{name}.py" for name in ("inspection", "findings", "leaks", "before")),
        ("tests/checks",),
    ),
    "score_table": Room(("affekt/score_table.py",), ("tests/test_score_table.py",)),
    "functionals": Room(
        ("affekt/media/functionals.py",), ("tests/media/test_functionals.py", "tests/media/test_feature_sets.py")
    ),
    "shots": Room(("affekt/media/shots.py",), ("tests/media/test_shots.py",)),
    "training": Room(
        ("affekt/training/augmentation.py", "affekt/training/loop.py:learning_rate"),
        ("tests/training/test_augmentation.py", "tests/training/test_learning_rate.py"),
    ),
    "out_of_fold": Room(("affekt/training/out_of_fold.py",), ("tests/training/test_out_of_fold.py",)),
    "models": Room(("affekt/models/crops.py",), ("tests/models/test_crops.py",)),
    "fusion_rules": Room(
        (
            *(
                f"affekt/fusion/methods/{name}.py"
                for name in ("average", "weighted_average", "maximum", "highest_confidence")
            ),
            "affekt/fusion/vectors.py",
            "affekt/fusion/weights.py",
        ),
        ("tests/fusion/test_weights_and_vectors.py",),  # the others fit classifiers, and take a hundred times as long
    ),
    "fusion": Room(
        ("affekt/fusion/fusion.py", "affekt/fusion/estimator.py"),
        ("tests/fusion/test_fit_and_store.py",),
    ),
    "fusion_tables": Room(
        tuple(f"affekt/fusion/{name}.py" for name in ("tables", "rows", "cross_validation", "figures", "overfitting")),
        (
            "tests/fusion/test_fuse_table.py",
            "tests/fusion/test_parts_of_a_table.py",
            "tests/fusion/test_overfitting.py",
        ),
    ),
    "fusion_person": Room(
        ("affekt/fusion/person.py", "affekt/fusion/key.py"),
        ("tests/fusion/test_adaptation_to_a_person.py", "tests/fusion/test_fusion_key.py"),
    ),
    "run_gate": Room(("affekt/steps/run_gate.py",), ("tests/steps/test_run_gate.py",)),
    "handler": Room(("serving/handler.py",), ("tests/serving/test_handler.py",)),
    "store": Room(
        tuple(f"affekt/store/{name}.py" for name in ("entries", "shard", "shelf", "origins")),
        tuple(
            f"tests/store/test_{name}.py"
            for name in ("entries", "shards", "shelf", "origins", "prepared_store", "remote_store")
        ),
    ),
}
#: Exit codes of mutmut's process: nothing failed, no test came near, or pytest could not start; the time ran out.
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


def main() -> None:
    """Run the rooms and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--room", action="append", choices=sorted(ROOMS), help="one room; without it, all")
    parser.add_argument("--sample", type=int, help="only so many changes of each room, drawn at random")
    parser.add_argument("--again", action="store_true", help="only what survived in the last run, with today's tests")
    add_out(parser)
    arguments = parser.parse_args()
    rows = _rows((arguments.out or SURVIVORS.parent) / "mutation.md")
    argued, failed = _argued(), False
    for name in arguments.room or ROOMS:
        commit = subprocess.run(["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, cwd=ROOT)
        mutants = run(name, sample=arguments.sample, again=arguments.again)
        for module in map(_path, ROOMS[name].modules):
            found = [mutant for mutant in mutants if mutant.module == module]
            rows[module] = _row(module, found, _changes(WORK / name, module), commit.stdout.strip() or "none")
            survived = [mutant.key for mutant in found if mutant.status == "survived"]
            unargued = [key for key in survived if key not in argued]
            failed |= bool(unargued)
            if not _sampled(WORK / name):
                failed |= _too_many(found)
            for key in unargued:
                print("not argued:", *key, sep="\t")
            for key in sorted(argued - set(survived)):
                if key[0] == module and not _sampled(WORK / name):
                    print("argued, but no survivor:", *key, sep="\t")
        failed |= _too_many(mutants)
    publish(_report(rows), arguments.out, "mutation.md")
    sys.exit(failed)


def _too_many(mutants: list[Mutant]) -> bool:
    return sum(mutant.status == "survived" for mutant in mutants) > (1 - LEAST) * len(mutants)


def _sampled(tree: Path) -> bool:
    return (tree / "sample.json").is_file()


def run(name: str, *, sample: int | None = None, again: bool = False) -> list[Mutant]:
    """The changes to the modules of a room, and what became of them.

    Args:
        name: of the room.
        sample: try so many of them, drawn at random; all where there are no more.
        again: try only what survived in the last run, sampled or not; the modules must be those of that run, and tests
            may have been added.
    """
    room, tree = ROOMS[name], WORK / name
    if again:
        _renew_tests(room, tree)
        patterns = [mutant.name for mutant in results(room, tree) if mutant.status == "survived"]
        if not patterns:
            return list(results(room, tree))
    else:
        shutil.rmtree(tree, ignore_errors=True)
        build(room, tree)
        patterns = _drawn(room, tree, sample) if sample else _patterns(room)
    mutmut(tree, "run", "--max-children", "1", *patterns)
    return list(results(room, tree))


def _drawn(room: Room, tree: Path, sample: int) -> list[str]:
    mutmut(tree, "generate")
    names = [mutant.name for mutant in results(room, tree)]
    if len(names) > sample:
        names = random.Random(SEED).sample(names, sample)
        (tree / "sample.json").write_text(json.dumps(names), encoding="utf-8")
    return names


def _renew_tests(room: Room, tree: Path) -> None:
    for module in map(_path, room.modules):
        built = tree / _installed(module)
        if not built.is_file() or built.read_text(encoding="utf-8") != _reachable(module):
            raise SystemExit(f"{module} is not what the last run changed; run the room without --again")
    for folder in (tree, tree / "mutants"):
        shutil.rmtree(folder / "tests", ignore_errors=True)
    shutil.copytree(ROOT / "tests", tree / "tests", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    (tree / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    _write_settings(room, tree)


def _reachable(module: str) -> str:
    return without_decorators((ROOT / module).read_text(encoding="utf-8"))


def build(room: Room, tree: Path) -> None:
    """The tree as installed, with tests, the changed modules in a form that mutmut reaches, and its settings."""
    copied = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "affekt", tree / "affekt", ignore=copied)
    for folder in BELOW_AFFEKT:
        shutil.copytree(ROOT / folder, tree / "affekt" / folder, ignore=copied)
    shutil.copytree(ROOT / "tests", tree / "tests", ignore=copied)
    (tree / "mutants").mkdir()  # Python remembers of a path that is not there when it starts that it leads nowhere
    for path in map(_path, room.modules):
        (tree / _installed(path)).write_text(_reachable(path), encoding="utf-8")
    _write_settings(room, tree)


def _write_settings(room: Room, tree: Path) -> None:
    settings = {
        "source_paths": ["affekt"],
        "only_mutate": [_installed(_path(module)) for module in room.modules],
        "pytest_add_cli_args": ["-p", "mutation_rules", "-p", "no:cacheprovider", "-m", "not slow", "-o", "addopts="],
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
    kept = tree / "kept"  # what the room's tests make with code that is not changed, once for all changes
    environment = {
        **os.environ,
        "PYTHONPATH": paths,
        "AFFEKT_TEST_DATA": data,
        "AFFEKT_TEST_KEPT": str(kept),
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
    wanted = _patterns(room)
    drawn = tree / "sample.json"
    sample = set(json.loads(drawn.read_text(encoding="utf-8"))) if drawn.is_file() else None
    for module in map(_path, room.modules):
        path = _installed(module)
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


def _path(module: str) -> str:
    """Of an entry of :data:`ROOMS`, without the names of functions."""
    return module.partition(":")[0]


def _installed(module: str) -> str:
    return f"affekt/{module}" if module.split("/")[0] in BELOW_AFFEKT else module


def _patterns(room: Room) -> list[str]:
    """Names of mutants for mutmut, where only some functions of a module count; none means all."""
    if not any(":" in module for module in room.modules):
        return []
    found = []
    for module in room.modules:
        path, _, names = module.partition(":")
        dotted = _installed(path).removesuffix(".py").replace("/", ".")
        found += [f"{dotted}.x_{name}__mutmut_*" for name in names.split(",")] if names else [f"{dotted}.x*"]
    return found


def _argued() -> set[tuple[str, str, str]]:
    if not SURVIVORS.is_file():
        return set()
    with SURVIVORS.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {(row[0], row[1], row[2]) for row in rows if row and row[3:] and row[3].strip()}


def _rows(path: Path) -> dict[str, str]:
    """The rows of an earlier report by module: a run of one room leaves the others as they are."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return {match[1]: match[0] for match in re.finditer(r"^\| `([^`]+)` \|.*\|$", text, re.MULTILINE)}


def _changes(tree: Path, module: str) -> str:
    """For the changes of a module in the report: `` of N`` where a part of them was drawn."""
    meta = json.loads((tree / "mutants" / f"{_installed(module)}.meta").read_text(encoding="utf-8"))
    return f" of {len(meta['exit_code_by_key'])}" if _sampled(tree) else ""


def _row(module: str, found: list[Mutant], of: str, commit: str) -> str:
    count = {status: sum(mutant.status == status for mutant in found) for status in ("killed", "survived", "timeout")}
    share = (len(found) - count["survived"]) / max(1, len(found))
    return (
        f"| `{module}` | {len(found)}{of} | {count['killed']} | {count['timeout']} | {count['survived']} | "
        f"{share:.1%} | {commit} | {date.today()} |"
    )


def _report(rows: dict[str, str]) -> str:
    order = [_path(module) for room in ROOMS.values() for module in room.modules]
    return "\n".join(
        [
            *header("Small changes to what decides, and whether tests notice", "mutmut", "pytest", "numpy", "torch"),
            "Each module is changed in one place at a time, and the tests of its own room run. A change is killed when "
            "a test fails, a timeout when the tests come to no end, and has survived when all pass. What survived is "
            "argued line by line in [mutation-survivors.tsv](mutation-survivors.tsv). Commit and date of a row are "
            f'those of its run. Where a row says "N of M", a sample of its room was tried, drawn with the seed {SEED}.',
            "",
            "| module | changes | killed | timeout | survived | noticed | commit | date |",
            "|---|---:|---:|---:|---:|---:|---|---|",
            *(rows[module] for module in order if module in rows), "",
            "Not tried, by rule:", "",
            *(f"- {rule}" for rule in RULES), "",
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main()
