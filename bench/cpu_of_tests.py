"""A pytest plugin that tells the CPU seconds of each file of tests: ``python -m pytest -p bench.cpu_of_tests``.

What a test's processes spend counts as its own once they have ended, and what a fixture takes counts for the test that
asks for it first. Wall times say little where other things run as well.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator

import pytest

#: Files that are told, the most costly first.
MOST = 30
_NAME = "cpu_seconds"
_spent: Counter[str] = Counter()


def _seconds() -> float:
    """Of this process and of those below it that have ended."""
    return sum(os.times()[:4])


def _counted(item: pytest.Item) -> Generator[None, None, None]:
    before = _seconds()
    try:
        yield
    finally:
        item.user_properties.append((_NAME, _seconds() - before))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Count what its fixtures take."""
    yield from _counted(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Count the test itself."""
    yield from _counted(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Count the end of its fixtures, with that of their processes."""
    yield from _counted(item)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Sum by file; with pytest-xdist this is where all processes' tests are heard of."""
    if report.when == "teardown":
        seconds = sum(float(value) for name, value in report.user_properties if name == _NAME)  # type: ignore[arg-type]
        _spent[report.nodeid.partition("::")[0]] += seconds


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell them."""
    terminalreporter.section(f"{sum(_spent.values()):.0f} CPU seconds in {len(_spent)} files")
    for file, seconds in _spent.most_common(MOST):
        terminalreporter.line(f"{seconds:8.1f}  {file}")
