"""The folds of an evaluation protocol as a document: each by itself, and their mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from affekt.fusion.key import FusionKey
from affekt.json_document import FLAT, JsonDocument


@dataclass(frozen=True)
class Fold(JsonDocument):
    """One fold of an evaluation protocol.

    Attributes:
        name: of the fold.
        held_out: the subjects that it was evaluated on.
        clips: labelled ones among theirs.
        accuracy: of the chosen fusion; None, as below, where no clip has a label.
        models, fusion: of each model and fusion.
        person: of each fusion's answers adapted to each person.
        seconds, run_id, report: of its training; None where not known.
    """

    name: str
    held_out: tuple[str, ...]
    clips: int
    accuracy: float | None
    models: Mapping[str, float | None]
    fusion: Mapping[FusionKey, float | None]
    person: Mapping[FusionKey, float | None]
    seconds: float | None = None
    run_id: str | None = None
    report: str | None = None


@dataclass(frozen=True)
class FoldMean(JsonDocument):
    """Mean and standard deviation of the folds' accuracies, each fold counting alike; None where too few have one."""

    accuracy: float | None
    standard_deviation: float | None


@dataclass(frozen=True)
class MeanOfFolds(JsonDocument):
    """That of the chosen fusion, of each model and fusion, and of the fusions' adapted answers."""

    chosen: FoldMean = field(metadata=FLAT)
    models: Mapping[str, FoldMean]
    fusion: Mapping[FusionKey, FoldMean]
    person: Mapping[FusionKey, FoldMean]
