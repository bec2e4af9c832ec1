"""What the gate would find on a data set's clips, told before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from affekt.counted import counted
from affekt.dataset import Clip, ClipTable, assign_splits, load_clips
from affekt.dataset.same_people import people_of
from affekt.dataset.several import names_beside
from affekt.ensemble.learned import Learned
from affekt.errors import AffektError, DataError
from affekt.json_document import FLAT, JsonDocument
from affekt.registry import Tracking, resolve
from affekt.registry.detectable import Detectable, above_champion, above_chance
from affekt.registry.held_against import next_level
from affekt.registry.models import champion_of, registered_model
from affekt.registry.spending import Spending
from affekt.settings import Settings
from affekt.statistics.power import Design
from affekt.storage import whereabouts


@dataclass(frozen=True)
class GatePower(JsonDocument):
    """What the next challenger of a champion would have to gain.

    Attributes:
        name: of the registered model.
        champion: its champion's version; None where there is none.
        number: as which challenger of it the next one comes.
        split: whose clips decide.
        left_out: clips of it whose subject the champion learned from.
        could: what is found on the others.
    """

    name: str
    champion: int | None
    number: int
    split: str
    left_out: int
    could: Detectable = field(metadata=FLAT)


def gate_power(data: str, tracking: Tracking, name: str, settings: Settings, *, disagreement: float) -> GatePower:
    """What a challenger trained on these data would have to gain to be promoted.

    The clips are those that a training would be decided by: labelled ones of the split test, or val, whose subject the
    champion did not learn from, each file once. Copies of files, under another subject say, are not looked for: that
    takes every file's content.

    Args:
        data: a data set of clips, as ``affekt train`` takes it.
        tracking: where models are registered.
        name: of the model.
        settings: of the training.
        disagreement: the share of clips that just one of champion and challenger gets right.

    Raises:
        DataError: the data set is wrong, or no labelled clip is left to decide by.
    """
    table = assign_splits(
        load_clips(data, leave_out_unlabelled=settings.leave_out_unlabelled),
        val_share=settings.val_share,
        seed=settings.seed,
        allow_shared_subjects=settings.allow_shared_subjects,
    )
    split, found = _deciding(table)
    people_of_name, deciding = _once(found)
    champion = champion_of(name, tracking)
    learned = None if champion is None else Learned.read(resolve(champion.reference, tracking))
    names = names_beside(data)
    known = {person for own, person in people_of_name.items() if learned is not None and learned.knows(own, "", names)}
    people = [clip.subject for clip in deciding if clip.subject not in known]
    left_out = len(deciding) - len(people)
    if not people:
        raise DataError(
            f"the champion learned from the subjects of {counted(left_out, 'labelled clips')} of {split}, all "
            "there are; keep people there "
            "whom no model learns from",
            code="no_clips",
            where=data,
        )
    gate = settings.gate
    rule = Spending(gate.confidence, gate.false_promotions, gate.decisions)
    number = champion.version if champion else None
    tags = _tags(tracking, name)
    level = next_level(tags, number, rule)
    design = replace(Design.of(people), disagreement=disagreement)
    if champion is None:
        labels = len({clip.label for clip in deciding})
        could = above_chance(design, people, labels, level, seed=settings.seed)
    else:
        could = above_champion(design, people, level, gate.margin, seed=settings.seed)
    return GatePower(name, number, level.number, split, left_out, could)


def _once(clips: Sequence[Clip]) -> tuple[dict[str, str], list[Clip]]:
    """Each file once (a data set may lie inside of another), with its person; and the person of each subject.

    Subjects of whom the same file is there are one person.
    """
    files = [whereabouts(clip.uri) for clip in clips]
    named = [(clip.subject, file) for clip, file in zip(clips, files, strict=True) if clip.subject]
    own = [name for name, _ in named]
    people = dict(zip(own, people_of(own, [file for _, file in named]), strict=True))
    first: dict[str, Clip] = {}
    for clip, file in zip(clips, files, strict=True):
        known = first.get(file)
        if known is None or (not known.subject and clip.subject):
            first[file] = replace(clip, subject=people.get(clip.subject, ""))
    return people, list(first.values())


def _tags(tracking: Tracking, name: str) -> dict[str, str]:
    try:
        return registered_model(name, tracking).tags
    except AffektError as error:
        if error.code == "unknown_model":
            return {}
        raise


def _deciding(table: ClipTable) -> tuple[str, Sequence[Clip]]:
    for split in ("test", "val"):
        found = [clip for clip in table if clip.split == split and clip.label]
        if found:
            return split, found
    raise DataError("neither the split test nor val holds a labelled clip to decide by", code="no_val")
