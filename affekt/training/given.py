"""What a model is given to learn from, whichever it is: clips and their store, images, members it reads, settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from affekt.extensions import model_spec, named
from affekt.media.prepared import FaceSet, PreparedClip, PreparedIndex
from affekt.score_table import ScoreTable
from affekt.settings import Settings

#: Receives metrics and the iteration they belong to.
Log = Callable[[Mapping[str, float], int], None]


class ClipStore(Protocol):
    """Where prepared clips come from; :class:`affekt.store.Store` is one."""

    def get(self, key: str) -> PreparedClip:
        """The prepared clip under a key."""

    def functionals(self, keys: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The functionals ``[N, F]`` of so many clips, and whether they are of a voice, bool ``[N]``."""

    def contours(self, keys: Sequence[str]) -> np.ndarray:
        """How the descriptors of so many clips run, ``[N, 360]``, NaN where a clip has none that tell it."""


@dataclass(frozen=True)
class Given:
    """What a model learns from, and where it writes.

    Attributes:
        member: the name of the model.
        index: the prepared clips; an empty one where there are still images alone.
        store: where the clips' frames, functionals and descriptors are.
        settings: of the run.
        labels: what the model tells apart, in canonical order; clips and images of other labels are left out.
        out: the member's folder on this machine.
        faces: labelled still images, or None. Those of the splits ``val`` and ``test`` are not learned from.
        needs: the folders of the trained members that it reads, by name, each written with the same clips and settings.
        log: receives metrics such as ``base.loss`` with the iteration, and at the end the accuracies of the splits.
        checkpoints: root of the checkpoints, a folder or an ``s3://`` uri; default ``<out>/checkpoints``. They lie
            there until the training is complete: another call with the same data, settings and seed goes on from them.
            Where a root is given, those of first stages on still images stay: trainings on other clips start from them.
    """

    member: str
    index: PreparedIndex
    store: ClipStore
    settings: Settings
    labels: tuple[str, ...]
    out: Path
    faces: FaceSet | None = None
    needs: Mapping[str, Path] = field(default_factory=dict)
    log: Log | None = None
    checkpoints: str | None = None

    @property
    def group(self) -> Any:
        """The model's own group of the settings."""
        return self.settings.models[self.member]


def train_member(given: Given) -> ScoreTable:
    """Train a model as its spec says.

    Writes the member's folder: what its ``load`` reads, ``folds/<k>/`` with the same of each fold where a model that
    comes after it needs them, ``scores.csv`` (also returned), and ``history.csv`` where there is a learning curve. In
    the score table the clips outside the train split are scored by the model that learned from all train clips, and
    those of the train split by models that did not see their subjects (:mod:`affekt.training.out_of_fold`).

    Raises:
        DataError: ``unknown_model``: no installed package offers the model; or there is nothing to learn from.
        AffektError: the training diverged.
    """
    spec = model_spec(given.member)
    table = named(spec.train, f"the model {spec.name!r}")(given)
    assert isinstance(table, ScoreTable)
    return table
