"""What to do about clips with exactly the same content: of one file something else than of two."""

from __future__ import annotations

from collections.abc import Iterable

from affekt.dataset.clips import Clip
from affekt.storage import whereabouts


def keep_one(clips: Iterable[Clip]) -> str:
    """The remedy; of one file that is listed several times the file itself must stay."""
    if len({whereabouts(clip.uri) for clip in clips}) > 1:
        return "keep one of them"
    return "all of them are one file: list it once (of a data set inside of another one, leave the inner one out)"
