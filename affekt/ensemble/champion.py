"""What an ensemble says of clips it did not prepare itself: evaluation by command, and the champion in the gate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from affekt.counted import counted
from affekt.dataset import ClipTable, Unit
from affekt.dataset.several import possible_in
from affekt.ensemble.among import only_possible
from affekt.ensemble.asking import score_index
from affekt.ensemble.ensemble import Ensemble
from affekt.errors import DataError
from affekt.media import PreparedIndex
from affekt.media.prepared import SkippedClip
from affekt.score_table import ScoreTable
from affekt.storage import open_local
from affekt.store.entries import Store
from affekt.store.preparing import prepare_clips

#: Why a file could not be used that is not there, or not to be opened.
_GONE = frozenset({"missing", "missing_file", "missing_bucket"})


class Material(Protocol):
    """What challenger and champion are compared on, and how both are asked about it; clips or still images."""

    unit: ClassVar[Unit]

    def can_be_answered_by(self, ensemble: Ensemble) -> bool:
        """Whether an ensemble answers these as it answers requests."""

    def answers(self, ensemble: Ensemble, names: Sequence[str]) -> np.ndarray:
        """Float64 ``[N, L]``: the ensemble's probabilities of the named ones, NaN where there is no answer."""

    def files(self, ensemble: Path, names: Sequence[str]) -> AbstractContextManager[list[Path]]:
        """Some of the named ones as files that a server with the ensemble can be asked about, of different labels."""


@dataclass(frozen=True)
class Clips:
    """The clips of a run by name, and the root of the store that they are prepared into."""

    table: ClipTable
    store: str | Path
    unit: ClassVar[Unit] = "clips"

    def can_be_answered_by(self, ensemble: Ensemble) -> bool:
        """Clips can be answered by any ensemble."""
        return True

    def answers(self, ensemble: Ensemble, names: Sequence[str]) -> np.ndarray:
        """As :meth:`Material.answers`; a clip that the ensemble could not prepare has no answer.

        Raises:
            DataError: ``missing``: a file is gone, of which nobody can say what the ensemble would have answered.
        """
        wanted = set(names)
        evaluated = ClipTable(tuple(clip for clip in self.table if clip.id in wanted))
        index, _, fused = prepare_and_score(ensemble, evaluated, self.store)
        refuse_gone(index.skipped, (), len(names), self.unit)
        # What a clip's data set has no clips of is not held against the answer, as in the challenger's table.
        named = [row.clip for row in index]
        fused = only_possible(fused, ensemble.labels, named, possible_in(self.table))
        position = {row.clip: number for number, row in enumerate(index)}
        answers = np.full((len(names), len(ensemble.labels)), np.nan)
        for number, clip in enumerate(names):
            if clip in position:
                answers[number] = fused[position[clip]]
        return answers

    @contextmanager
    def files(self, ensemble: Path, names: Sequence[str]) -> Iterator[list[Path]]:
        """One clip a label, so that there is more than one kind of answer; at most three."""
        wanted = set(names)
        asked = {clip.label: clip.uri for clip in self.table if clip.id in wanted}
        with ExitStack() as opened:
            yield [opened.enter_context(open_local(uri)) for uri in list(asked.values())[:3]]


def refuse_gone(skipped: Iterable[SkippedClip], gone: Iterable[str], count: int, unit: Unit) -> None:
    """Refuse to take files that are gone for such as an ensemble has no answer to.

    Args:
        skipped: what could not be used, and why.
        gone: the names of others that are not there any more.
        count: of all that were to be answered.
        unit: what they are.

    Raises:
        DataError: there is one.
    """
    missing = [*gone, *(item.clip for item in skipped if item.code in _GONE)]
    if missing:
        raise DataError(
            f"{len(missing)} of {counted(count, unit)} are not there any more, so that two models cannot be compared "
            "on them; put the data back and start the same training again, which goes on from here",
            code="missing",
            where=missing[0],
        )


def prepare_and_score(
    ensemble: Ensemble,
    table: ClipTable,
    store: str | Path,
    *,
    features: list[Mapping[str, np.ndarray]] | None = None,
) -> tuple[PreparedIndex, ScoreTable, np.ndarray]:
    """Prepare clips as the ensemble wants them (its own crops, not another run's) and score them.

    Args:
        ensemble: the ensemble that answers.
        table: the clips.
        store: root of the prepared store; what it already holds is not prepared again.
        features: as for :func:`affekt.ensemble.score_index`.

    Returns:
        The index of the prepared clips; the members' score table ``[N, M, L]`` and the fused probabilities ``[N, L]``,
        both in the order of the index; NaN where there is no answer.
    """
    opened = Store(store, ensemble.settings.media)
    index = prepare_clips(table, opened)
    scores, fused = score_index(ensemble, index, opened, features=features)
    return index, scores, fused


def relabel(probabilities: np.ndarray, own: tuple[str, ...], wanted: tuple[str, ...]) -> np.ndarray:
    """Probabilities ``[N, len(own)]`` over other labels: a label that the ensemble does not know gets zero."""
    columns = [probabilities[:, own.index(label)] if label in own else np.zeros(len(probabilities)) for label in wanted]
    moved = np.stack(columns, axis=1)
    moved[np.isnan(probabilities).any(axis=1)] = np.nan
    return moved
