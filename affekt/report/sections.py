"""The parts of the report: what each section of the page shows of an evaluation."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.extensions import model_spec
from affekt.report import drawing
from affekt.report.document import Evaluation
from affekt.report.every_model import EveryModel, every_model
from affekt.report.paper_tables import (
    Row,
    audio_rows,
    fusion_rows,
    joint_rows,
    looks_at,
    members_text,
    model_name,
    other_rows,
    person_rows,
    visual_rows,
)
from affekt.report.report import Report
from affekt.report.wording import chosen_name, plain, summary
from affekt.statistics.metrics import Figures, GroupFigures
from affekt.statistics.paired import Paired

logger = logging.getLogger(__name__)
#: Longer lists are cut in the report; the files beside it hold all of them.
LONGEST_LIST = 40
#: Lists of more rows than this are folded.
SHORT_LIST = 12


@dataclass(frozen=True)
class Table:
    """A table of results: ``Table 1`` or nothing, its heading, and its rows."""

    number: str
    heading: str
    rows: list[Row]


@dataclass(frozen=True)
class Picture:
    """A picture as the address of its data, under its number or none and its name."""

    number: str
    name: str
    address: str


@dataclass(frozen=True)
class FoldRow:
    """A fold: its name, the people that it was evaluated on where the name does not tell, and its accuracies."""

    name: str
    people: str
    clips: int
    accuracy: float | None
    models: list[float | None]


@dataclass(frozen=True)
class FoldTable:
    """The folds of an evaluation protocol: the names of the models, a row a fold, and the means."""

    names: list[str]
    rows: list[FoldRow]
    mean: float | None
    means: list[float | None]


@dataclass(frozen=True)
class Sections:
    """What the template ``report.html`` shows besides the evaluation's own figures."""

    chosen_name: str
    chosen_members: str
    level: str
    summary: list[str]
    tables: list[Table]
    person_rows: list[Row]
    paired: list[tuple[str, Paired]]
    matrices: list[Picture]
    balance: str
    reliability: str | None
    each: EveryModel | None
    curves: list[Picture]
    folds: FoldTable | None
    people: list[tuple[str, GroupFigures]]
    faces: dict[str, str]
    gallery: list[Picture]
    decided: str | None
    settings: dict[str, list[tuple[str, str]]]
    digests: list[tuple[str, str]]
    longest: int = LONGEST_LIST
    short: int = SHORT_LIST


def sections(report: Report) -> Sections:
    """The parts of a report."""
    figures = drawing.figures()
    evaluation = report.evaluation
    fusion = evaluation.chosen_fusion
    bins = evaluation.figures.reliability
    decision = report.decision
    return Sections(
        chosen_name=chosen_name(evaluation),
        chosen_members=members_text(fusion.models) if fusion else "",
        level=f"{100 * evaluation.figures.confidence:g}%",
        summary=summary(evaluation),
        tables=_tables(evaluation),
        person_rows=person_rows(evaluation.person),
        paired=[(model_name(name), paired) for name, paired in evaluation.paired.items()],
        matrices=_matrices(evaluation),
        balance=_address(figures.class_balance(evaluation.figures.support)),
        reliability=_address(figures.reliability(bins)) if bins else None,
        decided=_address(figures.paired_differences(decision.whole, decision.parts))
        if decision and decision.whole and decision.parts
        else None,
        each=every_model(evaluation, LONGEST_LIST) if len(evaluation.sources()) > 1 else None,
        curves=_curves(report.history),
        folds=_folds(evaluation),
        people=sorted(evaluation.by_subject.items(), key=lambda item: (item[1].accuracy, item[0]))[:LONGEST_LIST],
        faces={clip: _address(data) for clip, data in report.faces.items()},
        gallery=[Picture("", name, _address(data)) for name, data in report.pictures.items()],
        settings=_flatten(report.settings),
        digests=[row for rows in _flatten(report.digests).values() for row in rows],
    )


def _tables(evaluation: Evaluation) -> list[Table]:
    models = evaluation.models
    listed, further = fusion_rows(evaluation.fusion)
    tables = [
        Table("Table 1", "Visual models", visual_rows(models)),
        Table("Table 2", "Audio models", audio_rows(models)),
        Table("", "Face and voice in one network, not in the paper", joint_rows(models)),
        Table("", "Models of others: what they look at is not known", other_rows(models)),
        Table("Table 3", "Fusion", listed),
        Table("", "Further fusions of this run, not in the paper", further),
    ]
    return [table for table in tables if table.number or table.rows]


def _matrices(evaluation: Evaluation) -> list[Picture]:
    """Figures 8, 9 and 10: a visual model, an audio model, and the fusion.

    The models are those that did best in the paper, of which there are figures, or else, of models that the paper does
    not have, the first: not those that do best on the clips that the figures are of.
    """
    confusion_matrix = drawing.figures().confusion_matrix

    def drawn(number: str, name: str, found: Figures) -> Picture:
        rows = zip(evaluation.labels, found.confusion, strict=True)
        missing = [found.support[label] - sum(row) for label, row in rows]
        return Picture(number, name, _address(confusion_matrix(found.confusion, evaluation.labels, no_answer=missing)))

    models = evaluation.models
    matrices = []
    for number, what, modalities in (("Figure 8", "visual", ("face",)), ("Figure 9", "audio", ("voice",))):
        group = {name: found for name, found in models.items() if looks_at(name) == modalities}
        if group:
            shown = max(group, key=lambda name: model_spec(name).paper or 0.0)
            known = model_spec(shown).paper is not None
            which = f"The paper's best {what} model here" if known else f"A {what} model that the paper does not have"
            matrices.append(drawn(number, f"{which}: {model_name(shown)}", group[shown]))
    if evaluation.chosen_fusion:
        matrices.append(drawn("Figure 10", f"Fusion: {chosen_name(evaluation)}", evaluation.figures))
    return matrices


def _curves(history: Mapping[str, Path]) -> list[Picture]:
    learning_curve = drawing.figures().learning_curve
    curves = []
    for name, path in history.items():
        if not path.is_file():
            logger.warning("no learning curve of %s: %s is not there", name, path)
        elif (image := learning_curve(path)) is not None:
            curves.append(Picture("", model_name(name), _address(image)))
    return curves


def _folds(evaluation: Evaluation) -> FoldTable | None:
    """The folds of an evaluation protocol; None for a single training."""
    if evaluation.folds is None or evaluation.mean_of_folds is None:
        return None
    models, mean = list(evaluation.models), evaluation.mean_of_folds
    rows = [
        FoldRow(
            fold.name,
            # A fold that is one person bears that person's name already.
            "" if fold.held_out == (fold.name,) else ", ".join(fold.held_out[:LONGEST_LIST]),
            fold.clips,
            fold.accuracy,
            [fold.models[name] for name in models],
        )
        for fold in evaluation.folds
    ]
    means = [mean.models[name].accuracy for name in models]
    return FoldTable([model_name(name) for name in models], rows, mean.chosen.accuracy, means)


def _flatten(values: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Groups of (key, value text); keys of the top level come first, under ``""``."""
    groups: dict[str, list[tuple[str, str]]] = {"": []}

    def add(prefix: str, inner: Mapping[str, Any]) -> None:
        for key, value in inner.items():
            name = f"{prefix}{key}"
            if isinstance(value, Mapping):
                add(f"{name}.", value)
            else:
                group, dot, _ = name.partition(".")
                groups.setdefault(group if dot else "", []).append((name, plain(value)))

    add("", values)
    return {name: rows for name, rows in groups.items() if rows}


def _address(data: bytes) -> str:
    """A picture as a ``data:`` address."""
    if data.startswith(b"\x89PNG"):
        kind = "png"
    elif data.startswith(b"\xff\xd8"):
        kind = "jpeg"
    elif b"<svg" in data[:1000]:
        kind = "svg+xml"
    else:
        raise ValueError("a picture of the report is neither PNG nor JPEG nor SVG")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
