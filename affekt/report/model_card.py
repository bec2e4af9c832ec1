"""The model card of an ensemble, made from its evaluation: what it is for, what it learned from, how good it is."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from affekt.counted import counted, of_whom
from affekt.errors import printable
from affekt.extensions import model_specs
from affekt.report.document import Evaluation
from affekt.report.wording import calibration, chosen_name, interval, percent, summary
from affekt.statistics.metrics import GroupFigures

#: Rows of a table; a card is read, and MLflow's description of a version holds 5000 characters.
_ROWS = 12


@dataclass(frozen=True)
class CardFacts:
    """What a card tells besides the evaluation.

    Attributes:
        name: in the registry.
        data: the data set's name, no place; ``data_digest``: of its index.
        models: that are fused.
        revision: of the code, ``""`` where not known.
        packages: versions by name.
        licences: a line each, of what was started from.
        sample: whether sample clips are among the data.
    """

    name: str
    data: str
    data_digest: str
    models: tuple[str, ...]
    revision: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    licences: tuple[str, ...] = ()
    sample: bool = False


def model_card(evaluation: Evaluation, facts: CardFacts) -> str:
    """The card in Markdown."""
    return (
        "\n".join([*_head(evaluation, facts), *_figures(evaluation), *_limits(evaluation, facts), *_licences(facts)])
        + "\n"
    )


def _head(evaluation: Evaluation, facts: CardFacts) -> Iterator[str]:
    yield f"# {facts.name}"
    yield ""
    if facts.sample:
        yield "**Trained or evaluated on sample clips: no figure here says anything about people's emotions.**"
        yield ""
    yield (
        f"Tells which of {counted(len(evaluation.labels), 'emotions')} ({', '.join(evaluation.labels)}) a person "
        f"shows in a video clip, from {_looks_at(facts)}. Fuses {', '.join(facts.models)}; "
        f"{chosen_name(evaluation)} answers."
    )
    yield ""
    yield "## Intended use"
    yield ""
    yield (
        "Research, and the sorting of clips where a person looks at what matters. Not for decisions about a person "
        "(work, school, credit, care, law), not for finding out whether somebody lies, and not for people who did not "
        "agree."
    )
    yield ""
    yield "## Data"
    yield ""
    yield f"- `{facts.data or 'not known'}`, digest `{facts.data_digest[:16]}`"
    yield f"- evaluated on the split {evaluation.split}: {_counts(evaluation)}"
    for code, number in sorted(evaluation.skipped_by_code.items()):
        yield f"- {number} could not be used, wholly or in part: {code}"
    yield ""


def _figures(evaluation: Evaluation) -> Iterator[str]:
    found = evaluation.figures
    yield "## Figures"
    yield ""
    yield " ".join(summary(evaluation))
    yield ""
    low, high = found.unweighted_average_recall_ci95
    yield (
        f"Mean of the labels' recalls: {percent(found.unweighted_average_recall)}% ({interval((low, high))}). "
        + (calibration(evaluation) or f"Calibration error: {percent(found.expected_calibration_error)} points.")
    )
    yield ""
    yield "| emotion | recall, % | precision, % | of |"
    yield "|---|---|---|---|"
    for label in evaluation.labels:
        shown = percent(found.recall[label]), percent(found.precision[label]), found.support[label]
        yield f"| {label} | {shown[0]} | {shown[1]} | {shown[2]} |"
    yield ""
    yield from _groups("subject", evaluation.by_subject, evaluation.unit)
    for attribute, groups in evaluation.by_attribute.items():
        if len(groups) > 1:
            yield from _groups(attribute, groups, evaluation.unit)


def _groups(name: str, groups: Mapping[str, GroupFigures], unit: str) -> Iterator[str]:
    if not groups:
        return
    yield f"| {_text(name)} | accuracy, % | interval | {unit} |"
    yield "|---|---|---|---|"
    worst_first = sorted(groups.items(), key=lambda item: (item[1].accuracy, item[0]))
    for group, figures in worst_first[:_ROWS]:
        yield f"| {_text(group)} | {percent(figures.accuracy)} | {interval(figures.accuracy_ci95)} | {figures.clips} |"
    if len(groups) > _ROWS:
        yield f"| {len(groups) - _ROWS} better ones | | | |"
    yield ""


def _text(name: str) -> str:
    """A name of the data within a table of Markdown."""
    return html.escape(printable(" ".join(name.split())), quote=False).replace("|", "\\|")


def _looks_at(facts: CardFacts) -> str:
    """What the models look at: ``face and voice``, ``the face alone`` or ``the voice alone``."""
    known = model_specs()
    seen = {modality for name in facts.models if name in known for modality in known[name].modalities}
    return f"the {next(iter(seen))} alone" if len(seen) == 1 else "face and voice"


def _limits(evaluation: Evaluation, facts: CardFacts) -> Iterator[str]:
    found = evaluation.figures
    yield "## Limits"
    yield ""
    shown = {"the face alone": "a face shows", "the voice alone": "a voice shows"}.get(_looks_at(facts))
    yield (
        f"- It names what {shown or 'a face and a voice show'}, as whoever labelled the clips saw it, and not what a "
        "person feels."
    )
    if not found.subjects:
        yield f"- Of how many people the evaluated {evaluation.unit} are is not known."
    elif found.subjects < 20:
        people = counted(found.subjects, "people")
        yield f"- It was evaluated on {people}: little is known about others and their groups."
    missing = [label for label in evaluation.labels if not found.support[label]]
    if missing:
        yield f"- Nothing is known about {', '.join(missing)}: no evaluated one shows it."
    weak = [label for label in evaluation.labels if (found.recall[label] or 0) < 0.5 and found.support[label]]
    if weak:
        yield f"- It misses more than half of {', '.join(weak)}."
    yield "- Other languages, ages, cameras and rooms than those of the data were not evaluated."
    yield ""


def _licences(facts: CardFacts) -> Iterator[str]:
    yield "## Licences and versions"
    yield ""
    yield "- code: MIT; data: as their owner says, which binds the model too"
    yield from (f"- {line}" for line in facts.licences)
    if facts.revision:
        yield f"- revision {facts.revision}"
    if facts.packages:
        yield "- " + ", ".join(f"{name} {version}" for name, version in sorted(facts.packages.items()))


def _counts(evaluation: Evaluation) -> str:
    found = evaluation.figures
    return of_whom(found.clips, found.subjects, evaluation.unnamed, evaluation.unit)


def licences_of(manifest: Mapping[str, Any], published: Mapping[str, str]) -> tuple[str, ...]:
    """A line for each checkpoint that a model of the ensemble started from; settings name those of others, too.

    Args:
        manifest: of the ensemble.
        published: the licence of each published checkpoint, by name.
    """
    lines = []
    settings = manifest.get("settings", {})
    members = manifest.get("members", settings)
    for group, values in sorted(settings.items()):
        start = values.get("pretrained") if isinstance(values, Mapping) else None
        if start and group in members:
            known = published.get(str(start), "its licence is not known here")
            lines.append(f"{group} started from {start}: {known}")
    return tuple(lines)
