"""A running server answers about the files of a table, about several at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from affekt.client import Client, Prediction, in_order
from affekt.errors import AffektError, MediaError, as_affekt_error, why_no_file
from affekt.patience import patience, repeated
from affekt.scoring.answering import Found
from affekt.storage import is_remote, open_local

#: Seconds for which a server that has answered and is away is waited for; in a pipeline step ``AFFEKT_PATIENCE`` says
#: how long, and of one that has not answered as well. Elsewhere such a one was never there.
_PATIENCE = 60.0
#: How often a busy server is asked again about a file.
_RETRIES = 8


class ByServer:
    """A running server, asked about several files at once.

    Args:
        url: as of :class:`affekt.client.Client`.
        key: the client's, where the server asks for one.
        at_once: files that are on their way together.
        labels: those that can be right, where that is known.
    """

    digest = ""

    def __init__(self, url: str, *, key: str | None = None, at_once: int = 4, labels: Sequence[str] = ()) -> None:
        self._client = Client(url, key=key, at_once=at_once, retries=_RETRIES)
        self._labels = labels
        self._was_there = False
        self.identity = " ".join([f"server {self._client.url}", *(f"among {label}" for label in labels)])

    def answers(self, files: Sequence[str]) -> Iterator[Found]:
        """As :meth:`Answering.answers`."""
        with self._client:
            yield from in_order(self._found, files, self._client.at_once)

    def _found(self, name: str) -> Found:
        try:
            with open_local(name) as path:
                # What was fetched must not be fetched again because the server is away.
                ask = partial(self._client.predict, path, labels=self._labels)
                seconds = patience(_PATIENCE if self._was_there else 0.0)
                answer: Prediction = repeated(
                    ask, _worth, seconds=seconds, service="the server", where=self._client.url
                )
        except MediaError as error:
            self._was_there = self._was_there or error.code not in ("missing", "empty")  # the others the server said
            return error
        except (AffektError, OSError) as error:
            if getattr(error, "code", "") == "missing_file" and not is_remote(name):
                return MediaError(why_no_file(name), code="missing", where=name)
            return as_affekt_error(error)
        self._was_there = True
        return {**answer.document, "model": answer.model["digest"]}


def _worth(error: Exception) -> float:
    return float("inf") if isinstance(error, AffektError) and error.code == "unreachable" else 0.0
