"""Columns of a manifest that may be thought to say what is learned from, or as what, and do not: told."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from affekt.dataset.clips import SPLITS
from affekt.dataset.labels import known_label
from affekt.dataset.problems import some
from affekt.dataset.split_names import canonical_split
from affekt.dataset.tables import folded

#: What holds instead of a column that tells no split.
SPLIT_COLUMN = f"one that does is called split and holds {', '.join(SPLITS[:-1])} or {SPLITS[-1]}"
#: A column that says of each row whether it is of a split.
_FLAG = re.compile(r"^(is|in|for|use_for)[_ -]+")
_OF_PART = r"(clip|segment|seg|utterance|utt|video|audio|frame|time|t)"
_UNIT = r"(time|frame|at|in|s|sec|secs|second|seconds|ms|msec|hh|mm|ss|index|idx|no|nr|number)"
#: Of units a few are read: very many could be read in more ways than can be tried.
_UNITS = rf"(_?{_UNIT}){{0,3}}"
#: What columns say that is not read, by their names as one word or several, and what holds instead.
_KINDS: Sequence[tuple[re.Pattern[str], str]] = (
    (
        re.compile(rf"({_OF_PART}_?)?(start|begin|onset|end|stop|offset|tmin|tmax){_UNITS}"),
        "files are taken as a whole; cut them to what has the label",
    ),
    (
        re.compile(
            r"(is_|to_be_|to_)?(exclude|ignore|skip|drop|discard|omit|remove|delete|reject|keep|use|include|accept)"
            r"(d|ped|ted|ed)?|"
            r"(is_)?(valid|invalid|usable|unusable|bad|good|corrupt|corrupted|broken|outlier|duplicate|duplicated)"
        ),
        "every row counts; remove those that are not meant",
    ),
    (re.compile(r"(sample|class|clip|row)_weights?|weights"), "every row counts alike"),
    (
        re.compile(r"((k|cv|test|val)_?)?folds?(_?(id|no|nr|number|index))?"),
        "folds are made anew, each without the people of the others; call it split where it names train and test",
    ),
    (
        re.compile(
            r"((face|head|person|body)_?)?(b|bounding)?_?box(es)?(_.+)?|(face_|facial_)?(land_?marks|rect(angle)?)|"
            r"(face_)?(x|y)_?(min|max|[0-2])|(face|head)_(x|y|w|h|left|top|right|bottom|width|height)"
        ),
        "clips are searched for their most prominent face, and face images taken as a whole; cut out who is meant",
    ),
    (
        re.compile(r"(audio|sound)_channel|channel_(no|nr|number|index)"),
        "all channels are heard together; write the one that is meant into a file of its own",
    ),
)


def unread_columns(names: Iterable[str], known: Collection[str]) -> list[str]:
    """A sentence for each kind of such columns.

    Args:
        names: of the columns that are not read, in small letters.
        known: what is read of the table: ``label``, ``subject`` and ``split`` as far as there are columns for them.
    """
    names = list(names)
    said = []
    labels = [name for name in names if known_label(name)]
    if len(labels) > 1:
        said.append(f"the columns {some(labels, shown=7)} are not read, though labels are called so")
    kinds: dict[str, list[str]] = {}
    for name in names:
        if "split" not in known and ("train" in name or canonical_split(_FLAG.sub("", name))):
            said.append(f"the column {name!r} tells no split here; {SPLIT_COLUMN}")
            continue
        plain = re.sub(r"[\W_]+", "_", folded(name)).strip("_")
        if instead := next((instead for pattern, instead in _KINDS if pattern.fullmatch(plain)), None):
            kinds.setdefault(instead, []).append(name)
    for instead, alike in kinds.items():
        which = f"column {alike[0]!r} is" if len(alike) == 1 else f"columns {some(map(repr, alike), 7)} are"
        said.append(f"the {which} not read: {instead}")
    return said
