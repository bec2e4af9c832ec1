"""The part of the report that holds every model and fusion of a run side by side, and any two against each other."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from affekt.report.document import Evaluation, fusion_source, model_source
from affekt.report.paper_tables import members_text, method_name, model_name
from affekt.report.small_pictures import small_confusion, small_reliability
from affekt.statistics.metrics import Figures
from affekt.statistics.pairs import Pair


@dataclass(frozen=True)
class Source:
    """A model or a fusion: its name, the fused models where they are not all, its figures, and pictures of them."""

    name: str
    detail: str
    figures: Figures
    confusion: Markup
    reliability: Markup

    @property
    def title(self) -> str:
        """Name and models in one line."""
        return f"{self.name} ({self.detail})" if self.detail else self.name


@dataclass(frozen=True)
class Cell:
    """How much more often the row is right than the column, p of McNemar's test, and the interval of the gain."""

    gain: float
    p: float
    interval: tuple[float, float]

    @property
    def decided(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.interval[0] > 0 or self.interval[1] < 0


@dataclass(frozen=True)
class Line:
    """A row of the table of differences: the number and title of its model, and a cell for each one before it."""

    number: int
    title: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Group:
    """A group of clips by attribute and value, and the accuracy of each model and fusion in it."""

    attribute: str
    value: str
    shares: tuple[float, ...]


@dataclass(frozen=True)
class EveryModel:
    """What the template ``every_model.html`` shows of an evaluation."""

    labels: tuple[str, ...]
    sources: tuple[Source, ...]
    lines: tuple[Line, ...]
    groups: tuple[Group, ...]


def every_model(evaluation: Evaluation, longest: int) -> EveryModel:
    """Every model and fusion side by side.

    Args:
        evaluation: of a run.
        longest: how many subjects are listed, the lowest first.
    """
    sources = _sources(evaluation)
    return EveryModel(
        evaluation.labels,
        tuple(sources.values()),
        _lines(evaluation.pairs, sources),
        _groups(evaluation, tuple(sources), longest),
    )


def _sources(evaluation: Evaluation) -> dict[str, Source]:
    named = {model_source(name): (model_name(name), "", figures) for name, figures in evaluation.models.items()}
    # A fusion that names its models, and they are all that the ensemble fuses, is there without their names already.
    whole = {(found.method, found.models) for key, found in evaluation.fusion.items() if key.models is None}
    for key, found in evaluation.fusion.items():
        if key.models is not None and (found.method, found.models) in whole:
            continue
        detail = "" if found.models == tuple(evaluation.models) else members_text(found.models)
        named[fusion_source(key)] = (f"Fusion: {method_name(found.method)}", detail, found.figures)
    return {
        key: Source(
            name,
            detail,
            figures,
            small_confusion(figures.confusion, evaluation.labels),
            small_reliability(figures.reliability),
        )
        for key, (name, detail, figures) in named.items()
    }


def _lines(pairs: tuple[Pair, ...], sources: dict[str, Source]) -> tuple[Line, ...]:
    found = {(pair.a, pair.b): pair.paired for pair in pairs}
    names, lines = list(sources), []
    for number, key in enumerate(names):
        compared = [found[other, key] for other in names[:number] if (other, key) in found]
        if compared:
            cells = (Cell(paired.difference, paired.mcnemar_p, paired.ci95) for paired in compared)
            lines.append(Line(number + 1, sources[key].title, tuple(cells)))
    return tuple(lines)


def _groups(evaluation: Evaluation, names: tuple[str, ...], longest: int) -> tuple[Group, ...]:
    lowest = sorted(evaluation.by_subject.items(), key=lambda item: (item[1].accuracy, item[0]))[:longest]
    return tuple(
        Group(attribute, value, tuple(figures.accuracy_of[name] for name in names))
        for attribute, values in {**evaluation.by_attribute, "subject": dict(lowest)}.items()
        for value, figures in values.items()
        if figures.accuracy_of
    )
