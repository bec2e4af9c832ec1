"""What there is to learn that the champion did not learn from, and whether that is worth a training.

Nothing is fetched for it: objects in S3 are told by their listing, files of this machine by what was read of them once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from affekt.counted import counted
from affekt.dataset import Clip, assign_splits, read_source
from affekt.dataset.problems import raise_errors
from affekt.dataset.several import names_beside
from affekt.dataset.unlabelled import unlabelled_clips
from affekt.ensemble.drift import Drift, measure
from affekt.ensemble.learned import Learned
from affekt.ensemble.manifest import stored_settings
from affekt.ensemble.records import REFERENCE, read_records, read_table
from affekt.errors import DataError
from affekt.json_document import JsonDocument
from affekt.registry import Tracking, list_models, resolve
from affekt.registry.jobs import JOB, job_run, was_decided_on
from affekt.registry.models import digest_of
from affekt.settings import Settings
from affekt.steps.when import When
from affekt.storage import whereabouts
from affekt.store.contents import contents

#: Settings, or the beginnings of their names, of which nothing depends that is learned.
_NO_MATTER = (
    "gate.", "evaluation.", "leave_out_unlabelled", "device", "media.max_", "media.cache_gib", "media.timeout_seconds",
)  # fmt: skip


@dataclass(frozen=True)
class News(JsonDocument):
    """What was found.

    Attributes:
        champion: the version that is compared with, ``name/7``; ``""`` where there is none.
        clips: labelled clips that are there.
        new_clips: those of the train split that were not learned from, or with another label.
        new_subjects: people among them who were not learned from.
        tried: further ones that only a later version learned from, which the gate did not promote.
        removed: contents that the champion learned from and that are not in the split train any more, gone or not;
            ``None`` where not known.
        unlabelled: clips without a label, of which nothing is learned.
        settings: names of settings that are others than those of the champion and of the newest version.
        days: since the champion was registered.
        drift: what is said of the champion's records; ``""`` where they were not looked at.
        why: what makes a training worth while; nothing of that where there is nothing to do.
    """

    champion: str
    clips: int
    new_clips: int
    new_subjects: int
    tried: int
    removed: int | None
    unlabelled: int
    settings: tuple[str, ...] = ()
    days: float | None = None
    drift: str = ""
    why: tuple[str, ...] = field(default=())

    @property
    def worth_while(self) -> bool:
        """Whether there is a reason to train."""
        return bool(self.why)

    def sentence(self, when: When) -> str:
        """What was found, for people; with nothing to do also what would have been enough."""
        found = [f"{self.new_clips} of {counted(self.clips, 'labelled clips')} new"]
        if self.new_subjects:
            found.append(f"of {counted(self.new_subjects, 'new subjects')}")
        if self.tried:
            were = "was" if self.tried == 1 else "were"
            found.append(f"{self.tried} more {were} tried before, and the gate did not promote that version")
        if self.removed:
            are = "is" if self.removed == 1 else "are"
            found.append(f"{self.removed} that the champion learned from {are} not in the split train any more")
        if self.unlabelled:
            found.append(f"{self.unlabelled} {'has' if self.unlabelled == 1 else 'have'} no label")
        if self.drift:
            found.append(self.drift)
        if self.worth_while:
            return f"training ({', '.join(self.why)}): {', '.join(found)}"
        return f"nothing to do for {self.champion}: {', '.join(found)}; trains with {when.sentence()}"


def find_news(data: str, name: str, settings: Settings, when: When, *, store: str, tracking: Tracking) -> News:
    """Compare a data set of clips with what the champion of a name learned from.

    What the newest version learned from counts as known, too, since the gate would decide the same on it again; not so
    where its training ended before the gate decided.

    Args:
        data: folder, CSV file or ``s3://`` address.
        name: in the registry.
        settings: of the training that would start.
        when: what makes it worth while.
        store: root of the prepared store, which knows the contents of what was prepared before.
        tracking: where models are registered.

    Raises:
        DataError: the data set cannot be read or has errors; clips without a label are none.
        AffektError: the registry does not answer.
    """
    source = read_source(data)
    waiting = unlabelled_clips(data, source)
    source = source.labelled()
    raise_errors(source.problems, data)
    table = assign_splits(
        source.table,
        val_share=settings.val_share,
        seed=settings.seed,
        allow_shared_subjects=settings.allow_shared_subjects,
    )
    # A file that two data sets list is one clip.
    by_file = {(whereabouts(clip.uri), clip.label): clip for clip in reversed(table.clips) if clip.label}
    labelled = list(by_file.values())[::-1]
    versions = list_models(tracking, name) if _is_registered(tracking, name) else []
    champion = next((each for each in versions if "champion" in each.aliases), None)
    if champion is None:
        return _first(labelled, len(waiting))
    folder = resolve(champion.reference, tracking)
    own = Learned.read(folder)
    if own is None:
        why = f"{champion.reference} does not say what it learned from"
        return _first(labelled, len(waiting), champion.reference, why)
    train = [clip for clip in labelled if clip.split == "train"]
    known = contents([clip.uri for clip in train], store)
    train = list({(known[clip.uri] or clip.uri, clip.label): clip for clip in reversed(train)}.values())[::-1]
    unknown = [clip for clip in train if not known[clip.uri] or own.is_new(known[clip.uri], clip.label)]
    newest, allowed = unknown, [stored_settings(folder)]
    if versions[0].version > champion.version and was_decided_on(tracking, versions[0].run_id):
        later = resolve(versions[0].reference, tracking)
        allowed.append(stored_settings(later))
        tried = Learned.read(later)
        if tried is not None:
            newest = [clip for clip in unknown if not known[clip.uri] or tried.is_new(known[clip.uri], clip.label)]
    names = names_beside(data)
    people = {clip.subject for clip in newest if clip.subject and not own.knows(clip.subject, "", names)}
    news = News(
        champion=champion.reference,
        clips=len(labelled),
        new_clips=len(newest),
        new_subjects=len(people),
        tried=len(unknown) - len(newest),
        removed=own.without(known.values()) if all(known.values()) else None,
        unlabelled=len(waiting),
        settings=_changed(settings, allowed),
        days=round((datetime.now(UTC) - datetime.fromisoformat(champion.created)).total_seconds() / 86400, 1),
    )
    return _with_reasons(news, when, _drift(folder, when.drift) if when.drift else None)


def keep_news(news: News, when: When, name: str, data: str, tracking: Tracking, *, job: str = "") -> str:
    """Record in MLflow that there was nothing to do, as a run of its own that is finished; returns its id.

    With ``job``, the identifier of a pipeline run, there is one such run however often the step is tried.
    """
    if job and (known := job_run(tracking, job)):
        return str(known.info.run_id)
    why = news.sentence(when)
    tags = {"affekt.kind": "nothing_to_do", "affekt.why": why, "affekt.data": data, "affekt.champion": news.champion}
    if job:
        tags[JOB] = job
    run_id = tracking.start_parent(name, when.to_dict(), {**tags, "mlflow.note.content": why})
    with tracking.run(run_id) as run:
        counts = {key: value for key, value in news.to_dict().items() if isinstance(value, int | float)}
        run.log({key: float(value) for key, value in counts.items()})
        run.headline("nothing to do")
    tracking.finish(run_id)
    return run_id


def _is_registered(tracking: Tracking, name: str) -> bool:
    return not tracking.is_new and name in tracking.reader.names()


def _first(labelled: Sequence[Clip], unlabelled: int, champion: str = "", why: str = "there is no champion") -> News:
    people = {clip.subject for clip in labelled if clip.subject and clip.split == "train"}
    train = sum(clip.split == "train" for clip in labelled)
    return News(champion, len(labelled), train, len(people), 0, None, unlabelled, why=(why,))


def _changed(settings: Settings, allowed: Sequence[Settings]) -> tuple[str, ...]:
    """The settings in which none of the versions agrees with what would be trained; none where one agrees in all."""
    wanted = {key: value for key, value in settings.flat().items() if not key.startswith(_NO_MATTER)}
    fewest: list[str] | None = None
    for stored in allowed:
        flat = stored.flat()
        differing = sorted(key for key, value in wanted.items() if flat.get(key) != value)
        if fewest is None or len(differing) < len(fewest):
            fewest = differing
    return tuple(fewest or ())


def _drift(folder: Path, records: str) -> Drift | None:
    """Whether the champion is asked about others than it learned from; None where that cannot be told."""
    if not (folder / REFERENCE).is_file():
        return None
    try:
        asked = read_records(records)
    except DataError as error:
        if error.code == "missing_file":  # nobody asked yet
            return None
        raise
    own = asked[asked["model"] == digest_of(folder)] if "model" in asked else asked
    return measure(read_table(folder / REFERENCE), own)


def _with_reasons(news: News, when: When, drift: Drift | None) -> News:
    why = []
    if news.settings:
        why.append(f"settings changed ({', '.join(news.settings[:3])}{' …' if len(news.settings) > 3 else ''})")
    if when.new_clips and news.new_clips >= when.new_clips:
        why.append(counted(news.new_clips, "new clips"))
    if when.new_subjects and news.new_subjects >= when.new_subjects:
        why.append(counted(news.new_subjects, "new subjects"))
    if when.days and (news.days or 0) >= when.days:
        why.append(f"the champion is {news.days:g} days old")
    if drift is not None and drift.drifted and news.new_clips:
        why.append("drift")
    said = drift.sentence() if drift is not None else "drift cannot be told: no records or no reference"
    return replace(news, why=tuple(why), drift=said if when.drift else "")
