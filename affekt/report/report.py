"""What the report of a run tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from affekt.report.document import Evaluation
from affekt.statistics.differences import Difference, Differences


@dataclass(frozen=True)
class Decided:
    """Whether the gate promotes the ensemble, and why in sentences.

    ``whole`` and ``parts`` are how it compares with the champion, where both answered.
    """

    promote: bool
    reasons: Sequence[str]
    whole: Difference | None = None
    parts: Differences | None = None


@dataclass(frozen=True)
class Report:
    """What a report tells.

    Attributes:
        evaluation: the figures.
        history: model name: its ``history.csv``; a file that is not there is left out with a warning.
        settings: nested or flat settings.
        digests: digests of data, code and settings, by name.
        title: heading of the page.
        faces: JPEG by clip, for the most confident mistakes.
        pictures: PNG, JPEG or SVG files, shown under their name as Figure 7.
        decision: of the gate.
        notice: a warning shown before all figures, such as that the clips are samples.
        command: the command line that makes this run again.
        created: when and by what, in words.
    """

    evaluation: Evaluation
    history: Mapping[str, Path] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    digests: Mapping[str, Any] = field(default_factory=dict)
    title: str = "affekt: evaluation of an ensemble"
    faces: Mapping[str, bytes] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    decision: Decided | None = None
    notice: str | None = None
    command: str | None = None
    created: str | None = None
