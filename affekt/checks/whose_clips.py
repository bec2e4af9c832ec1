"""What clips have which subject: a column of something else than people shows in that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from affekt.counted import counted
from affekt.dataset.problems import Problem

#: Clips from which on it is no accident that each has a subject of its own.
_CLIPS = 10
#: Subjects with several clips from which on it is no accident that all clips of each have one label.
_SUBJECTS = 3


def whose_clips(counts: Sequence[tuple[str, str, str]], uri: str) -> list[Problem]:
    """A warning where every clip has a subject of its own, or every subject a label of its own.

    Args:
        counts: label, subject and split of each clip, ``""`` where unknown.
        uri: of the data set.
    """
    clips: Counter[str] = Counter(subject for _, subject, _ in counts if subject)
    labels: dict[str, set[str]] = {}
    for label, subject, _ in counts:
        if subject and label:
            labels.setdefault(subject, set()).add(label)
    several = [subject for subject, number in clips.items() if number > 1]
    problems = []
    if not several and len(clips) == len(counts) >= _CLIPS:
        message = (
            f"each of {counted(len(counts), 'clips')} has a subject of its own, so that nobody is known again: "
            "name the person in each, or nobody where those are names of clips"
        )
        problems.append(Problem("subject_each", uri, message, "warning"))
    if len(several) >= _SUBJECTS and all(len(labels.get(subject, ())) == 1 for subject in several):
        message = (
            f"all clips of each of {counted(len(several), 'subjects')} have one label, so that a model may learn who "
            "it is instead of what is felt: is the subject a person?"
        )
        problems.append(Problem("one_label_each", uri, message, "warning"))
    return problems
