"""The report of a run: one HTML file that needs no network, no script and no other file."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from affekt.report.every_model import every_model
from affekt.report.paper_tables import (
    audio_rows,
    fusion_name,
    fusion_rows,
    joint_rows,
    looks_at,
    members_text,
    model_name,
    other_rows,
    person_rows,
    visual_rows,
)
from affekt.storage import appearing

logger = logging.getLogger(__name__)
#: Longer lists are cut in the report; the files beside it hold all of them.
LONGEST_LIST = 40
#: The prefix by which a picture belongs to a clip.
CLIP_PICTURE = "clip:"


def write_report(
    path: Path,
    *,
    evaluation: Mapping[str, Any],
    history: Mapping[str, Path] | None = None,
    settings: Mapping[str, Any] | None = None,
    digests: Mapping[str, Any] | None = None,
    title: str = "affekt: evaluation of an ensemble",
    pictures: Mapping[str, bytes] | None = None,
    decision: Mapping[str, Any] | None = None,
    notice: str | None = None,
    command: str | None = None,
    created: str | None = None,
) -> None:
    """Write the report of an evaluation.

    It holds Tables 1 to 3 of paper.md with this run's figures beside the paper's, Figures 8, 9 and 10 (confusion
    matrices of the best visual model, the best audio model and the fusion), recall by label, reliability, learning
    curves, breakdowns, the most confident mistakes, skipped clips, settings and digests. What was not measured stays
    blank.

    Args:
        path: the HTML file; its folder is made where it is missing.
        evaluation: what :func:`affekt.report.document.evaluate_table` returned.
        history: model name: its ``history.csv``; a file that is not there is left out with a warning.
        settings: nested or flat settings.
        digests: digests of data, code and settings, by name.
        title: heading of the page.
        pictures: PNG, JPEG or SVG files. ``clip:<clip id>`` belongs to a clip; all others are shown under their name,
            as Figure 7.
        decision: of the gate: ``promote`` (bool), ``reasons`` (texts), ``figures``.
        notice: a warning shown before all figures, such as that the clips are samples.
        command: the command line that makes this run again.
        created: when and by what, in words.
    """
    # matplotlib takes half a second to import; only a report needs it.
    from affekt.report import figures

    images = dict(pictures or {})
    evaluation = {"trials": [], "trial_outcomes": [], **evaluation}
    models, fusion = evaluation["models"], evaluation["fusion"]
    labels = evaluation["labels"]
    listed, further = fusion_rows(fusion)
    joint, others = joint_rows(models), other_rows(models)
    best_visual = _best({name: value for name, value in models.items() if looks_at(name) == ("face",)})
    best_audio = _best({name: value for name, value in models.items() if looks_at(name) == ("voice",)})
    chosen = evaluation["chosen"]

    def matrix(values: Mapping[str, Any]) -> str:
        missing = [values["support"][label] - sum(row) for label, row in zip(labels, values["confusion"], strict=True)]
        return _data_uri(figures.confusion_matrix(values["confusion"], labels, no_answer=missing))

    matrices = []
    if best_visual:
        matrices.append(("Figure 8", f"Best visual model: {model_name(best_visual)}", matrix(models[best_visual])))
    if best_audio:
        matrices.append(("Figure 9", f"Best audio model: {model_name(best_audio)}", matrix(models[best_audio])))
    if chosen in fusion:
        matrices.append(("Figure 10", f"Fusion: {_chosen_name(evaluation)}", matrix(evaluation)))
    curves = [(model_name(name), figures.learning_curve(file)) for name, file in _present(history).items()]
    groups = _flatten(settings or {})
    view = {
        "title": title,
        "created": created,
        "notice": notice,
        "decision": decision,
        "e": evaluation,
        "things": evaluation.get("things", "clips"),
        "chosen_name": _chosen_name(evaluation),
        "chosen_members": members_text(fusion[chosen]["models"]) if chosen in fusion else "",
        "summary": summary(evaluation),
        "level": f"{100 * evaluation['confidence']:g}%",
        "tables": [
            ("Table 1", "Visual models", visual_rows(models)),
            ("Table 2", "Audio models", audio_rows(models)),
            *([("", "Face and voice in one network, not in the paper", joint)] if joint else []),
            *([("", "Models of others: what they look at is not known", others)] if others else []),
            ("Table 3", "Fusion", listed),
            *([("", "Further fusions of this run, not in the paper", further)] if further else []),
        ],
        "person_rows": person_rows(evaluation["person"]),
        "matrices": matrices,
        "each": every_model(evaluation, LONGEST_LIST) if len(models) + len(fusion) > 1 else None,
        "reliability": _data_uri(figures.reliability(evaluation["reliability"])) if evaluation["reliability"] else None,
        "balance": _data_uri(figures.class_balance(evaluation["support"])),
        "curves": [(name, _data_uri(image)) for name, image in curves if image],
        "folds": _folds(evaluation),
        "people": _lowest(evaluation["by_subject"]),
        "longest": LONGEST_LIST,
        "paired": [(model_name(name), value) for name, value in evaluation["paired"].items()],
        "thumbnails": {
            name.removeprefix(CLIP_PICTURE): _data_uri(data)
            for name, data in images.items()
            if name.startswith(CLIP_PICTURE)
        },
        "gallery": [(name, _data_uri(data)) for name, data in images.items() if not name.startswith(CLIP_PICTURE)],
        "settings": groups,
        "digests": [(name, value) for rows in _flatten(digests or {}).values() for name, value in rows],
        "command": command,
    }
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(pct=percent, interval=interval, points=points, blank=_blank, p=_p_value)
    environment.globals.update(whiskers=_whiskers, model_name=model_name)
    environment.loader = jinja2.FunctionLoader(_template)
    template = environment.get_template("report.html")
    with appearing(path) as part:
        part.write_text(template.render(view), encoding="utf-8")


def percent(value: float | None) -> str:
    """A share as percent with one decimal; a dash where it was not measured."""
    return "–" if value is None else f"{100 * value:.1f}"


def interval(ends: Sequence[float] | None) -> str:
    """Two shares as a range in percent."""
    return "–" if ends is None else f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}"


def points(value: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "−")


def summary(evaluation: Mapping[str, Any]) -> list[str]:
    """The outcome in sentences: the accuracy and its interval, what always answering one label gives, cautions."""
    clips, people = evaluation["clips"], evaluation["subjects"]
    low, high = evaluation["accuracy_ci95"]
    things = evaluation.get("things", "clips")
    who = f"{clips} {things}" + (f" of {people} {'person' if people == 1 else 'people'}" if people else "")
    first = (
        f"{_subject(evaluation)} names the right one of {len(evaluation['labels'])} emotions "
        f"for {percent(evaluation['accuracy'])}% of {who}; "
        f"the {100 * evaluation['confidence']:g}% interval runs from {percent(low)}% to {percent(high)}%."
    )
    share = evaluation["largest_class_share"]
    always = (
        f"Always answering {evaluation['largest_class']}, the most frequent label, would be right for {percent(share)}%"
    )
    if low > share:
        second = f"{always}: the whole interval lies above that."
    elif high < share:
        second = f"{always}: the whole interval lies below that."
    else:
        second = f"{always}, which lies within the interval: these {things} do not show that it does better."
    lines = [first, second]
    if evaluation["interval_over"] == things:
        lines.append(
            f"The interval comes from resampling {things}, so it says nothing about people who are not in them."
        )
    elif people < 5:
        lines.append(f"With only {people} people the interval is wide, and still a rough guide to further people.")
    return lines


def _template(name: str) -> str:
    return resources.files("affekt.report").joinpath(name).read_text(encoding="utf-8")


def _subject(evaluation: Mapping[str, Any]) -> str:
    """What gave the answers, as the subject of a sentence."""
    return (
        f"{'The fusion' if evaluation['chosen'] in evaluation['fusion'] else 'The model'} ({_chosen_name(evaluation)})"
    )


def _chosen_name(evaluation: Mapping[str, Any]) -> str:
    chosen = evaluation["chosen"]
    return fusion_name(chosen) if chosen in evaluation["fusion"] else model_name(chosen)


def _best(models: Mapping[str, Mapping[str, Any]]) -> str | None:
    return max(models, key=lambda name: models[name]["accuracy"]) if models else None


def _folds(evaluation: Mapping[str, Any]) -> dict[str, Any] | None:
    """The folds of an evaluation protocol, as :func:`affekt.ensemble.pool` lists them; None for a single training."""
    if "folds" not in evaluation:
        return None
    models, mean = list(evaluation["models"]), evaluation["mean_of_folds"]
    rows = [
        {
            **{key: fold[key] for key in ("name", "clips", "accuracy")},
            # A fold that is one person bears that person's name already.
            "people": "" if fold["held_out"] == [fold["name"]] else ", ".join(fold["held_out"][:LONGEST_LIST]),
            "models": [fold["models"][name] for name in models],
        }
        for fold in evaluation["folds"]
    ]
    return {
        "names": [model_name(name) for name in models],
        "rows": rows,
        "mean": mean["accuracy"],
        "means": [mean["models"][name]["accuracy"] for name in models],
    }


def _lowest(groups: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    return sorted(groups.items(), key=lambda item: (item[1]["accuracy"], item[0]))[:LONGEST_LIST]


def _present(history: Mapping[str, Path] | None) -> dict[str, Path]:
    there = {}
    for name, path in (history or {}).items():
        if Path(path).is_file():
            there[name] = Path(path)
        else:
            logger.warning("no learning curve of %s: %s is not there", name, path)
    return there


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
                groups.setdefault(group if dot else "", []).append((name, _blank(value)))

    add("", values)
    return {name: rows for name, rows in groups.items() if rows}


def _blank(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(_blank, value)) if isinstance(value, list | tuple) else str(value)


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _data_uri(data: bytes) -> str:
    if data.startswith(b"\x89PNG"):
        kind = "png"
    elif data.startswith(b"\xff\xd8"):
        kind = "jpeg"
    elif b"<svg" in data[:1000]:
        kind = "svg+xml"
    else:
        raise ValueError("a picture of the report is neither PNG nor JPEG nor SVG")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _whiskers(figures: Mapping[str, Any] | None, paper: float | None, share: float) -> Markup:
    """A row's accuracy as a dot on its interval, from 0 to 100 %, with marks for the paper and the largest class."""
    marks = [
        '<line x1="0" x2="200" y1="9" y2="9" class="axis"/>',
        f'<line x1="{200 * share:.1f}" x2="{200 * share:.1f}" y1="1" y2="17" class="share"/>',
    ]
    text = "not measured in this run"
    if figures:
        low, high = figures["accuracy_ci95"]
        marks.append(
            f'<rect class="range" x="{200 * low:.1f}" width="{200 * (high - low):.1f}" y="6" height="6" rx="2"/>'
            f'<circle cx="{200 * figures["accuracy"]:.1f}" cy="9" r="4.2" class="dot"/>'
        )
        text = f"{percent(figures['accuracy'])}%, interval {interval(figures['accuracy_ci95'])}%"
    if paper is not None:
        marks.append(f'<path d="M{2 * paper:.1f} 3.5 l4.5 5.5 l-4.5 5.5 l-4.5 -5.5 z" class="paper"/>')
        text += f"; the paper {paper}%"
    return Markup('<svg class="whiskers" viewBox="-4 0 208 18" role="img" aria-label="{}">{}</svg>').format(
        text, Markup("".join(marks))
    )
