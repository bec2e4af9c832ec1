"""Small pictures as inline SVG, so that a page can hold those of every model."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from affekt.counted import counted
from affekt.report.wording import interval, percent
from affekt.statistics.metrics import CalibrationBin, Figures, GroupFigures

_CELL, _GAP = 22, 2
_PLOT = 154


def small_confusion(confusion: Sequence[Sequence[int]], labels: Sequence[str]) -> Markup:
    """A confusion matrix with the percent of each row; rows and columns bear the first two letters of their labels."""
    marks = []
    size = len(labels) * _CELL
    for row, counts in enumerate(confusion):
        total, y = sum(counts), row * _CELL
        marks.append(Markup('<text x="-4" y="{}" class="end">{}</text>').format(y + 15, labels[row][:2]))
        middle = row * _CELL + _CELL / 2
        marks.append(Markup('<text x="{:g}" y="-5" class="mid">{}</text>').format(middle, labels[row][:2]))
        for column, count in enumerate(counts):
            share = count / total if total else 0.0
            marks.append(
                Markup('<rect x="{}" y="{}" width="{}" height="{}" class="cell" fill-opacity="{:.2f}"/>').format(
                    column * _CELL, y, _CELL - _GAP, _CELL - _GAP, share
                )
            )
            if count:
                kind = "mid strong-cell" if share > 0.5 else "mid"
                marks.append(
                    Markup('<text x="{:g}" y="{}" class="{}">{:.0f}</text>').format(
                        column * _CELL + (_CELL - _GAP) / 2, y + 14, kind, 100 * share
                    )
                )
    text = "Confusion matrix, percent of each true label: " + "; ".join(
        f"{label} {', '.join(map(str, counts))}" for label, counts in zip(labels, confusion, strict=True)
    )
    return Markup('<svg class="mini" viewBox="-22 -16 {} {}" role="img" aria-label="{}">{}</svg>').format(
        size + 24, size + 18, text, Markup("").join(marks)
    )


def small_reliability(bins: Sequence[CalibrationBin]) -> Markup:
    """The share of right answers (bars) against the confidence; the dashed line is perfect calibration."""
    marks = [
        Markup('<line x1="0" x2="{0}" y1="{0}" y2="0" class="share"/>').format(_PLOT),
        Markup('<line x1="0" x2="{0}" y1="{0}" y2="{0}" class="axis"/>').format(_PLOT),
        Markup('<text x="0" y="{}">0</text>').format(_PLOT + 12),
        Markup('<text x="{0}" y="{1}" class="mid">confidence, %</text>').format(_PLOT / 2, _PLOT + 12),
        Markup('<text x="{0}" y="{1}" class="end">100</text>').format(_PLOT, _PLOT + 12),
        Markup('<text x="0" y="-5">right, %</text>'),
    ]
    for item in bins:
        x, width = _PLOT * item.low, _PLOT * (item.high - item.low)
        height = _PLOT * item.accuracy
        marks.append(
            Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="range"/>').format(
                x + 1, _PLOT - height, width - 2, height
            )
        )
        place = _PLOT * item.confidence, _PLOT - height
        marks.append(Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.6" class="dot"/>').format(*place))
    text = "Reliability: " + "; ".join(
        f"{counted(item.clips, 'answers')} of {item.low:.0%} to {item.high:.0%} confidence, {item.accuracy:.0%} right"
        for item in bins
    )
    return Markup('<svg class="mini whiskers" viewBox="-3 -16 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _PLOT + 6, _PLOT + 31, text, Markup("").join(marks)
    )


def whiskers(figures: Figures | GroupFigures | None, paper: float | None, share: float) -> Markup:
    """A row's accuracy as a dot on its interval, from 0 to 100 %, with marks for the paper and the largest class."""
    marks = [
        '<line x1="0" x2="200" y1="9" y2="9" class="axis"/>',
        f'<line x1="{200 * share:.1f}" x2="{200 * share:.1f}" y1="1" y2="17" class="share"/>',
    ]
    text = "not measured in this run"
    if figures:
        low, high = figures.accuracy_ci95
        marks.append(
            f'<rect class="range" x="{200 * low:.1f}" width="{200 * (high - low):.1f}" y="6" height="6" rx="2"/>'
            f'<circle cx="{200 * figures.accuracy:.1f}" cy="9" r="4.2" class="dot"/>'
        )
        text = f"{percent(figures.accuracy)}%, interval {interval(figures.accuracy_ci95)}%"
    if paper is not None:
        marks.append(f'<path d="M{2 * paper:.1f} 3.5 l4.5 5.5 l-4.5 5.5 l-4.5 -5.5 z" class="paper"/>')
        text += f"; the paper {paper}%"
    return Markup('<svg class="whiskers" viewBox="-4 0 208 18" role="img" aria-label="{}">{}</svg>').format(
        text, Markup("".join(marks))
    )
