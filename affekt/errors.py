"""The errors that affekt raises on purpose: each says what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class AffektError(Exception):
    """The input or the outcome is wrong; the command line turns it into exit code 1.

    Args:
        message: what was expected, what was found, what to do.
        code: a stable word for machines, in snake_case (``no_face``, ``unknown_label``).
        where: the file, row or setting that it is about.
    """

    def __init__(self, message: str, *, code: str = "invalid", where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (worker pools), and keyword-only arguments do not survive the default.
        return _rebuild, (type(self), self.message, self.code, self.where)


def _rebuild(kind: type[AffektError], message: str, code: str, where: str | None) -> AffektError:
    error = kind.__new__(kind)
    AffektError.__init__(error, message, code=code, where=where)
    return error


class MediaError(AffektError):
    """A media file cannot be used: unreadable, over a limit, or without what was asked of it."""


class DataError(AffektError):
    """A data set, a table or a stored artifact is not what it has to be."""


class SettingsError(AffektError):
    """One or more settings are unknown, of the wrong kind, or contradict each other."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in problems)
        count = f"{len(problems)} settings are wrong" if len(problems) > 1 else "a setting is wrong"
        super().__init__(f"{count}:\n{lines}", code="settings")

    def __reduce__(self) -> tuple[object, ...]:
        return SettingsError, (self.problems,)
