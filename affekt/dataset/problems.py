"""What can be wrong with a data set, one finding at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from affekt.counted import counted
from affekt.errors import DataError, printable


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        code: a stable word (``unknown_label``, ``missing_file``, ``duplicate_across_splits`` …).
        where: the guilty ``file:line`` of a manifest, or the uri of a file or folder.
        message: what was expected, what was found, what to do.
        severity: ``error``, with which nothing is trained, or ``warning``.
    """

    code: str
    where: str
    message: str
    severity: str = "error"

    def __str__(self) -> str:
        message = printable(self.message, lines=True)
        return f"{printable(self.where)}: {message}" if self.where else message


def errors_of(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Those that are errors."""
    return tuple(problem for problem in problems if problem.severity == "error")


def raise_errors(problems: Sequence[Problem], where: str) -> None:
    """Raise one DataError that lists all the errors among ``problems``; without one, do nothing."""
    errors = errors_of(problems)
    if len(errors) == 1:
        raise DataError(errors[0].message, code=errors[0].code, where=errors[0].where or where)
    if errors:
        lines = "\n".join(grouped(errors))
        raise DataError(
            f"{counted(len(errors), 'errors')} in this data set (`affekt check` lists all):\n{lines}",
            code="bad_rows",
            where=where,
        )


def grouped(problems: Sequence[Problem], shown: int = 5) -> list[str]:
    """Lines that tell problems by their code, with how many there are and the first few: one fault is told once."""
    lines = []
    for code, count in Counter(problem.code for problem in problems).items():
        lines.append(f"  {code} ({count})")
        same = [problem for problem in problems if problem.code == code]
        lines.extend("    " + str(problem).replace("\n", "\n    ") for problem in same[:shown])
        if count > shown:
            lines.append(f"    … and {count - shown} more")
    return lines


def first_of_each_code(problems: Sequence[Problem], uri: str, shown: int = 5) -> list[str]:
    """A line for each problem; of many with one code the first few, and how many more there are.

    Args:
        problems: in their order.
        uri: of the data set.
        shown: so many of a code, where there are more.
    """
    counts: Counter[str] = Counter()
    lines = []
    for problem in problems:
        counts[problem.code] += 1
        if counts[problem.code] <= shown:
            lines.append(str(problem))
    for code, count in counts.items():
        if count > shown:
            word = code.replace("_", " ")
            lines.append(f"{printable(uri)}: {word}: {count - shown} more like it (`affekt check` lists all)")
    return lines


def some(names: Iterable[str], shown: int = 5) -> str:
    """The first few names, as they can be printed, and how many more there are."""
    listed = [printable(name) for name in names]
    rest = f" and {len(listed) - shown} more" if len(listed) > shown else ""
    return ", ".join(listed[:shown]) + rest
