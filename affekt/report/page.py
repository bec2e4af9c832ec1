"""The page of a report: one HTML file that needs no network, no script and no other file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import jinja2

from affekt.counted import counted
from affekt.report import wording
from affekt.report.paper_tables import model_name
from affekt.report.report import Report
from affekt.report.sections import sections
from affekt.report.small_pictures import whiskers
from affekt.storage.files import appearing


def write_report(path: Path, report: Report) -> None:
    """Write a report.

    It holds Tables 1 to 3 of paper.md with this run's figures beside the paper's, Figures 8, 9 and 10 (confusion
    matrices of the best visual model, the best audio model and the fusion), recall by label, reliability, learning
    curves, breakdowns, the most confident mistakes, skipped clips, settings and digests. What was not measured stays
    blank.

    Args:
        path: the HTML file; its folder is made where it is missing.
        report: what it tells.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        pct=wording.percent,
        interval=wording.interval,
        points=wording.points,
        points_interval=wording.points_interval,
        p=wording.p_value,
        counted=counted,
    )
    environment.globals.update(whiskers=whiskers, model_name=model_name, calibration=wording.calibration)
    environment.loader = jinja2.FunctionLoader(_template)
    text = environment.get_template("report.html").render(
        report=report, e=report.evaluation, f=report.evaluation.figures, s=sections(report)
    )
    with appearing(path) as part:
        part.write_text(text, encoding="utf-8")


def _template(name: str) -> str:
    return resources.files("affekt.report").joinpath(name).read_text(encoding="utf-8")
