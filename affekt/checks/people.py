"""Whether the split to learn from shows enough people: for a fusion, fitted on scores of people unseen, and a label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from affekt.counted import counted
from affekt.dataset.clips import ClipTable
from affekt.dataset.labels import in_order
from affekt.dataset.problems import Problem, raise_errors
from affekt.errors import printable
from affekt.extensions import fusion_spec
from affekt.settings import FusionSettings

#: People to learn from: the models that score one of them have learned from the other.
_FEWEST = 2


def few_people(counts: Sequence[tuple[str, str, str]], uri: str) -> list[Problem]:
    """A warning where no fusion can be fitted: each fold of the train clips leaves a person out, and needs another.

    Args:
        counts: label, subject and split of each clip, ``""`` where unknown; a clip without a subject is of a person of
            its own.
        uri: of the data set.
    """
    labelled = [(label, subject or f"\0{row}", split) for row, (label, subject, split) in enumerate(counts) if label]
    if len({label for label, _, _ in labelled}) < 2:
        return []  # told by itself
    named = any(split for _, _, split in labelled)
    train = [(label, person) for label, person, split in labelled if not named or split == "train"]
    people = len({person for _, person in train})
    if not train:
        return []
    if not named and people < _FEWEST + 1:
        found = f"{counted(people, 'subjects')} and no splits, of which one at least is kept to evaluate on"
        needed = counted(_FEWEST + 1, "subjects")
    elif people < _FEWEST:
        found, needed = f"the split train has {counted(people, 'subjects')}", f"{counted(_FEWEST, 'subjects')} in train"
    elif named and not _scored(train):
        found = f"in train there are {counted(people, 'subjects')}, and without any one of them a single label is left"
        needed = "another subject with two labels in train"
    else:
        return []
    message = (
        f"{found}: a fusion is fitted on people whom its models did not learn from, and needs {needed} at least; "
        "one model alone does without with --set fusion.method=average"
    )
    return [Problem("too_few_subjects", uri, message, "warning")]


def labels_of_one_subject(counts: Sequence[tuple[str, str, str]], uri: str) -> list[Problem]:
    """A warning for all labels that one subject alone shows, several times, in what is learned from.

    Args:
        counts: as for :func:`few_people`; labels with a clip without a subject are none of these.
        uri: of the data set.
    """
    named = any(split for _, _, split in counts)
    train = [(label, subject) for label, subject, split in counts if label and (not named or split == "train")]
    people: dict[str, list[str]] = {}
    for label, subject in train:
        people.setdefault(label, []).append(subject)
    everybody = {subject for _, subject in train}
    alone = {label: own[0] for label, own in people.items() if len(own) > 1 and set(own) == {own[0]} != {""}}
    if not alone or len(everybody) < _FEWEST or len(people) < 2:
        return []
    told = ", ".join(f"{label} by {printable(alone[label])}" for label in in_order(alone))
    message = (
        f"labels that one subject alone shows: {told}; whatever is particular to that person is learned as the "
        "emotion, and models of the others never saw it; add clips of others who show it"
    )
    return [Problem("label_of_one_subject", uri, message, "warning")]


def refuse_few_people(table: ClipTable, fusion: FusionSettings) -> None:
    """Check that a method that learns has people to be fitted on, once the splits are made.

    Raises:
        DataError: ``too_few_subjects``.
    """
    if fusion_spec(fusion.method).learns:
        found = few_people([(clip.label, clip.subject, clip.split) for clip in table], "")
        raise_errors([replace(problem, severity="error") for problem in found], "")


def _scored(train: Iterable[tuple[str, str]]) -> bool:
    """Whether some person can be left out, and two labels are there all the same."""
    labels: dict[str, set[str]] = {}
    for label, person in train:
        labels.setdefault(label, set()).add(person)
    everybody = set().union(*labels.values())
    return any(sum(bool(people - {person}) for people in labels.values()) > 1 for person in everybody)
