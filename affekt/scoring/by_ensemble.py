"""An ensemble of this machine answers about the files of a table, in several processes where that is faster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from affekt.ensemble import Ensemble, look_at
from affekt.errors import AffektError
from affekt.scoring.answering import Found


class ByEnsemble:
    """A loaded ensemble, in several processes where that is faster.

    Args:
        ensemble: that is asked.
        limits: other limits on media files than its own (:meth:`Ensemble.with_limits`).
        labels: those that can be right, where that is known.

    Raises:
        DataError: of the labels, as :func:`affekt.ensemble.among.labels_among`.
    """

    def __init__(self, ensemble: Ensemble, limits: Sequence[str] = (), labels: Sequence[str] = ()) -> None:
        self._ensemble = (ensemble.with_limits(limits) if limits else ensemble).among(labels)
        self.digest = ensemble.digest
        self.identity = " ".join(
            ["model", ensemble.digest, *sorted(limits), *(f"among {label}" for label in self._ensemble.known)]
        )

    def answers(self, files: Sequence[str]) -> Iterator[Found]:
        """As :meth:`Answering.answers`."""
        for seen in look_at(self._ensemble, files):
            try:
                if isinstance(seen, AffektError):
                    raise seen
                yield {**self._ensemble.answer(seen).to_dict(), "model": self.digest}
            except AffektError as error:
                yield error
