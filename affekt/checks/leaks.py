"""Whether the two sides of a fold share a person or a file's content, and the content digests that tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from affekt import machine
from affekt.checks.copies import keep_one
from affekt.counted import counted
from affekt.dataset.clips import SPLITS, Clip, ClipTable
from affekt.dataset.problems import Problem, some
from affekt.dataset.splits import shared_subjects
from affekt.errors import DataError
from affekt.progress import Progress
from affekt.storage import file_digest, open_local

_SHOWN = 20  # leaks that the message of an error lists


def content_digests(clips: Sequence[Clip], workers: int = 0) -> dict[str, str]:
    """The SHA-256 of every clip's file, by clip id; files in S3 are downloaded one by one and removed again.

    Args:
        clips: with files that exist.
        workers: threads; 0 is one per core.

    Raises:
        DataError: a file cannot be read.
    """
    with (
        Progress("read", len(clips)) as progress,
        ThreadPoolExecutor(workers or machine.whole_cores()) as pool,
    ):
        found = {}
        for clip, digest in zip(clips, pool.map(_digest, clips), strict=True):
            found[clip.id] = digest
            progress.advance()
        return found


def _digest(clip: Clip) -> str:
    with open_local(clip.uri) as path:
        try:
            return file_digest(path)
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror})", code="unreadable", where=clip.uri) from error


def leaks_of(clips: Iterable[Clip], digests: Mapping[str, str]) -> list[Problem]:
    """An error for every subject, and for every file content, that lies in more than one split of a fold.

    Args:
        clips: of one fold, with their splits.
        digests: of the clips' files by clip id, as :func:`content_digests` gives them.
    """
    table = list(clips)
    problems = shared_subjects(table)
    same: dict[str, list[Clip]] = {}
    for clip in table:
        if clip.split and clip.id in digests:
            same.setdefault(digests[clip.id], []).append(clip)
    for group in same.values():
        sides = [split for split in SPLITS if any(clip.split == split for clip in group)]
        if len(sides) > 1:
            names = some((f"{clip.id} ({', '.join(filter(None, (clip.split, clip.subject)))})" for clip in group), 10)
            where = group[-1].where or group[-1].uri
            problems.append(
                Problem("duplicate_across_splits", where, f"exactly the same content: {names}; {keep_one(group)}")
            )
    return problems


def refuse_copies(table: ClipTable, digests: Mapping[str, str]) -> None:
    """Check that no file's content is on both sides of a split, also where affekt made the splits.

    Args:
        table: the clips with their splits.
        digests: of the clips' files by clip id; of clips that cannot be used there need be none.

    Raises:
        DataError: ``duplicate_across_splits``: names the copies.
    """
    found = [problem for problem in leaks_of(table, digests) if problem.code == "duplicate_across_splits"]
    if not found:
        return
    lines = "".join(f"\n  {problem.message}" for problem in found[:_SHOWN])
    rest = f"\n  … and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise DataError(
        f"{counted(len(found), 'leaks')} between what is learned from and what is evaluated on:{lines}{rest}",
        code=found[0].code,
    )


def refuse_leaks(folds: Mapping[str, ClipTable], digests: Mapping[str, str]) -> None:
    """Check that no fold has a subject or a file's content on both sides.

    Args:
        folds: the table of each fold, with its splits, by the fold's name.
        digests: as for :func:`leaks_of`.

    Raises:
        DataError: names every subject and every clip that is on both sides, with the folds.
    """
    found: dict[str, tuple[Problem, list[str]]] = {}
    for name, table in folds.items():
        for problem in leaks_of(table, digests):
            # The same two files leak in several folds, now one and now the other held out: they are told once.
            key = problem.where if problem.code == "duplicate_across_splits" else problem.message
            found.setdefault(key, (problem, []))[1].append(name)
    if not found:
        return
    lines = [f"\n  {problem} (in {some(names, 3)})" for problem, names in found.values()]
    rest = f"\n  … and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    first = next(iter(found.values()))[0]
    raise DataError(
        f"{counted(len(lines), 'leaks')} between what a fold learns from and what it is evaluated on:"
        f"{''.join(lines[:_SHOWN])}{rest}",
        code=first.code,
        where=first.where,
    )
