"""The check that runs before a training or an evaluation: what is wrong is told before any work starts."""

from __future__ import annotations

import shlex
from dataclasses import replace

from affekt.checks.findings import CheckReport, check_source
from affekt.dataset.problems import Problem, raise_errors
from affekt.dataset.source import NO_LABEL
from affekt.progress import told_when_slow

#: Faults of single files: such a clip is skipped with its reason, and too many of them end the run by themselves.
FILE_FAULTS = frozenset({"unreadable", "timeout", "nothing_usable", "empty", "missing", "too_large", "truncated"})
#: What makes figures too good, and is no fault of what is only scored.
_LEAKS = frozenset({"duplicate_across_splits", "conflicting_labels", "subject_across_splits"})
#: What a training alone asks for.
_TO_LEARN = frozenset({"too_few_subjects", "label_of_one_subject", "one_label_each"})


def check_before(
    data: str,
    *,
    learns: bool,
    images: bool = False,
    allow_shared_subjects: bool = False,
    leave_out_unlabelled: bool = False,
) -> CheckReport:
    """Check a data set that is about to be used.

    Args:
        data: folder, CSV file or ``s3://`` address.
        learns: whether models will learn from it; otherwise they are only asked about it.
        images: whether it holds still images, of which copies across splits are told and not refused: published sets
            have them.
        allow_shared_subjects: whether a person may be on both sides of a split.
        leave_out_unlabelled: whether clips without a label are left out and not refused.

    Returns:
        The report, for its warnings.

    Raises:
        DataError: in the words of ``affekt check``: the data set has errors with which nothing should be started.
    """
    with told_when_slow(f"reading {data}"):
        report = check_source(data)
    if not learns:
        asked = tuple(problem for problem in report.problems if problem.code not in _TO_LEARN)
        report = replace(report, problems=asked)
    refused = [
        problem
        for problem in report.errors
        if not (leave_out_unlabelled and problem.code == NO_LABEL)
        and not _passes(problem, learns, images, allow_shared_subjects)
    ]
    raise_errors(refused, data)
    return report


def _passes(problem: Problem, learns: bool, images: bool, shared: bool) -> bool:
    if problem.code in FILE_FAULTS or problem.code == "missing_class":  # the label is then never answered
        return True
    if problem.code not in _LEAKS:
        return False
    return not learns or images or (shared and problem.code == "subject_across_splits")


def remarks(report: CheckReport, data: str) -> str:
    """A line on what was found and does not stop the work; empty where there is nothing."""
    counts: dict[str, int] = {}
    for problem in report.problems:
        counts[problem.code] = counts.get(problem.code, 0) + 1
    found = ", ".join(f"{code.replace('_', ' ')} ({count})" for code, count in counts.items())
    # Several data sets in one command: of copies that two of them hold neither says anything alone.
    return f"check: {found}; `affekt check {shlex.quote(data)}` tells more" if found else ""
