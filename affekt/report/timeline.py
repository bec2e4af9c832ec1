"""A page that shows a video with what was answered in each of its windows under it, and stands beside the video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

#: A colour a label, told apart by people who see few colours as well (Okabe and Ito 2008).
_COLOURS = ("#D55E00", "#009E73", "#0072B2", "#F0E442", "#56B4E9", "#CC79A7", "#8C8C8C", "#E69F00")


def write_timeline(path: Path, video: Path, windows: Sequence[Mapping[str, Any]], model: str) -> None:
    """Write the page.

    Args:
        path: the HTML file; best in the folder of the video, which it shows by its name.
        video: the video.
        windows: as ``affekt predict --every --json`` gives them: ``from`` and ``to`` in seconds, and either
            ``probabilities``, with ``warnings``, or ``error``.
        model: the reference that answered.
    """
    labels = list(next((window["probabilities"] for window in windows if "error" not in window), {}))
    length = max((window["to"] for window in windows), default=0.0) or 1.0
    bands = []
    for window in windows:
        below = 0.0
        parts = []
        for label, colour in zip(labels, _COLOURS * 4, strict=False):
            share = 0.0 if "error" in window else window["probabilities"][label]
            parts.append({"colour": colour, "top": 100 * below, "height": 100 * share})
            below += share
        first, last = window["from"], window["to"]
        bands.append(
            {
                "left": 100 * first / length,
                "width": 100 * (last - first) / length,
                "parts": parts,
                "start": first,
                "says": _says(window),
            }
        )
    source = resources.files("affekt.report").joinpath("timeline.html").read_text(encoding="utf-8")
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    try:
        shown = quote(str(video.resolve().relative_to(path.resolve().parent)))
    except ValueError:
        shown = video.resolve().as_uri()
    text = page.render(
        name=video.name, video=shown, bands=bands, model=model, rows=[{**w, "says": _says(w)} for w in windows],
        legend=list(zip(labels, _COLOURS * 4, strict=False)),
    )  # fmt: skip
    path.write_text(text, encoding="utf-8")


def _says(window: Mapping[str, Any]) -> str:
    span = f"{window['from']:.1f}–{window['to']:.1f} s"
    if "error" in window:
        return f"{span}: {window['error']['message']}"
    told = "; ".join(window.get("warnings", ()))
    return f"{span}: {window['label']} {window['confidence']:.0%}{told and f' [{told}]'}"
