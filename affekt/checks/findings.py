"""Everything that is wrong with a data set, told at once, before any work starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from affekt.checks.copies import keep_one
from affekt.checks.inspection import Inspected, inspect_clips, inspect_faces
from affekt.checks.people import few_people, labels_of_one_subject
from affekt.checks.whose_clips import whose_clips
from affekt.counted import counted
from affekt.dataset.archives import is_archive
from affekt.dataset.clips import SPLITS, Clip
from affekt.dataset.faces import FaceImage, is_pixel_table, read_face_source
from affekt.dataset.labels import in_order
from affekt.dataset.problems import Problem, errors_of, grouped, some
from affekt.dataset.several import places_of
from affekt.dataset.similar_subjects import similar_subjects
from affekt.dataset.source import read_source
from affekt.dataset.splits import shared_subjects
from affekt.errors import DataError, as_text

#: A length is far from the median from this factor on, if it is also rare among the lengths that there are.
_LENGTH_FACTOR = 2.0
_LENGTH_DEVIATIONS = 6.0  # robust standard deviations of the logarithm
_LENGTH_CLIPS = 5  # fewer have no usual length
#: The largest class over the smallest from which a model will hardly learn the small one without weights.
_IMBALANCE = 5.0


@dataclass(frozen=True)
class CheckReport:
    """What a data set holds and what is wrong with it.

    ``counts`` has a row per clip: its label, subject and split, ``""`` where unknown.
    """

    counts: tuple[tuple[str, str, str], ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The findings with which nothing should be trained."""
        return errors_of(self.problems)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The findings to know of."""
        return tuple(problem for problem in self.problems if problem.severity != "error")

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not self.errors

    def to_dict(self) -> dict[str, Any]:
        """``clips``, ``labels``, ``subjects``, ``splits`` (counts by name), ``errors``, ``warnings``; for JSON."""
        labels = Counter(label for label, _, _ in self.counts)
        subjects = Counter(subject for _, subject, _ in self.counts)
        splits = Counter(split for _, _, split in self.counts)
        return {
            "clips": len(self.counts),
            "labels": {label: labels[label] for label in in_order(labels)},
            "subjects": {subject: subjects[subject] for subject in sorted(subjects) if subject},
            "splits": {split: splits[split] for split in SPLITS if splits[split]},
            "errors": [_plain(problem) for problem in self.errors],
            "warnings": [_plain(problem) for problem in self.warnings],
        }

    @property
    def headline(self) -> str:
        """How many clips there are, and how many findings."""
        found = [counted(len(problems), kind) if problems else f"no {kind}" for kind, problems in self._by_kind()]
        return f"{counted(len(self.counts), 'clips')}, {' and '.join(found)}"

    def to_text(self, all_of_them: str = "--json lists all") -> str:
        """The same for people: a table of labels by splits, then the findings by code, the first few of each.

        Args:
            all_of_them: what is said where some are not shown.
        """
        lines = [*self._lines(), ""] if self.counts else ["no clips", ""]
        for kind, problems in self._by_kind():
            lines.append(counted(len(problems), kind) if problems else f"no {kind}")
            lines.extend(line + f" ({all_of_them})" * line.startswith("    … and") for line in grouped(problems))
        return "\n".join(lines)

    def _by_kind(self) -> tuple[tuple[str, tuple[Problem, ...]], ...]:
        return ("errors", self.errors), ("warnings", self.warnings)

    def table(self) -> list[list[str]]:
        """How many clips each label has in each split: a header, a row a label, and the sums; empty without clips."""
        if not self.counts:
            return []
        cells = Counter((label, split) for label, _, split in self.counts)
        labels = [*in_order(label for label, _ in cells), *([""] if any(not label for label, _ in cells) else [])]
        splits = [split for split in (*SPLITS, "") if any(split == other for _, other in cells)]
        rows = [["label", *(split or "no split" for split in splits), "all"]]
        for label in labels:
            row = [cells[label, split] for split in splits]
            rows.append([label or "no label", *map(str, row), str(sum(row))])
        columns = [sum(cells[label, split] for label in labels) for split in splits]
        return [*rows, ["all", *map(str, columns), str(len(self.counts))]]

    def _lines(self) -> list[str]:
        rows = self.table()
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [
            "  ".join(cell.ljust(width) if not n else cell.rjust(width) for n, (cell, width) in enumerate(pairs))
            for pairs in (list(zip(row, widths, strict=True)) for row in rows)
        ]
        people = len({subject for _, subject, _ in self.counts if subject})
        return [*lines, f"{counted(people, 'subjects') if people else 'no subjects'} named"]


def _plain(problem: Problem) -> dict[str, str]:
    return {"code": problem.code, "where": as_text(problem.where), "message": as_text(problem.message)}


def check_source(uri: str, *, workers: int = 0) -> CheckReport:
    """Check a data set of clips or of face images and report everything that is wrong with it.

    Found are: rows that cannot be read, unknown labels, missing and unreadable files, ids and contents that occur
    twice, subjects in two splits, classes that a split lacks, clips without sound or picture, truncated files,
    unusual lengths, very uneven classes. Only headers are decoded, so that 1,000 clips take seconds.

    Args:
        uri: as for :func:`read_source` and :func:`read_faces`.
        workers: threads; 0 is one per core.

    A data set that cannot be read at all is reported too, as one error in a report of no clips.
    """
    try:
        clips, problems, inspected = _open(uri, workers)
    except DataError as error:
        return CheckReport((), (Problem(error.code, error.where or uri, error.message),))
    if not clips and not problems:
        problems.append(Problem("no_rows", uri, "holds a header and no row; expected one row a clip"))
    counts = tuple((clip.label, clip.subject, clip.split) for clip in clips)
    problems += shared_subjects(clips) + similar_subjects(clips, uri)
    problems += _duplicates(clips, inspected)
    problems += _media(clips, inspected)
    problems += _lengths(clips, inspected)
    problems += _classes(clips, uri)
    if any(result is not None and result.info is not None for result in inspected):
        problems += _subjects(clips, uri) + (few_people(counts, uri) or labels_of_one_subject(counts, uri))
        problems += whose_clips(counts, uri)
    return CheckReport(counts, tuple(problems))


def _open(uri: str, workers: int) -> tuple[list[Clip], list[Problem], list[Inspected | None]]:
    """The rows of the data set, what is wrong with them, and what is in their files (None for an unusable row)."""
    rows, problems = _rows(uri)
    unusable = {problem.where for problem in problems if problem.code in {"missing_file", "still_image"}}
    clips = [row for row in rows if isinstance(row, Clip) and row.where not in unusable]
    faces = [row for row in rows if isinstance(row, FaceImage) and row.where not in unusable]
    found = dict(zip((clip.id for clip in clips), inspect_clips(clips, workers), strict=True)) if clips else {}
    found |= zip((face.id for face in faces), inspect_faces(faces, workers), strict=True) if faces else ()
    all_rows = [row if isinstance(row, Clip) else row.as_clip() for row in rows]
    return all_rows, problems, [found.get(row.id) for row in rows]


def _rows(uri: str) -> tuple[Sequence[Clip | FaceImage], list[Problem]]:
    """The rows of a data set of clips or, where it is none, of face images."""
    if len(places_of(uri)) == 1 and (is_archive(uri) or is_pixel_table(uri)):
        return read_face_source(uri)
    try:
        source = read_source(uri)
        return source.table.clips, list(source.problems)
    except DataError as no_clips:
        if no_clips.code != "no_clips" or len(places_of(uri)) > 1:  # several data sets are of clips
            raise
        try:
            return read_face_source(uri)
        except DataError as no_faces:
            raise (no_clips if no_faces.code == "no_clips" else no_faces) from None


def _named(clip: Clip) -> str:
    return f"{clip.id} ({', '.join(filter(None, (clip.split, clip.label))) or 'no label'})"


def _duplicates(clips: Sequence[Clip], inspected: Sequence[Inspected | None]) -> list[Problem]:
    """Files with exactly the same content: a leak between splits, a waste within one, and worse with two labels."""
    groups: dict[str, list[Clip]] = {}
    for clip, result in zip(clips, inspected, strict=True):
        if result is not None and result.digest:
            groups.setdefault(result.digest, []).append(clip)
    problems = []
    for group in groups.values():
        if len(group) < 2:
            continue
        across = len({clip.split for clip in group if clip.split}) > 1
        severity = "error" if across else "warning"
        code = "duplicate_across_splits" if across else "duplicate_content"
        names = some(map(_named, group))
        where = group[-1].where or group[-1].uri
        problems.append(Problem(code, where, f"exactly the same content: {names}; {keep_one(group)}", severity))
        labels = in_order(clip.label for clip in group)
        if len(labels) > 1:
            message = f"the same content is labelled {' and '.join(labels)}: {names}; decide on one"
            problems.append(Problem("conflicting_labels", where, message, severity))
    return problems


def _media(clips: Iterable[Clip], inspected: Sequence[Inspected | None]) -> list[Problem]:
    """Files that cannot be used, or only in part."""
    problems = []
    for clip, result in zip(clips, inspected, strict=True):
        where = clip.where or clip.uri
        if result is None:
            continue
        if result.error is not None:
            message = result.error.message
            problems.append(
                Problem(result.error.code, where, message if where == clip.uri else f"{clip.uri}: {message}")
            )
        elif result.info is not None:
            info = result.info
            if not info.has_sound and not info.has_video:
                problems.append(Problem("nothing_usable", where, "has neither picture nor sound; remove it"))
            elif not info.has_sound:
                message = "has no sound; its face alone will count"
                problems.append(Problem("no_sound", where, message, "warning"))
            elif not info.has_video:
                message = "has no picture; its voice alone will count"
                problems.append(Problem("no_video", where, message, "warning"))
            for codec, count, what, other in (
                (info.video_codec, info.videos, "picture", "voice"), (info.audio_codec, info.sounds, "sound", "face"),
            ):  # fmt: skip
                if codec == "none" and count == 1:
                    message = (
                        f"its {what} is of a kind that cannot be decoded; its {other} alone will count; convert it"
                    )
                    problems.append(Problem("unknown_codec", where, message, "warning"))
            for count, what in ((info.videos, "pictures"), (info.sounds, "sounds")):
                if count > 1:
                    message = f"holds {count} {what}; the one marked as default will count, or the first"
                    problems.append(Problem("several_streams", where, message, "warning"))
            if info.truncated:
                message = "ends before its header says it does; copy it again"
                problems.append(Problem("truncated", where, message, "warning"))
    return problems


def _lengths(clips: Sequence[Clip], inspected: Sequence[Inspected | None]) -> list[Problem]:
    """Clips much shorter or longer than the others, by the median and the median deviation of the logarithm."""
    timed = [
        (clip, result.info.duration)
        for clip, result in zip(clips, inspected, strict=True)
        if result is not None and result.info is not None and result.info.duration and not result.info.estimated
    ]
    if len(timed) < _LENGTH_CLIPS:
        return []
    import numpy as np  # heavy: numpy

    logs = np.log([duration for _, duration in timed])
    distance = np.abs(logs - np.median(logs))
    usual = 1.4826 * np.median(distance)  # the standard deviation, were the logarithms normally distributed
    limit = max(np.log(_LENGTH_FACTOR), _LENGTH_DEVIATIONS * usual)
    median = float(np.exp(np.median(logs)))
    return [
        Problem(
            "unusual_length",
            clip.where or clip.uri,
            f"is {duration:.2f} s long, half of the clips are below {median:.2f} s; is it cut as the others are?",
            "warning",
        )
        for (clip, duration), far in zip(timed, distance > limit, strict=True)
        if far
    ]


def _classes(clips: Sequence[Clip], uri: str) -> list[Problem]:
    """Classes that a split lacks, and classes much smaller than others."""
    problems = []
    labels = in_order(clip.label for clip in clips)
    counts = Counter(clip.label for clip in clips if clip.label)
    if len(labels) == 1:
        message = f"all clips are {labels[0]}; a model needs two labels to tell apart"
        problems.append(Problem("one_label", uri, message, "warning"))
    for split in SPLITS:
        part = {clip.label for clip in clips if clip.split == split and clip.label}
        lacking = [label for label in labels if label not in part]
        if part and lacking:
            verb, severity = ("learned", "error") if split == "train" else ("evaluated", "warning")
            message = f"the {split} split has no clip of {', '.join(lacking)}, which therefore cannot be {verb}"
            problems.append(Problem("missing_class", uri, message, severity))
    if len(counts) > 1:
        (most, many), (least, few) = counts.most_common()[0], counts.most_common()[-1]
        if many >= _IMBALANCE * few:
            message = (
                f"{most} has {counted(many, 'clips')}, {least} only {few}; "
                f"accuracy will hide how {least} does, see its recall"
            )
            problems.append(Problem("class_imbalance", uri, message, "warning"))
    return problems


def _subjects(clips: Sequence[Clip], uri: str) -> list[Problem]:
    """Clips of which nobody can tell whether the same person is on both sides of a split."""
    unknown = sum(not clip.subject for clip in clips)
    if not unknown:
        return []
    message = (
        f"no subject is named for {unknown} of {counted(len(clips), 'clips')}: each counts as a person of its own, "
        "and the same one may be on both sides of a split without anyone noticing"
    )
    return [Problem("no_subject", uri, message, "warning")]
