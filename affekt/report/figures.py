"""The figures of the report as SVG or PNG: confusion matrices, reliability, learning curves, class balance.

Drawn with matplotlib's object interface, so that no global state of pyplot is touched and threads may draw. The colours
are told apart by people with any common colour vision, and in grey.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from affekt.statistics.differences import Difference, Differences
from affekt.statistics.metrics import CalibrationBin

BLUE, ORANGE, INK, MUTED, RULE = "#1f5f99", "#c8611a", "#1d2733", "#5b6875", "#d5dbe1"
#: Lines that matter less than the others.
FOLDS = ("#7a8794", "#a3adb7", "#4b5763", "#c0c8cf", "#8f9fae")
#: From white to a deep blue: lightness falls evenly, so that it also reads in grey.
BLUES = LinearSegmentedColormap.from_list("affekt", ["#ffffff", "#cfe0f0", "#7fadd6", "#2f6fab", "#123e6b"])
#: More lines than this bear no names: they would hide the curves.
MOST_NAMED = 8
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.constrained_layout.hspace": 0.08,
    "figure.constrained_layout.wspace": 0.06,
    "svg.fonttype": "path",
    "svg.hashsalt": "affekt",
}
_styling = threading.Lock()


def confusion_matrix(
    confusion: Sequence[Sequence[int]],
    labels: Sequence[str],
    *,
    no_answer: Sequence[int] | None = None,
    form: str = "svg",
) -> bytes:
    """A confusion matrix: rows are the true labels; each cell holds the count and its share of the row, percent.

    Args:
        confusion: counts ``[L, L]``, rows = true label.
        labels: L names.
        no_answer: L counts of clips without an answer; drawn as a further column where any is not zero.
        form: ``svg`` or ``png``.
    """
    counts = np.asarray(confusion, dtype=float)
    columns = list(labels)
    if no_answer is not None and any(no_answer):
        counts = np.hstack([counts, np.asarray(no_answer, dtype=float)[:, None]])
        columns.append("no answer")
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.imshow(shares, cmap=BLUES, vmin=0, vmax=1, aspect="auto")
        for row, column in np.ndindex(*counts.shape):
            if counts[row, column]:
                ink = "white" if shares[row, column] > 0.5 else INK
                axes.text(
                    column, row - 0.13, f"{100 * shares[row, column]:.0f}%", ha="center", va="center", color=ink,
                    fontsize=9.5, fontweight="bold" if row == column else "normal",
                )  # fmt: skip
                axes.text(
                    column, row + 0.24, f"{counts[row, column]:.0f}", ha="center", va="center", color=ink, fontsize=7.5
                )
        axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right", rotation_mode="anchor")
        axes.set_yticks(
            range(len(labels)), [f"{name} ({total:.0f})" for name, total in zip(labels, totals[:, 0], strict=True)]
        )
        axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(labels) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color=RULE, linewidth=0.6)
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("answered")
        axes.set_ylabel("true label (count)")

    return _render(draw, (1.7 + 0.5 * len(columns), 1.3 + 0.45 * len(labels)), form)


def reliability(bins: Sequence[CalibrationBin], *, form: str = "svg") -> bytes:
    """How often answers of a given confidence are right, above how many clips have that confidence.

    Args:
        bins: those that hold answers.
        form: ``svg`` or ``png``.
    """

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 1)})
        centres = [(item.low + item.high) / 2 for item in bins]
        width = 0.092
        upper.bar(centres, [item.accuracy for item in bins], width, color="#7fadd6", label="share right")
        upper.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="if perfectly calibrated")
        upper.plot(
            [item.confidence for item in bins],
            [item.accuracy for item in bins],
            color=ORANGE, linewidth=1, marker="o", markersize=4, clip_on=False, label="at the mean confidence",
        )  # fmt: skip
        upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="share right")
        lower.bar(centres, [item.clips for item in bins], width, color=MUTED)
        lower.set(xlabel="confidence of the answer", ylabel="clips")
        _percent(upper.yaxis)
        _percent(lower.xaxis)
        _quiet(upper, lower)
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)

    return _render(draw, (4.6, 4.2), form)


def learning_curve(history: Path, *, form: str = "svg") -> bytes | None:
    """The loss of one network over its training steps; None where the file holds no loss.

    Args:
        history: a ``history.csv`` with the columns ``step`` and ``loss`` and, where the network is trained more than
            once, ``stage``; each stage is a line. Losses are smoothed over about a fifteenth of the curve.
        form: ``svg`` or ``png``.
    """
    lines = read_history(history)
    if not lines:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        strong, weak = iter((BLUE, ORANGE, "#3f8f6b", INK)), iter(FOLDS * (1 + len(lines) // len(FOLDS)))
        for stage, (steps, losses) in lines.items():
            colour = next(weak) if "fold" in stage else next(strong, MUTED)
            if len(lines) <= 2:
                axes.plot(steps, losses, color=colour, linewidth=0.6, alpha=0.3)
            # A single point has no line to be seen by.
            marker = "o" if len(steps) == 1 else ""
            width = 1.1 if "fold" in stage else 1.7
            axes.plot(steps, _smooth(losses), color=colour, linewidth=width, marker=marker, markersize=4, label=stage)
        axes.set_ylim(0, 1.05 * max(max(losses) for _, losses in lines.values()) or None)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="step", ylabel="loss")
        if 1 < len(lines) <= MOST_NAMED:
            axes.legend(frameon=False, fontsize=7.5, ncols=1 if len(lines) <= 4 else 2)
        _quiet(axes)

    return _render(draw, (3.7, 2.7), form)


def class_balance(support: Mapping[str, int], *, form: str = "svg") -> bytes:
    """How many clips each label has.

    Args:
        support: label: number of clips.
        form: ``svg`` or ``png``.
    """

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        names = list(support)[::-1]
        values = [support[name] for name in names]
        total = sum(values) or 1
        axes.barh(names, values, 0.62, color="#7fadd6")
        for place, value in enumerate(values):
            axes.text(
                value + max(values) * 0.015, place, f"{value}  ({100 * value / total:.0f}%)", va="center", fontsize=8.5
            )
        axes.set_xlim(0, max(values) * 1.22)
        axes.set_xticks([])
        axes.tick_params(axis="y", length=0)
        axes.spines["bottom"].set_visible(False)

    return _render(draw, (4.6, 0.5 + 0.28 * len(support)), form)


def paired_differences(whole: Difference, parts: Differences, *, form: str = "svg") -> bytes:
    """How much more often the challenger is right than the champion, with intervals: on all, by label, by subject.

    Args:
        whole: on all clips.
        parts: by label and by subject.
        form: ``svg`` or ``png``.
    """
    groups = [{"all": whole}, parts.by_label, parts.by_subject]
    rows = [(name, item, colour) for group, colour in zip(groups, (ORANGE, BLUE, MUTED), strict=True)
            for name, item in group.items()]  # fmt: skip
    gaps = np.cumsum([0] + [0.6 * (a[2] != b[2]) for a, b in itertools.pairwise(rows)])
    places = np.arange(len(rows)) + gaps

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.axvline(0, color=INK, linewidth=0.9)
        for place, (_, item, colour) in zip(places, rows, strict=True):
            ends = [100 * item.low, 100 * item.high]
            axes.plot(ends, [place, place], color=colour, linewidth=2.4, alpha=0.45, solid_capstyle="butt")
            axes.plot([100 * item.difference], [place], color=colour, marker="o", markersize=4.5)
        axes.set_yticks(places, [f"{name} ({item.clips})" for name, item, _ in rows])
        axes.invert_yaxis()
        axes.grid(axis="x", color=RULE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(length=0)
        axes.set_xlabel("challenger over champion, points of accuracy or recall")

    return _render(draw, (5.6, 0.9 + 0.24 * (len(rows) + 1.2)), form)


def read_history(path: Path) -> dict[str, tuple[list[float], list[float]]]:
    """Steps and losses of each stage of a ``history.csv``; rows without a step or a loss are left out."""
    lines: dict[str, tuple[list[float], list[float]]] = {}
    with Path(path).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                step, loss = float(row["step"]), float(row["loss"])
            except (KeyError, TypeError, ValueError):
                continue
            if math.isfinite(loss):
                steps, losses = lines.setdefault(row.get("stage") or "", ([], []))
                steps.append(step)
                losses.append(loss)
    return lines


def _smooth(values: Sequence[float]) -> np.ndarray:
    """A moving average over about a fifteenth of the curve, shorter at its ends."""
    reach = max(1, len(values) // 30)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values))
    first, last = np.maximum(place - reach, 0), np.minimum(place + reach + 1, len(values))
    smooth: np.ndarray = (sums[last] - sums[first]) / (last - first)
    return smooth


def _percent(axis: Any) -> None:
    axis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")


def _quiet(*many: Any) -> None:
    for axes in many:
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(length=0)


def _render(draw: Any, size: tuple[float, float], form: str) -> bytes:
    if form not in ("svg", "png"):
        raise ValueError(f"expected svg or png, got {form!r}")
    buffer = io.BytesIO()
    # Style settings are global to matplotlib, so one figure is drawn at a time.
    with _styling, matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.savefig(buffer, format=form, dpi=160, metadata={"Date": None} if form == "svg" else None)
    return buffer.getvalue()
