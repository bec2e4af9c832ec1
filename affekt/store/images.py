"""A data set of still face images, prepared to be trained and evaluated on without any clips."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from affekt.counted import counted
from affekt.dataset import FaceImage, assign_image_splits, repeated_across_splits
from affekt.media.contours import CONTOURS
from affekt.media.prepare import check_skipped, prepare_faces
from affekt.media.prepared import FaceSet, PreparedClip, PreparedIndex, PreparedRow, SkippedClip, picture_digest
from affekt.settings import Settings

logger = logging.getLogger(__name__)


def prepare_images(images: Sequence[FaceImage], settings: Settings, folder: Path, *, source: str = "") -> PreparedIndex:
    """Bring images to the size of the stored face crops, give those without a split one, and write both down.

    ``folder`` then holds what :meth:`FaceSet.write` and :meth:`PreparedIndex.write` write: a row for each image in the
    same order, as a clip of one frame that is all face; its key is the digest of its pixels.

    Args:
        images: what to prepare.
        settings: of the run.
        folder: where to.
        source: the data set that the images are of, for the index to say.

    Raises:
        DataError: too many images cannot be read, or they cannot be divided into images to train on and to evaluate on.
    """
    packed = prepare_faces(images, settings.media.face_size)
    readable = set(packed.names)
    kept = [image for image in images if image.id in readable]
    skipped = [
        SkippedClip(image.id, "unreadable", "not a picture that can be decoded")
        for image in images
        if image.id not in readable
    ]
    digests = [picture_digest(picture) for picture in packed.images]
    check_skipped(PreparedIndex(_rows(kept, digests), tuple(skipped)), settings.media)
    kept = assign_image_splits(kept, digests, val_share=settings.val_share, seed=settings.seed)
    repeated = repeated_across_splits(kept, digests)
    if repeated:
        logger.warning(
            "train holds exact copies of %s outside of it; figures on them say less", counted(repeated, "images")
        )
    index = PreparedIndex(_rows(kept, digests), tuple(skipped), "images", source)
    replace(packed, splits=tuple(image.split for image in kept)).write(folder)
    index.write(folder)
    return index


def _rows(images: Sequence[FaceImage], digests: Sequence[str]) -> tuple[PreparedRow, ...]:
    return tuple(
        PreparedRow(image.id, image.label, image.subject, image.split, digest, 1, 1, False)
        for image, digest in zip(images, digests, strict=True)
    )


class ImageStore:
    """The images that :func:`prepare_images` wrote, by key, as clips of one frame that is all face."""

    def __init__(self, folder: Path) -> None:
        self._images = FaceSet.read(folder).images
        self._numbers = {row.key: number for number, row in enumerate(PreparedIndex.read(folder))}

    def get(self, key: str) -> PreparedClip:
        """The image under a key; there are no sound and no box."""
        number = self._numbers[key]
        return PreparedClip(
            self._images[number : number + 1], np.ones(1, bool), np.full((1, 4), np.nan, np.float32),
            np.zeros(1, np.float32), np.zeros(88, np.float32), voice=False,
        )  # fmt: skip

    def functionals(self, keys: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Images have none."""
        return np.zeros((len(keys), 88), np.float32), np.zeros(len(keys), bool)

    def contours(self, keys: Sequence[str]) -> np.ndarray:
        """Images have none."""
        return np.full((len(keys), CONTOURS), np.nan, np.float32)
