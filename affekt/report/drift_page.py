"""The page of a drift report: what was compared, what differs, and how it is distributed before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd

from affekt.counted import counted
from affekt.ensemble.drift import Column, Drift
from affekt.storage.files import appearing

#: Columns of which a plot is drawn, the most certain first.
_PLOTS = 12
_BINS = 24
_WIDTH, _HEIGHT = 320, 90


@dataclass(frozen=True)
class Compared:
    """One window: its name, what was found in it, and the rows, for the plots."""

    name: str
    drift: Drift
    rows: pd.DataFrame


def write_drift(path: Path, windows: Sequence[Compared], reference: pd.DataFrame, *, model: str, records: str) -> None:
    """Write the page, one HTML file that needs nothing else.

    Args:
        path: of the file; its folder is made where it is missing.
        windows: what was compared, in the order of time.
        reference: the rows that all were compared with.
        model: the reference of the model, as it was asked for.
        records: where the records are.
    """
    source = resources.files("affekt.report").joinpath("drift.html").read_text(encoding="utf-8")
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters["counted"] = counted
    plots = {window.name: _plots(window, reference) for window in windows}
    text = page.from_string(source).render(
        windows=windows, plots=plots, model=model, records=records, width=_WIDTH, height=_HEIGHT
    )
    with appearing(path) as part:
        part.write_text(text, encoding="utf-8")


def _plots(window: Compared, reference: pd.DataFrame) -> list[tuple[Column, str, str, str, str]]:
    """Column, outline before, outline after, least and largest value of each plot."""
    shown = [column for column in window.drift.columns if column.test == "ks"]
    shown = [column for column in shown if column.drifted][:_PLOTS] or shown[:3]
    found = []
    for column in shown:
        old, new = (_values(frame, column.name) for frame in (reference, window.rows))
        low, high = np.quantile(np.concatenate([old, new]), [0.005, 0.995])
        edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
        before, after = (np.histogram(np.clip(side, low, high), edges)[0] / len(side) for side in (old, new))
        top = max(before.max(), after.max())
        found.append((column, _outline(before, top), _outline(after, top), f"{low:.4g}", f"{high:.4g}"))
    return found


def _values(frame: pd.DataFrame, name: str) -> np.ndarray:
    values: np.ndarray = pd.to_numeric(frame[name], errors="coerce").dropna().to_numpy(float)
    return values


def _outline(shares: np.ndarray, top: float) -> str:
    """A histogram as the points of an SVG polygon."""
    x = np.linspace(0, _WIDTH, len(shares) + 1)
    y = _HEIGHT * (1 - shares / top)
    points = [(0.0, float(_HEIGHT))]
    for number, height in enumerate(y):
        points += [(float(x[number]), float(height)), (float(x[number + 1]), float(height))]
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in [*points, (float(_WIDTH), float(_HEIGHT))])
