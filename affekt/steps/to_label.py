"""Which clips without a label a person should label next: those on which the champion is least sure, of many people.

The margin rule of active learning (Scheffer et al. 2001): the smaller the difference of the two most probable labels,
the more a label tells. Of each person one clip comes before a second one of anybody.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affekt.counted import counted
from affekt.dataset import Clip, read_source, table_of
from affekt.dataset.cells import cell
from affekt.dataset.unlabelled import unlabelled_clips
from affekt.ensemble import Ensemble
from affekt.ensemble.champion import prepare_and_score

logger = logging.getLogger(__name__)

COLUMNS = ("clip", "uri", "subject", "margin", "first", "first_probability", "second", "second_probability")


@dataclass(frozen=True)
class ToLabel:
    """A clip to label: what the champion takes it for, and by how much."""

    clip: str
    uri: str
    subject: str
    margin: float
    first: str
    first_probability: float
    second: str
    second_probability: float


def next_to_label(ensemble: Ensemble, data: str, store: str | Path, *, most: int) -> list[ToLabel]:
    """The next clips to label, the most telling first.

    Clips that were not prepared yet are fetched and prepared.

    Args:
        ensemble: that is asked.
        data: folder, CSV file or ``s3://`` address.
        store: root of the prepared store.
        most: how many.

    Raises:
        DataError: the data set cannot be read.
    """
    waiting = unlabelled_clips(data, read_source(data))
    if not waiting:
        return []
    clips = {clip.id: clip for clip in waiting}
    index, _, fused = prepare_and_score(ensemble, table_of(waiting), store)
    answered = [
        (clips[row.clip], fused[number]) for number, row in enumerate(index) if not np.isnan(fused[number]).any()
    ]
    if len(answered) < len(waiting):
        logger.warning("left out, since no model answers them: %s", counted(len(waiting) - len(answered), "clips"))
    return spread([_of(clip, vector, ensemble.labels) for clip, vector in answered])[:most]


def spread(found: Sequence[ToLabel]) -> list[ToLabel]:
    """By margin, but the first clip of each person before the second of anybody; each unknown person is one more."""
    rounds: list[list[ToLabel]] = []
    taken: dict[str, int] = {}
    for each in sorted(found, key=lambda one: (one.margin, one.clip)):
        number = taken.get(each.subject, 0) if each.subject else 0
        taken[each.subject] = number + 1
        rounds += [[] for _ in range(number + 1 - len(rounds))]
        rounds[number].append(each)
    return [each for one in rounds for each in one]


def as_csv(found: Sequence[ToLabel], schedule: str, *, header: bool = True) -> str:
    """Rows for a person, with the schedule whose data they are of; a cell that would be a formula has an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if header:
        writer.writerow(["schedule", *COLUMNS])
    for each in found:
        values = [getattr(each, column) for column in COLUMNS]
        writer.writerow([cell(value) if isinstance(value, str) else value for value in (schedule, *values)])
    return out.getvalue()


def _of(clip: Clip, vector: np.ndarray, labels: Sequence[str]) -> ToLabel:
    first, second = np.argsort(-vector, kind="stable")[:2]
    one, two = round(float(vector[first]), 4), round(float(vector[second]), 4)
    return ToLabel(clip.id, clip.uri, clip.subject, round(one - two, 4), labels[first], one, labels[second], two)
