"""Asks an ensemble about many files or prepared clips, by several processes of one thread each where that is faster."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from affekt import processes
from affekt.answering_pool import FEWEST_CLIPS, FEWEST_FILES, MODULE, processes_for
from affekt.ensemble.ensemble import Ensemble
from affekt.ensemble.seen import Seen
from affekt.errors import AffektError, MediaError, as_affekt_error
from affekt.media.deadline import Deadline
from affekt.media.person import PROMINENT
from affekt.media.prepared import PreparedIndex
from affekt.progress import track
from affekt.score_table import ScoreTable
from affekt.storage import is_remote, open_local
from affekt.store.entries import Store

#: Seconds beyond twice the decoding limit that one file may take.
_GRACE = 600.0


def look_at(
    ensemble: Ensemble, files: Sequence[str], who: str = PROMINENT, *, pictures: bool = False
) -> Iterator[Seen | AffektError]:
    """What an ensemble sees in each file, in order; or why there is nothing to see.

    Args:
        ensemble: that is asked.
        files: paths or ``s3://`` uris.
        who: the person who is analysed (:meth:`Ensemble.prepare`).
        pictures: whether to keep a picture of each analysed face.
    """
    tasks = ({"file": name, "who": who, "picture": pictures} for name in files)
    return _looked(ensemble, None, tasks, _processes(ensemble, len(files), FEWEST_FILES))


def score_index(
    ensemble: Ensemble, index: PreparedIndex, store: Store, *, features: list[Mapping[str, np.ndarray]] | None = None
) -> tuple[ScoreTable, np.ndarray]:
    """The score table ``[N, M, L]`` of prepared clips, and the fused probabilities ``[N, L]``.

    Args:
        ensemble: that is asked.
        index: of the clips.
        store: where they are; made with this ensemble's media settings.
        features: receives for each clip what the models adapt it to its person by, :attr:`Seen.rows`.

    Raises:
        AffektError: a clip cannot be read or scored.
    """
    rows, labels = list(index), ensemble.labels
    scores = np.full((len(rows), len(ensemble.models), len(labels)), np.nan)
    distances = np.full(scores.shape[:2], np.nan)
    features = [] if features is None else features
    tasks = ({"key": row.key} for row in rows)
    looked = _looked(ensemble, store, tasks, _processes(ensemble, len(rows), FEWEST_CLIPS))
    for number, found in enumerate(track(looked, "score", len(rows))):
        if isinstance(found, AffektError):
            raise found
        scores[number] = found.scores
        distances[number] = found.distances_of(ensemble.models)
        features.append(found.rows if rows[number].subject else {})
    table = ScoreTable(
        tuple(row.clip for row in rows),
        labels,
        ensemble.models,
        scores,
        np.array([labels.index(row.label) if row.label in labels else -1 for row in rows], dtype=int),
        tuple(row.subject for row in rows),
        tuple(row.split for row in rows),
        ensemble.person_scores(scores, features, [row.subject for row in rows]),
        distances,
    )
    return table, ensemble.fused(scores, distances)


def _looked(
    ensemble: Ensemble, store: Store | None, tasks: Iterable[Mapping[str, Any]], count: int
) -> Iterator[Seen | AffektError]:
    """What became of each task, in order, by so many processes."""
    if count == 1:
        ensemble.ready()
        look = looking(ensemble, store)
        for task in tasks:
            try:
                yield look(task)
            except (AffektError, OSError) as error:
                yield as_affekt_error(error)
        return
    media = ensemble.settings.media
    opened = {
        "folder": str(ensemble.folder.absolute()),
        "media": dataclasses.asdict(media),
        "store": store.root if store else None,
    }
    limit = 2 * media.timeout_seconds + _GRACE
    arrived: dict[int, Seen | AffektError] = {}
    next_one = 0
    for ended in processes.run(MODULE, opened, tasks, count, limit=limit):
        if ended.result is None:
            arrived[ended.number] = MediaError(ended.reason, code=ended.code)
        else:
            arrived[ended.number] = Seen.from_dict(ended.result)
        while next_one in arrived:
            yield arrived.pop(next_one)
            next_one += 1


def looking(ensemble: Ensemble, store: Store | None) -> Callable[[Mapping[str, Any]], Seen]:
    """What is done for one task: a file, or the key of a clip in a store."""

    def look(task: Mapping[str, Any]) -> Seen:
        if store is not None:
            return ensemble.look(store.get(task["key"]), task["key"])
        local = not is_remote(task["file"])  # whose absence the decoder tells in its own words
        with contextlib.nullcontext(task["file"]) if local else open_local(task["file"]) as path:
            deadline = Deadline.of(ensemble.settings.media, task["file"])
            clip, seen = ensemble.look_in(path, task["file"], task["who"], deadline)
        return replace(seen, picture=clip.middle_face) if task["picture"] else seen

    return look


def _processes(ensemble: Ensemble, tasks: int, fewest: int) -> int:
    if tasks < fewest:
        return 1
    weights = sum(path.stat().st_size for path in ensemble.folder.rglob("*") if path.is_file())
    return processes_for(tasks, fewest, weights)
