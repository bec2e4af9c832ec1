"""Rows of a manifest beside what the paths of their files tell: a column that was sorted alone looks so."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from affekt.counted import counted
from affekt.dataset.clips import Clip
from affekt.dataset.labels import known_label
from affekt.dataset.problems import Problem
from affekt.extensions.layout import layout_specs

_SHOWN = 3


def told_by_paths(clips: Sequence[Clip], uri: str) -> list[Problem]:
    """A warning where rows have another label, or another split, than the folders and names of their files tell.

    What the row says counts. Folders that all files have in common tell nothing.

    Args:
        clips: of a manifest; there may be millions.
        uri: of it.
    """
    known = {"label": 0, "split": 0}
    other = dict(known)
    shown: dict[str, list[str]] = {name: [] for name in known}
    readers = [spec.read_path for spec in layout_specs().values() if spec.read_path]
    common = _common_folders(clips)
    for clip in clips:
        path = "/".join(clip.uri.split("/")[common:])
        facts = [said for read in readers if (said := read(path)) is not None]
        labels = {label for said in facts if (label := known_label(said.label))}
        splits = {said.split for said in facts if said.split}
        for name, row, told in (("label", clip.label, labels), ("split", clip.split, splits)):
            if row and len(told) == 1 and not any(said.fault for said in facts):
                known[name] += 1
                if row not in told:
                    other[name] += 1
                    if len(shown[name]) < _SHOWN:
                        line = clip.where.rpartition(":")[2]
                        shown[name].append(f"line {line}: {row!r}, {next(iter(told))!r} by {clip.id}")
    return [
        Problem(
            f"{name}_by_path",
            uri,
            f"{count} of {counted(known[name], 'rows')} name another {name} than the path of the file, and are read as "
            f"they say; was a column sorted alone? {'; '.join(shown[name])}",
            "warning",
        )
        for name, count in other.items()
        if count
    ]


def _common_folders(clips: Sequence[Clip]) -> int:
    """How many folders of their paths all have in common."""
    folders = (clip.uri.split("/")[:-1] for clip in clips)
    first = last = next(folders, [])
    for parts in folders:
        first, last = min(first, parts), max(last, parts)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))
