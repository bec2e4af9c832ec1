"""The folder of an evaluation: its document, facts, learning curves and pictures, and the report made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from affekt.extensions import model_spec, named
from affekt.json_document import JsonDocument
from affekt.media import PreparedIndex
from affekt.models.explainer import Explainer
from affekt.report.document import Evaluation
from affekt.report.page import write_report
from affekt.report.report import Decided, Report
from affekt.report.thumbnails import face_of
from affekt.samples.write import SAMPLE_SOURCE
from affekt.steps.gate_outcome import GateOutcome
from affekt.store import PreparedStore

EVALUATION, REPORT, FIGURE7, HISTORY = "evaluation.json", "report.html", "figure7", "history"
_FACTS, _FACES = "facts.json", "faces"
SAMPLE_NOTICE = (
    "These are sample clips: an animated photograph with a synthetic voice. No figure here says anything about "
    "recognising people's emotions."
)


@dataclass(frozen=True)
class Facts(JsonDocument):
    """What a report tells besides the figures.

    Attributes:
        settings: of the run, nested.
        digests: of data, code and settings, by name.
        packages: versions of the packages that trained.
        sample: whether any clip is a sample clip.
        created: when, ISO 8601.
        title: heading of the report.
    """

    settings: Mapping[str, Any]
    digests: Mapping[str, Any]
    packages: Mapping[str, str]
    sample: bool
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    title: str = "affekt: training report"


def read_evaluation(folder: Path) -> Evaluation:
    """The document in an evaluation's folder.

    Raises:
        DataError: it is not an evaluation's.
    """
    path = folder / EVALUATION
    return Evaluation.from_dict(json.loads(path.read_text(encoding="utf-8")), str(path))


def read_facts(folder: Path) -> Facts:
    """What a report tells besides the figures of an evaluation's folder."""
    path = folder / _FACTS
    return Facts.from_dict(json.loads(path.read_text(encoding="utf-8")), str(path))


def write_evaluation(folder: Path, evaluation: Evaluation, facts: Facts) -> None:
    """Write ``evaluation.json`` and ``facts.json`` into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in ((EVALUATION, evaluation), (_FACTS, facts)):
        (folder / name).write_text(json.dumps(document.to_dict(), indent=2), encoding="utf-8")


def holds_samples(index: PreparedIndex) -> bool:
    """Whether any clip of a prepared set is a sample clip."""
    return any(row.attributes.get("source") == SAMPLE_SOURCE for row in index)


def draw_faces(folder: Path, evaluation: Evaluation, index: PreparedIndex, store: PreparedStore) -> None:
    """The middle face of each clip that the report shows, as ``faces/<number>.jpg``."""
    (folder / _FACES).mkdir(parents=True, exist_ok=True)
    rows = {row.clip: row for row in index}
    for number, clip in enumerate(evaluation.pictured):
        picture = face_of(store.get(rows[clip].key))
        if picture:
            _face(folder, number).write_bytes(picture)


def draw_figure7(folder: Path, members: Mapping[str, Path], index: PreparedIndex, store: PreparedStore) -> None:
    """Figure 7: what each model that can be explained takes for each label, and where on a face of that label it looks.

    Args:
        folder: of the evaluation; nothing is written where no member can be explained.
        members: the folders of the ensemble's members by name.
        index: the evaluated clips, the first of each label with a face is shown.
        store: where they are.
    """
    explained = [model_spec(name) for name in members if model_spec(name).explain]
    for spec in explained:
        out = folder / FIGURE7
        out.mkdir(parents=True, exist_ok=True)
        explainer: Explainer = named(spec.explain, f"the model {spec.name!r}")(members[spec.name])
        of = f"{spec.title}, " if len(explained) > 1 else ""
        for label in explainer.labels:
            own = explainer.class_model(label, iterations=20)
            (out / f"{of}{label}, the network's own picture.png").write_bytes(own)
            clips = (store.get(row.key) for row in index if row.label == label and row.frames_with_face)
            clip = next(clips, None)
            if clip is not None:
                face = np.asarray(clip.faces[clip.face_frames[len(clip.face_frames) // 2]])
                (out / f"{of}{label}, on a face of the split.png").write_bytes(explainer.grad_cam(face, label))


def render(folder: Path, path: Path, outcome: GateOutcome | None = None) -> None:
    """Write the report of an evaluation's folder.

    Args:
        folder: with what the other functions here wrote, and learning curves below ``history``.
        path: the HTML file.
        outcome: of the gate, where it has decided.
    """
    facts = read_facts(folder)
    evaluation = read_evaluation(folder)
    faces = {
        clip: _face(folder, number).read_bytes()
        for number, clip in enumerate(evaluation.pictured)
        if _face(folder, number).is_file()
    }
    report = Report(
        evaluation,
        history={file.stem: file for file in sorted((folder / HISTORY).glob("*.csv"))},
        settings=facts.settings,
        digests=facts.digests,
        title=facts.title,
        faces=faces,
        pictures={file.stem: file.read_bytes() for file in sorted((folder / FIGURE7).glob("*.png"))},
        decision=Decided(outcome.decision.promote, outcome.decision.reasons, outcome.whole, outcome.parts)
        if outcome
        else None,
        notice=SAMPLE_NOTICE if facts.sample else None,
        created=facts.created,
    )
    write_report(path, report)


def _face(folder: Path, number: int) -> Path:
    return folder / _FACES / f"{number:02d}.jpg"
