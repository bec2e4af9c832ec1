"""The prepared clips of an index as the visual members learn from them: by row number, from wherever they are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from affekt.dataset.several import possible_labels
from affekt.media.pictures import FacePictures
from affekt.media.prepared import PreparedClip
from affekt.training.decoded import DecodedPictures, KeptPictures
from affekt.training.given import Given
from affekt.training.picture_batches import FaceClip


class FaceClips:
    """The prepared clips of an index by row number; pictures that were drawn once stay decoded."""

    def __init__(self, given: Given) -> None:
        self._index, self._store, self._labels = given.index, given.store, given.labels
        self._possible = possible_labels(given.index)
        self._decoded = DecodedPictures()
        self._faces: dict[int, np.ndarray | KeptPictures] = {}

    def prepared(self, row: int) -> PreparedClip:
        """The prepared clip of a row."""
        return self._store.get(self._index.rows[row].key)

    def name(self, row: int) -> str:
        """The clip's id in its data set."""
        return self._index.rows[row].clip

    def key(self, row: int) -> str:
        """The clip's key in the store."""
        return self._index.rows[row].key

    def rows(self, numbers: Sequence[int] | np.ndarray) -> list[FaceClip]:
        """The face frames of these rows, to learn from."""
        clips = []
        for number in numbers:
            row, clip = self._index.rows[number], self.prepared(number)
            if int(number) not in self._faces:
                faces = clip.faces
                kept = KeptPictures(faces, self._decoded) if isinstance(faces, FacePictures) else faces
                self._faces[int(number)] = kept
            label = self._labels.index(row.label)
            clips.append(FaceClip(row.key, self._faces[int(number)], clip.face_frames, label, self._could_be(row.clip)))
        return clips

    def _could_be(self, clip: str) -> tuple[bool, ...] | None:
        """Which labels a clip could have had; None where all, since all data sets have the same."""
        known = self._possible.get(clip)
        return None if known is None else tuple(label in known for label in self._labels)

    def digest(self, numbers: Sequence[int] | np.ndarray) -> str:
        """Which clips with which labels these are."""
        facts = sorted((self._index.rows[number].key, self._index.rows[number].label) for number in numbers)
        return hashlib.sha256(repr(facts).encode()).hexdigest()
