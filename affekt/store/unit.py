"""Where what an index lists is: its clips in the prepared store, its images beside itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from affekt.media.prepared import PreparedClip, PreparedIndex
from affekt.settings import MediaSettings
from affekt.store.entries import Store


class PreparedStore(Protocol):
    """Gives what was prepared, by key."""

    def get(self, key: str) -> PreparedClip:
        """The prepared clip under a key; an image is one of a single frame that is all face."""

    def functionals(self, keys: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The functionals ``[N, F]`` of so many clips, and whether they are of a voice, bool ``[N]``."""

    def contours(self, keys: Sequence[str]) -> np.ndarray:
        """How the descriptors of so many clips run, ``[N, 360]``, NaN where a clip has none that tell it."""


def store_of(index: PreparedIndex, root: str, settings: MediaSettings) -> PreparedStore:
    """Where the clips or images of an index are.

    Args:
        index: as :meth:`PreparedIndex.read` read it.
        root: of the prepared store of clips.
        settings: that they were prepared with.
    """
    if index.unit == "clips":
        return Store(root, settings)
    from affekt.store.images import ImageStore  # heavy: cv2, which prepared clips are read without

    if index.folder is None:
        raise ValueError("an index of images has its images beside it; read it from its folder")
    return ImageStore(index.folder)
