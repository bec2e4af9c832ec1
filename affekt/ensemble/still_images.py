"""What an ensemble says of still face images: evaluation by command, and the champion in the gate."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import cv2
import numpy as np

from affekt.dataset import FaceImage, Unit, read_faces
from affekt.ensemble.champion import refuse_gone
from affekt.ensemble.ensemble import Ensemble
from affekt.errors import AffektError, MediaError
from affekt.media import SkippedClip, face_picture
from affekt.media.prepared import picture_digest
from affekt.progress import Progress
from affekt.score_table import ScoreTable

logger = logging.getLogger(__name__)

#: Images in memory at once.
BATCH = 256
#: Images in which a face is searched until there are enough to ask a server about.
TRIES = 60


def score_images(
    ensemble: Ensemble, images: Sequence[FaceImage], contents: dict[str, str] | None = None
) -> tuple[ScoreTable, list[SkippedClip]]:
    """Score still images as they are, without a search for the face, in the ensemble's own size.

    Args:
        ensemble: any with a member that answers still images; it answers alone.
        images: labelled images.
        contents: gets the content of each readable image, by which those are known that were learned from.

    Returns:
        The score table ``[N, 1, L]`` of the readable images, and those that cannot be read.

    Raises:
        DataError: ``no_image_model``: no member answers still images.
    """
    size = ensemble.settings.media.face_size
    kept: list[FaceImage] = []
    skipped: list[SkippedClip] = []
    vectors = [ensemble.score_faces(np.zeros((1, size, size, 3), np.uint8))[:0]]  # raises before any image is read
    with Progress("score", len(images), "image") as progress:
        for first in range(0, len(images), BATCH):
            batch = images[first : first + BATCH]
            pictures = []
            for image in batch:
                try:
                    pictures.append(face_picture(image, size))
                except MediaError as error:
                    skipped.append(SkippedClip(image.id, error.code, error.message))
                else:
                    kept.append(image)
                    if contents is not None:
                        contents[image.id] = picture_digest(pictures[-1])
            if pictures:
                vectors.append(ensemble.score_faces(np.stack(pictures)))
            progress.advance(len(batch))
    labels = ensemble.labels
    table = ScoreTable(
        tuple(image.id for image in kept),
        labels,
        (ensemble.image_model or "",),
        np.concatenate(vectors)[:, np.newaxis],
        np.array([labels.index(image.label) if image.label in labels else -1 for image in kept], dtype=int),
        tuple(image.subject for image in kept),
        tuple(image.split for image in kept),
    )
    return table, skipped


@dataclass(frozen=True)
class StillImages:
    """The images of a run by name, for the gate's questions to the champion and to a server."""

    images: dict[str, FaceImage]
    unit: ClassVar[Unit] = "images"

    @classmethod
    def read(cls, uri: str) -> StillImages:
        """The images of a source, as :func:`affekt.dataset.read_faces` reads them."""
        return cls({image.id: image for image in read_faces(uri)})

    def can_be_answered_by(self, ensemble: Ensemble) -> bool:
        """Only an ensemble of nothing but the model that answers images alone."""
        return ensemble.models == (ensemble.image_model,)

    def answers(self, ensemble: Ensemble, names: Sequence[str]) -> np.ndarray:
        """Float64 ``[N, L]``: the ensemble's probabilities of the named images, NaN where there is no answer.

        Raises:
            DataError: ``missing``: an image is gone.
        """
        table, skipped = score_images(ensemble, [self.images[name] for name in names if name in self.images])
        gone = [name for name in names if name not in self.images]
        refuse_gone(skipped, gone, len(names), self.unit)
        position = {name: row for row, name in enumerate(table.clips)}
        answers = np.full((len(names), len(ensemble.labels)), np.nan)
        for number, name in enumerate(names):
            if name in position:
                answers[number] = table.scores[position[name], 0]
        return answers

    @contextmanager
    def files(self, ensemble: Path, names: Sequence[str], count: int = 3) -> Iterator[list[Path]]:
        """At most ``count`` of the named images as files, of different labels and with a face that is found.

        A crop that a face fills shows none to the detector, so there may be fewer.
        """
        asked = Ensemble.load(ensemble)
        found: dict[str, Path] = {}
        with TemporaryDirectory() as folder:
            for number, name in enumerate(names[:: max(1, len(names) // TRIES)][:TRIES]):
                image = self.images.get(name)
                if image is None or image.label in found or len(found) == count:
                    continue
                path = Path(folder, f"{number}.png")
                try:
                    cv2.imwrite(str(path), image.load()[:, :, ::-1])
                    asked.predict_file(path)
                except AffektError:
                    continue
                found[image.label] = path
            yield list(found.values())
