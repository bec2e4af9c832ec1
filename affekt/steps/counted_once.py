"""Evidence counts once: of clips of the same content one is evaluated, and their subjects are one person.

Copies are there where a data set lies inside of another that is given with it, where two manifests list the same files,
and where a file was copied under another name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from affekt.dataset.same_people import people_of
from affekt.media import PreparedIndex, PreparedRow, SkippedClip
from affekt.score_table import ScoreTable

#: Code of the remark on a clip that does not count.
COPY = "copy"


def counted_once(
    index: PreparedIndex, labels: Collection[str] = (), possible: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> PreparedIndex:
    """The index without copies of others of its clips, which are among the skipped ones with a remark.

    Of clips of one content the first counts, before all others the first of one of the labels, then the first with
    another label; of several such the first that could have had the most labels, or the choice would flatter. All
    subjects of whom the same file is there are called as one of them; a clip has the subject of a copy that names one.
    Still images are the same for other reasons, too (two are all black), and stay.

    Args:
        index: of the clips that are evaluated.
        labels: that an answer can have.
        possible: the labels that each clip could have (:func:`affekt.dataset.several.possible_labels`).
    """
    if index.unit != "clips":
        return index
    alike: dict[str, list[PreparedRow]] = {}
    for row in index:
        alike.setdefault(row.content, []).append(row)
    kept: dict[str, PreparedRow] = {}
    copies: list[SkippedClip] = []
    for rows in alike.values():
        first = min(rows, key=lambda row: (row.label not in labels, not row.label, -len(possible.get(row.clip, ()))))
        subject = first.subject or next((row.subject for row in rows if row.subject), "")
        kept[first.clip] = replace(first, subject=subject)
        copies += [SkippedClip(row.clip, COPY, _told(row, first)) for row in rows if row is not first]
    if not copies:
        return index
    named = [row for row in index if row.subject]
    own = [row.subject for row in named]
    people = dict(zip(own, people_of(own, [row.content for row in named]), strict=True))
    others = {item.clip for item in copies}
    return replace(
        index,
        rows=tuple(
            replace(found, subject=people.get(found.subject, "")) for row in index if (found := kept.get(row.clip))
        ),
        skipped=(*(item for item in index.skipped if item.clip not in others), *copies),
    )


def rows_counted(table: ScoreTable, index: PreparedIndex) -> ScoreTable:
    """The rows of a score table that are of clips of an index, with the index's names of their subjects."""
    people = {row.clip: row.subject for row in index}
    found = table.rows([row for row, clip in enumerate(table.clips) if clip in people])
    return replace(found, subjects=tuple(people[clip] for clip in found.clips))


def _told(row: PreparedRow, first: PreparedRow) -> str:
    if row.label == first.label or not row.label:
        return "holds the same as another clip, and counts once, as that one"
    return f"holds the same as {first.clip}, and counts once, as that one, with its label {first.label}"
