"""Which prepared clips the graphs of an ensemble's networks are tried on, when it is assembled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from affekt.ensemble.graphs import COMPARED, write_graphs
from affekt.ensemble.quantised import quantise_graphs
from affekt.media import PreparedClip, PreparedIndex
from affekt.media.even_frames import even_frames
from affekt.settings import Settings
from affekt.store import PreparedStore

#: Clips by which the ranges of a network's values are found, and by which its answers in int8 are compared with those
#: before, at most; of single images so many times as many, since a clip is some tens of pictures.
CALIBRATION_CLIPS, COMPARED_CLIPS, IMAGES = 16, 150, 10


class StoredClips(Sequence[PreparedClip]):
    """Prepared clips or images, each read when it is asked for."""

    def __init__(self, store: PreparedStore, keys: Sequence[str]) -> None:
        self._store, self.keys = store, list(keys)

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, number: int) -> PreparedClip: ...

    @overload
    def __getitem__(self, number: slice) -> StoredClips: ...

    def __getitem__(self, number: int | slice) -> PreparedClip | StoredClips:
        if isinstance(number, slice):
            return StoredClips(self._store, self.keys[number])
        return self._store.get(self.keys[number])


def tried_graphs(
    members: Mapping[str, Path], index: PreparedIndex, store: PreparedStore, settings: Settings
) -> dict[str, dict[str, Any]]:
    """Write the graphs of an ensemble's networks, in int8 as well where that serves, each held against what it is for.

    Args:
        members: the folder of each member.
        index: what was prepared.
        store: where it is.
        settings: of the run.

    Returns:
        As :func:`affekt.ensemble.quantised.quantise_graphs`.
    """
    found = write_graphs(members, StoredClips(store, even([row.key for row in index], COMPARED)))
    if settings.int8 is False:
        return found
    calibration, compared = int8_clips(index)
    return quantise_graphs(
        members, found, every=settings.int8 is True,
        calibration=StoredClips(store, calibration), compared=StoredClips(store, compared),
    )  # fmt: skip


def int8_clips(index: PreparedIndex) -> tuple[list[str], list[str]]:
    """The keys of train clips by which ranges of values are found, and of others that are compared.

    Those that no network learned from come first among the latter, since answers to the others are surer; no content
    is among both.
    """
    times = 1 if index.unit == "clips" else IMAGES
    learned = list(dict.fromkeys(row.key for row in index if row.split == "train"))
    unseen = list(dict.fromkeys(row.key for row in index if row.split != "train"))
    calibration = even(learned or unseen, CALIBRATION_CLIPS * times)
    left = set(calibration)
    unseen = even([key for key in unseen if key not in left], COMPARED_CLIPS * times)
    left |= set(unseen)
    return calibration, unseen + even([key for key in learned if key not in left], COMPARED_CLIPS * times - len(unseen))


def even(keys: Sequence[str], count: int) -> list[str]:
    """So many of them at most, evenly spaced."""
    return [keys[number] for number in np.unique(even_frames(np.arange(len(keys)), max(0, count)))] if keys else []
