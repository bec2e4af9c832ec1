"""``affekt evaluate``: score labelled clips, or still images, with a registered model."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.answering_pool import FEWEST_CLIPS, ready
from affekt.counted import counted, of_whom
from affekt.dataset import unit_of
from affekt.dataset.file_names import CLIP_SUFFIXES, suffix_of
from affekt.dataset.several import places_of
from affekt.dataset.split_asked import require_split
from affekt.errors import naming
from affekt.home import home
from affekt.pipelines.cli.data_sets import data_meant
from affekt.pipelines.cli.outputs import check_output, figures_kept, write_output
from affekt.pipelines.cli.remarks import remark
from affekt.progress import told_when_slow

if TYPE_CHECKING:
    from affekt.report.document import Evaluation
    from affekt.statistics import Figures
    from affekt.statistics.adaptation import AdaptationCurve
    from affekt.steps.evaluate_model import ModelEvaluation

#: So many clips that could not be used for the same reason are named one by one.
_NAMED = 5


def main(options: argparse.Namespace) -> int:
    """Print the figures, or write them as JSON."""
    data = data_meant(options)
    file = options.json if options.json != "-" else None
    for output in filter(None, (file, options.report)):
        check_output(output)
    with ready(_clips_seen(data), FEWEST_CLIPS):
        found = _evaluated(options, data)
    document = found.evaluation.to_dict()
    as_json = options.json == "-"
    if not as_json:
        show(found.evaluation)
    failed: dict[str, Any] = {}
    with figures_kept(failed) if as_json else contextlib.nullcontext():
        if file:
            write_output(file, json.dumps(document, indent=2))
        if options.report:
            from affekt.report.page import write_report  # heavy: plots
            from affekt.steps.evaluate_model import evaluate_command  # heavy: pandas

            with naming(options.report):
                command = evaluate_command(data, options.model, options.split, options.labels)
                write_report(Path(options.report), found.report(command))
            remark(f"report: {options.report}")
    if as_json:
        print(json.dumps({**document, **failed}, indent=2))
    return 1 if failed else 0


def _clips_seen(data: str) -> int:
    """How many clips a glance at the folders of this machine shows, up to the number that one process answers alone."""
    names = (name for place in places_of(data) for _, _, found in os.walk(place) for name in found)
    clips = (name for name in names if suffix_of(name) in CLIP_SUFFIXES)
    return sum(1 for _ in islice(clips, FEWEST_CLIPS))


def _evaluated(options: argparse.Namespace, data: str) -> ModelEvaluation:
    from affekt.registry.models import resolve  # heavy, and what answers imports meanwhile
    from affekt.registry.tracking import Tracking  # as above

    with told_when_slow(f"looking for {options.model}"):
        folder = resolve(options.model, Tracking())
    require_split(data, options.split)
    from affekt.checks import check_before, remarks  # heavy: OpenCV, after what may be refused
    from affekt.ensemble import Ensemble  # heavy: models
    from affekt.steps.evaluate_model import evaluate_model  # heavy: pandas

    report = check_before(data, learns=False, images=unit_of(data) == "images")
    if said := remarks(report, data):
        remark(f"affekt: {said}")
    with told_when_slow(f"loading {options.model}"):
        ensemble = Ensemble.load(folder, later=True).among(options.labels)
    return evaluate_model(ensemble, data, home() / "store", model=options.model, split=options.split)


def show(evaluation: Evaluation) -> None:
    """Print an evaluation as a table."""
    from affekt.report.wording import (  # heavy
        behind_a_model,
        calibration,
        learned_before,
        of_nobody,
        other_recipe,
        out_of_depth,
        points,
        points_interval,
    )

    found, person = evaluation.figures, evaluation.person
    asked = of_whom(found.clips, len(evaluation.by_subject), evaluation.unnamed, evaluation.unit, "subjects")
    among = f", among {', '.join(evaluation.known_labels)}" if evaluation.known_labels else ""
    print(f"{asked}, model {evaluation.model}{among}")
    print(f"{'':<28}{'accuracy':>9}  {'95 % interval':>15}  {'average recall':>14}")
    for name, figures in evaluation.models.items():
        print(_row(name, figures))
    if evaluation.fusion:
        print(_row(f"fusion: {evaluation.chosen}", found))
    if person.chosen:
        print(_row("with their other clips", person.chosen.figures))
    print(f"{'largest class':<28}{found.largest_class_share:>9.1%}")
    if person.chosen:
        paired = person.chosen.paired
        gain = f"{points(paired.difference)} points ({points_interval(paired.ci95)})"
        print(
            "with their other clips: the fusion adapted, without labels, to each person with two clips or more "
            f"({counted(person.people, 'people')}); {gain}"
        )
    elif evaluation.unit == "clips":
        print(f"not adapted to each person: {person.reason}")
    if evaluation.adaptation:
        known = evaluation.adaptation.points[0]
        some = f" ({known.clips} of {counted(found.clips, evaluation.unit)})" if known.clips < found.clips else ""
        print(f"by the clips of a person that are known{some}: {_curve(evaluation.adaptation)}")
    for told in (of_nobody, learned_before, behind_a_model, calibration, out_of_depth, other_recipe):
        if said := told(evaluation):
            print(said)
    if evaluation.power:
        print(evaluation.power.told(evaluation.unit))
    for line in _remarks(evaluation):
        print(line)


def _curve(found: AdaptationCurve) -> str:
    """The accuracy by the number of known clips; where only some people have so many, beside their plain one."""
    steps, everybody = [], found.points[0].people
    for point in found.points:
        fewer = f" ({counted(point.people, 'people')}, plain {point.plain:.1%})" if point.people < everybody else ""
        steps.append(f"{point.known}: {point.accuracy:.1%}{fewer}")
    return ", ".join(steps)


def _remarks(evaluation: Evaluation) -> list[str]:
    """What could not be used, whole or in part: a line for each clip, or for many alike."""
    alike: dict[str, list[str]] = {}
    for item in evaluation.skipped:
        alike.setdefault(item.reason, []).append(item.clip)
    lines = []
    for reason, clips in alike.items():
        if len(clips) <= _NAMED:
            lines += [f"{clip}: {reason}" for clip in clips]
        else:
            lines.append(f"{counted(len(clips), evaluation.unit)}, such as {clips[0]}: {reason}")
    return lines


def _row(name: str, figures: Figures) -> str:
    low, high = figures.accuracy_ci95
    recall = figures.unweighted_average_recall
    return f"{name:<28}{figures.accuracy:>9.1%}  {low:>6.1%} – {high:>6.1%}  {recall:>14.1%}"
