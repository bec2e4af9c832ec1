"""Prepares a whole table of clips: what the store does not hold yet is prepared by a pool of workers, and indexed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from affekt import storage
from affekt.counted import counted
from affekt.dataset.clips import Clip, ClipTable
from affekt.errors import DataError
from affekt.media.functionals import check_feature_set
from affekt.media.prepared import PreparedIndex, PreparedRow, SkippedClip
from affekt.progress import Progress
from affekt.store.entries import SHARD_CLIPS, Store, content_name
from affekt.store.origins import Origins
from affekt.store.workers import Outcome, Task, run_tasks

logger = logging.getLogger(__name__)

#: Code of the outcome that the service which has the file does not answer.
UNREACHABLE = "unreachable"
#: Codes of outcomes that may be others the next time.
PASSING = (UNREACHABLE, "crashed")
#: What a flag means for the use of a clip: these are reported although the clip is used.
PARTLY_USED = {
    "no_video": "holds no picture that can be decoded; only its voice is used",
    "no_face": "shows no face; only its voice is used",
    "no_sound": "has no sound that can be decoded; only the face is used",
    "silent": "its sound is silence; only the face is used",
    "short_sound": "has too little sound; only the face is used",
    "no_voice": "its sound holds no voice (noise, music or tones); only the face is used",
    "one_channel": "one channel of its sound alone holds a voice; it is used",
    "several_voices": "the channels of its sound hold different voices; all of them are used, as one",
    "other_sound": "the sound marked as default holds no voice; another one that does is used",
    "several_sounds": "holds several sounds; the default one is used",
    "several_videos": "holds several pictures; the default one that moves is used",
    "unusable_sound": "its sound gives no functionals; only the face is used",
    "truncated": "ends before the length that it states; what there is of it is used",
    "damaged": "parts of it cannot be decoded; the rest is used",
}


def prepare_clips(table: ClipTable, store: Store, *, workers: int = 0, progress: bool = True) -> PreparedIndex:
    """Prepare all clips of a table that are not in the store yet, and index them in the order of the table.

    Args:
        table: the clips; local files or ``s3://`` uris.
        store: where entries are found and put.
        workers: processes; 0 takes one for each core that this process may use, 1 works in this process.
        progress: show progress.

    A clip whose file could not be fetched, or whose worker process died, is tried a second time here, since Kubeflow
    Pipelines does not repeat the tasks of a loop. One clip never fails the others: what cannot be used is in
    ``skipped`` with its reason, also when a worker process died of it. Clips that can be used only partly are in both.
    ``decoded`` of the index counts the decoded files. A file in S3 that was prepared before is not fetched. What is
    prepared is kept as it comes, whatever ends the process.

    Raises:
        SettingsError: no installed package offers the functionals of the store's settings.
        DataError: ``unreachable``: clips could not be fetched, which says nothing about them. Those that were prepared
            are kept.
    """
    check_feature_set(store.settings.functionals)
    store.verify()
    versions = storage.versions([clip.uri for clip in table])
    origins = Origins(store.root)
    known = origins.known if versions else {}
    tasks = [Task(clip.id, clip.uri, known.get(versions.get(clip.uri, ""), "")) for clip in table]
    outcomes: dict[str, Outcome] = {}
    fresh = 0
    with Progress("prepare clips", len(tasks)) if progress else _Quiet() as shown:
        while tasks:
            again: list[Task] = []
            for task, outcome in _with_their_tasks(tasks, run_tasks(tasks, store, workers, apart=bool(outcomes))):
                if outcome.code in PASSING and outcome.clip not in outcomes:
                    again.append(task)
                else:
                    shown.advance()
                outcomes[outcome.clip] = outcome
                fresh += outcome.decoded
                if fresh == SHARD_CLIPS:
                    store.pack()
                    fresh = 0
            tasks = again
    _refuse_unreachable(outcomes.values())
    store.pack([store.key_of(found.digest) for clip in table if (found := outcomes[clip.id]).digest])
    origins.learn({version: found.digest for clip in table
                   if (version := versions.get(clip.uri)) and (found := outcomes[clip.id]).digest})  # fmt: skip
    rows: list[PreparedRow] = []
    skipped: list[SkippedClip] = []
    for clip in table:
        outcome = outcomes[clip.id]
        if outcome.key:
            rows.append(_row(clip, outcome))
        skipped.extend(_remarks(outcome))
    decoded = sum(outcome.decoded for outcome in outcomes.values())
    lost = sorted({content_name(found.digest) for found in outcomes.values() if found.digest and not found.key})
    logger.info("prepared %s: %d decoded, %d in the store already, %d unusable",
                counted(len(table), "clips"), decoded, len(table) - decoded, len(table) - len(rows))  # fmt: skip
    return PreparedIndex(tuple(rows), tuple(skipped), decoded=decoded, unusable=tuple(lost))


def _with_their_tasks(tasks: Sequence[Task], outcomes: Iterable[Outcome]) -> Iterator[tuple[Task, Outcome]]:
    by_clip = {task.clip: task for task in tasks}
    return ((by_clip[outcome.clip], outcome) for outcome in outcomes)


def _refuse_unreachable(outcomes: Iterable[Outcome]) -> None:
    """A clip that nobody could fetch must not be left out as if it were unusable."""
    missing = [outcome for outcome in outcomes if outcome.code == UNREACHABLE]
    if missing:
        raise DataError(
            f"{counted(len(missing), 'clips')} could not be fetched, also the second time: {missing[0].reason}; "
            "start again when the service answers",
            code=UNREACHABLE,
            where=missing[0].clip,
        )


@dataclass
class _Quiet:
    """Progress that is not shown."""

    def advance(self, count: int = 1, note: str = "") -> None:
        pass

    def __enter__(self) -> _Quiet:
        return self

    def __exit__(self, *details: object) -> None:
        pass


def _row(clip: Clip, outcome: Outcome) -> PreparedRow:
    return PreparedRow(
        clip.id, clip.label, clip.subject, clip.split, outcome.key, outcome.frames, outcome.frames_with_face,
        outcome.voice, outcome.flags, dict(clip.attributes),
    )  # fmt: skip


def _remarks(outcome: Outcome) -> list[SkippedClip]:
    """Why a clip is not used, or what of it is not."""
    if not outcome.key:
        return [SkippedClip(outcome.clip, outcome.code, outcome.reason)]
    flags = [flag for flag in outcome.flags if flag in PARTLY_USED]
    if outcome.voice:
        flags = [flag for flag in flags if flag != "short_sound"]  # between a quarter and a whole second is used
    if "no_video" in flags:
        flags = [flag for flag in flags if flag != "no_face"]
    return [SkippedClip(outcome.clip, flag, PARTLY_USED[flag]) for flag in flags]
