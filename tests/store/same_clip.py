"""Whether two prepared clips are equal in every bit."""

from __future__ import annotations

import numpy as np

from affekt.media import PreparedClip


def same_clip(clip: PreparedClip, other: PreparedClip) -> bool:
    arrays = ("faces", "present", "boxes", "times", "functionals", "descriptors", "mel")
    facts = all(getattr(clip, name) == getattr(other, name) for name in ("voice", "flags", "details"))
    return (
        facts
        and _same_wide(clip, other)
        and all(
            np.array_equal(np.asarray(getattr(clip, name)), np.asarray(getattr(other, name)), equal_nan=name == "boxes")
            for name in arrays
        )
    )


def _same_wide(clip: PreparedClip, other: PreparedClip) -> bool:
    if clip.wide is None or other.wide is None:
        return clip.wide is other.wide
    pictures = np.array_equal(np.asarray(clip.wide.pictures), np.asarray(other.wide.pictures))
    return pictures and np.array_equal(clip.wide.frames, other.wide.frames)
