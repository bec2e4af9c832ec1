"""The paired comparison as lines of text: each difference with its interval as a bar around zero."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from affekt.statistics.differences import Difference, Differences

_HALF = 20


def difference_bars(whole: Difference, parts: Differences) -> list[str]:
    """A line for all clips, for each label and for each subject, and the axis above them.

    ``o`` is the difference in points of challenger over champion, the dashes are its interval, ``|`` is no difference.
    """
    named: dict[str, Mapping[str, Difference]] = {
        "": {"all": whole}, "by label": parts.by_label, "by subject": parts.by_subject
    }  # fmt: skip
    every = [item for group in named.values() for item in group.values()]
    widest = max(len(name) for group in named.values() for name in group)
    reach = max((abs(end) for item in every for end in (item.low, item.high, item.difference)), default=0.1)
    reach = max(0.1, math.ceil(10 * reach) / 10)
    ends = f"{-100 * reach:+.0f}"
    lines = [f"{'':<{widest}}  {'points':>6}  {ends}{'0':>{_HALF - len(ends) + 1}}{100 * reach:>+{_HALF}.0f}  clips"]
    for title, group in named.items():
        if title and group:
            lines.append(title)
        lines += _lines(group, widest, reach)
    if parts.subjects > len(parts.by_subject):
        lines.append(f"and {parts.subjects - len(parts.by_subject)} further subjects, who move the whole less")
    return lines


def _lines(group: Mapping[str, Difference], widest: int, reach: float) -> Iterator[str]:
    def place(share: float) -> int:
        return _HALF + round(_HALF * max(-1.0, min(1.0, share / reach)))

    for name, item in group.items():
        cells = [" "] * (2 * _HALF + 1)
        cells[place(item.low) : place(item.high) + 1] = "-" * (place(item.high) - place(item.low) + 1)
        cells[_HALF] = "|"
        cells[place(item.difference)] = "o"
        yield f"{name:<{widest}}  {100 * item.difference:>+6.1f}  {''.join(cells)}  {item.clips}"
