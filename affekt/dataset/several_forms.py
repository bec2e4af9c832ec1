"""Recordings that a manifest lists in several forms: as a film, without its sound, as sound alone."""

from __future__ import annotations

from collections.abc import Sequence

from affekt.counted import counted
from affekt.dataset.clips import Clip
from affekt.dataset.problems import Problem, some
from affekt.dataset.same_names import same_names
from affekt.extensions.layout import layout_specs


def several_forms(clips: Sequence[Clip], uri: str) -> list[Problem]:
    """A warning where rows are forms of one recording by their names: of a folder the most complete would be taken.

    Args:
        clips: of a manifest; there may be millions.
        uri: of it.
    """
    readers = {spec.name: spec.read_path for spec in layout_specs().values() if spec.read_path}
    forms: dict[tuple[str, str], list[str]] = {}
    others = []
    for clip in clips:
        facts = ((name, read(clip.uri)) for name, read in readers.items())
        recording = next(((name, said.recording) for name, said in facts if said and said.recording), None)
        if recording:
            forms.setdefault(recording, []).append(clip.id)
        else:
            others.append(clip.uri)
    several = [same for same in forms.values() if len(same) > 1]
    problems = same_names(others, uri)
    if several:
        message = (
            f"{counted(sum(map(len, several)), 'rows')} are forms of {counted(len(several), 'recordings')}, such as "
            f"{some(several[0], shown=3)}; each counts as a clip of its own: keep the most complete one of each"
        )
        problems.append(Problem("several_forms", uri, message, "warning"))
    return problems
