"""mutmut with the rules of this repository: which changes to the code are not tried, since no test should tell them.

`bench/mutation.py` starts it in the tree that it has built. Tests are collected once, and each change runs those that
come near it in a process that is forked from there: first those that noticed other changes to the function, then the
quickest. It is the plugin of pytest in that tree as well, which notes what noticed and what was imported.

RULES is the whole of it; each rule says what it leaves out and why.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import libcst as cst
import libcst.matchers as m
import pytest
from _pytest.config import _prepareconfig

#: What is left out, and why: printed in the report.
RULES = (
    "Words for people: a text with a blank in it is not changed, nor a piece of such a text. That a message names its "
    "place and its remedy is tested, its wording is not.",
    "Log lines and warnings (`logger.…`, `log.…`, `warnings.…`).",
    "Guards that cannot fire unless the code around them is wrong: `assert`, and `strict=` of `zip`.",
    "What only a type checker reads: `cast`, annotations, `TYPE_CHECKING`.",
    "`encoding=`: UTF-8 is what Python takes without it on the machines that this runs on.",
)
_LOGS = m.Name("logger") | m.Name("log") | m.Name("warnings")
_UNTOUCHED = (
    m.Call(func=m.Attribute(value=_LOGS))
    | m.Call(func=m.Name("cast"))
    | m.Assert()
    | m.If(test=m.Name("TYPE_CHECKING"))
    | m.Arg(keyword=m.Name("strict") | m.Name("encoding"))
)


def main() -> None:
    """What the command `mutmut` does, after the rules; `generate` makes the changes alone."""
    from mutmut import __main__ as mutmut
    from mutmut.mutation import file_mutation
    from mutmut.runners import harness

    visitor: Any = file_mutation.MutationVisitor
    descend = visitor._skip_node_and_children

    def skip(self: Any, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.ConcatenatedString):
            _of_sentences.extend(_pieces_of_a_sentence(node))
        return m.matches(node, _UNTOUCHED) or bool(descend(self, node))

    visitor._skip_node_and_children = skip
    runner: Any = harness.PytestRunner
    runner.warm_up, runner.run_tests, runner._run_anew = _collect, _run, runner.run_tests
    operators: Any = file_mutation.mutation_operators
    operators[:] = [(kind, _obeying(operator)) for kind, operator in operators]
    if sys.argv[1:] != ["generate"]:
        mutmut.cli()
        return
    mutmut.set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    mutmut.setup_source_paths()
    mutmut.create_mutants(1)


#: Pieces of texts with a blank that were come by; the node itself is what they are told apart by.
_of_sentences: list[cst.SimpleString] = []


def _pieces_of_a_sentence(text: cst.ConcatenatedString) -> list[cst.SimpleString]:
    """The pieces without an expression of a text that is written in several, if there is a blank in any piece."""
    pieces: list[cst.BaseString] = [text]
    while isinstance(pieces[-1], cst.ConcatenatedString):
        last = pieces.pop()
        assert isinstance(last, cst.ConcatenatedString)
        pieces += [last.left, last.right]
    plain = [piece for piece in pieces if isinstance(piece, cst.SimpleString)]
    formatted = [part for piece in pieces if isinstance(piece, cst.FormattedString) for part in piece.parts]
    texts = [str(piece.evaluated_value) for piece in plain]
    texts += [part.value for part in formatted if isinstance(part, cst.FormattedStringText)]
    return plain if any(" " in text for text in texts) else []


def _obeying(operator: Any) -> Any:
    """An operator of mutmut without the changes that the rules leave out."""

    def changes(node: Any) -> Iterable[Any]:
        if isinstance(node, cst.SimpleString) and (
            " " in str(node.evaluated_value) or any(node is piece for piece in _of_sentences)
        ):
            return
        for changed in operator(node):
            if not (isinstance(node, cst.Call) and isinstance(changed, cst.Call) and _guard_removed(node, changed)):
                yield changed

    return changes


def _guard_removed(call: cst.Call, changed: cst.Call) -> bool:
    """Whether all that the change takes away is an argument that the rules leave alone."""
    return any(m.matches(argument, _UNTOUCHED) and argument not in changed.args for argument in call.args)


#: In the changed tree: which test noticed a change to which function, and what the tests import when they run.
_CHANGED = Path("mutants").absolute() if Path("mutants").is_dir() else Path.cwd()  # pytest starts inside of it
_NOTICED, _IMPORTED = _CHANGED / "noticed.txt", _CHANGED / "imported.txt"


def _function() -> str:
    return os.environ.get("MUTANT_UNDER_TEST", "").partition("__mutmut_")[0]


def _collect(self: Any) -> None:
    """Collect the room's tests, and import what they import: once, in the process that each change is forked from.

    The steps are those of ``pytest.main`` up to the tests.
    """
    with contextlib.chdir("mutants"):
        selected = [*self._pytest_add_cli_args_test_selection, *self._pytest_add_cli_args]
        config: Any = _prepareconfig(["--rootdir=.", "--tb=native", "-x", "-q", "-s", *selected])
        self.session = pytest.Session.from_config(config)
        config._do_configure()
        config.hook.pytest_sessionstart(session=self.session)
        self.session.perform_collect()
    for name in _IMPORTED.read_text(encoding="utf-8").splitlines() if _IMPORTED.is_file() else ():
        with contextlib.suppress(Exception):  # made by its package, and not to be imported by its name
            importlib.import_module(name)
    if "mlflow.store.tracking.sqlalchemy_store" in sys.modules:
        importlib.import_module("sqlalchemy.orm").configure_mappers()  # at its first query, each change would
    gc.freeze()  # pytest collects garbage at its end, and would look through all of this each time


def _run(self: Any, *, mutant_name: str | None, tests: Iterable[str]) -> int:
    """Run some of the collected tests, in a process of their own, until one fails: its status is that of pytest."""
    if not hasattr(self, "session"):
        return int(self._run_anew(mutant_name=mutant_name, tests=tests))
    session, chosen = self.session, set(tests)
    with contextlib.chdir("mutants"):
        session.items[:] = _in_order([item for item in session.items if item.nodeid in chosen])
        with contextlib.suppress(session.Failed):
            session.config.hook.pytest_runtestloop(session=session)
        status = pytest.ExitCode.TESTS_FAILED if session.testsfailed else pytest.ExitCode.OK
        session.config.hook.pytest_sessionfinish(session=session, exitstatus=status)
    return int(status)


def _in_order(items: list[Any]) -> list[Any]:
    """A change is noticed soonest by the tests that noticed others in its function, and then by the quickest."""
    seconds = json.loads((_CHANGED / "mutmut-stats.json").read_text(encoding="utf-8"))["duration_by_test"]
    lines = _NOTICED.read_text(encoding="utf-8").splitlines() if _NOTICED.is_file() else []
    noticed = Counter(line.partition("\t")[2] for line in lines if line.startswith(f"{_function()}\t"))

    def order(item: Any) -> tuple[float, float]:
        took = seconds.get(item.nodeid, 0.0)
        return -noticed[item.nodeid] / (took + 0.01), took

    return sorted(items, key=order)


def pytest_sessionfinish() -> None:
    """Note what the unchanged code and its tests import: it is imported once, before the changes are tried."""
    if os.environ.get("MUTANT_UNDER_TEST") == "stats":
        names = [name for name in list(sys.modules) if name.partition(".")[0] not in ("tests", "__main__", "conftest")]
        _IMPORTED.write_text("\n".join(names), encoding="utf-8")


def pytest_runtest_logreport(report: Any) -> None:
    """Remember which test noticed."""
    if report.failed and "__mutmut_" in os.environ.get("MUTANT_UNDER_TEST", ""):
        with _NOTICED.open("a", encoding="utf-8") as file:
            file.write(f"{_function()}\t{report.nodeid}\n")


if __name__ == "__main__":
    main()
