"""What answers about the files of a table, and which of its errors are no answer about a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from affekt.errors import AffektError

#: The answer about a file as plain values, ``model`` being the digest of what answered; or why there is none.
Found = Mapping[str, Any] | AffektError
#: Codes of errors that the next file would meet as well: no row is made of them.
_OF_ALL_FILES = frozenset({
    "unreachable", "unanswered", "no_key", "wrong_key", "no_keys", "unauthorised", "bad_host", "bad_address", "moved",
    "bad_answer", "no_model", "no_version", "not_ready", "busy", "no_room", "too_many_requests", "no_credentials",
    "disk_full", "no_memory", "too_many_files", "not_installed", "unknown_label", "too_few_labels",
})  # fmt: skip


class Answering(Protocol):
    """What answers about files."""

    @property
    def identity(self) -> str:
        """What an interrupted table must have been begun with to be gone on with."""

    @property
    def digest(self) -> str:
        """Of the model; empty where only its answers tell."""

    def answers(self, files: Sequence[str]) -> Iterator[Found]:
        """What is found for each file, in order."""


def concerns_all(error: AffektError) -> bool:
    """Whether an error says nothing of the file that it came with, since the next one would meet it as well."""
    return error.code in _OF_ALL_FILES
