"""A trained model that is a classifier of one row of features a clip: its folder, and its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from affekt.classifiers import ArrayClassifier, Moments, PersonClassifier, load_classifiers
from affekt.classifiers.familiar import Familiar
from affekt.errors import DataError
from affekt.media.prepared import PreparedClip
from affekt.models.member import Scored

#: The files of a fitted member in its folder.
DESCRIPTION, WEIGHTS = "model.json", "model.safetensors"
#: The name of the classifier of a person's clips in the weights file.
PERSON = "person"
#: One row of features float64 ``[F]`` of a clip, or None where the clip has not what they are made of.
Features = Callable[[PreparedClip], np.ndarray | None]


class ClassifierMember:
    """A fitted classifier that answers. Build with :meth:`load`.

    Attributes:
        name: of its model.
        labels: the L labels of a score vector.
    """

    def __init__(
        self,
        description: Mapping[str, Any],
        classifier: ArrayClassifier,
        features: Features,
        person: PersonClassifier | None = None,
        familiar: Familiar | None = None,
    ) -> None:
        self.name: str = description["member"]
        self.labels: tuple[str, ...] = tuple(description["labels"])
        self._count: int = description["features"]
        self._classifier, self._features, self._person = classifier, features, person
        self._familiar = familiar

    @classmethod
    def load(cls, folder: Path, features: Features) -> ClassifierMember:
        """Read the folder that :func:`affekt.training.classifier.train_classifier` wrote.

        Args:
            folder: where it is.
            features: what the classifier was fitted on.

        Raises:
            DataError: a file is missing or damaged.
        """
        description = read_description(folder / DESCRIPTION)
        classifiers = load_classifiers(folder / WEIGHTS, description["sha256"])
        if description["member"] not in classifiers:
            raise DataError(
                f"holds no classifier of the {description['member']}", code="unreadable", where=str(folder / WEIGHTS)
            )
        person = classifiers.get(PERSON)
        assert person is None or isinstance(person, PersonClassifier)
        return cls(description, classifiers[description["member"]], features, person, Familiar.read(folder))

    def score(self, clip: PreparedClip, needed: Mapping[str, Any] | None = None) -> Scored:
        """The clip's score vector; none where it has not what the features are made of.

        Raises:
            DataError: the clip's features are not the ones that the member was fitted on.
        """
        row = self._features(clip)
        if row is None:
            return Scored(None)
        if len(row) != self._count:
            raise DataError(
                f"{self.name} was fitted on {self._count} {in_words(self._features)}, the clip has {len(row)}",
                code="wrong_features",
            )
        vector = self._classifier.predict(row[None])[0]
        distance = None if self._familiar is None else float(self._familiar.distances(row[None])[0])
        return Scored(vector, row=row if self._person else None, distance=distance)

    @property
    def usual(self) -> np.ndarray | None:
        """The mean features float64 ``[F]`` of what was learned from; None for a model stored without."""
        return None if self._familiar is None else self._familiar.mean

    def row_of(self, clip: PreparedClip) -> np.ndarray | None:
        """The features float64 ``[F]`` of a clip, from which :meth:`score_rows` answers; None where it has none."""
        return self._features(clip)

    def score_rows(self, rows: np.ndarray) -> np.ndarray:
        """The score vectors float64 ``[N, L]`` of rows of features float64 ``[N, F]``."""
        return np.asarray(self._classifier.predict(rows))

    def score_person(self, rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """The score vectors float64 ``[N, L]`` of one person's clips, from their rows and their plain vectors.

        Args:
            rows: float64 ``[N, F]``, ``row`` of what :meth:`score` gave of each clip.
            vectors: float64 ``[N, L]``, ``vector`` of it.
        """
        return vectors if self._person is None else self._person.mixed(rows, vectors)

    def score_after(self, row: np.ndarray, vector: np.ndarray, earlier: Moments) -> np.ndarray:
        """As :meth:`score_person` for one more clip of a person of whose earlier clips statistics are left alone."""
        if self._person is None:
            return vector
        shown = earlier.joined(Moments.of(row[np.newaxis]))
        adapted: np.ndarray = self._person.mixed(row[np.newaxis], vector[np.newaxis], shown)[0]
        return adapted


def in_words(features: Features) -> str:
    """What features are called where people read it."""
    return features.__name__.replace("_", " ")


def read_description(path: Path) -> dict[str, Any]:
    """What ``model.json`` of a fitted member says.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"not a readable description of a fitted model: {error}", code="missing", where=str(path)
        ) from error
    missing = [key for key in ("member", "labels", "features", "sha256") if key not in description]
    if missing:
        raise DataError(f"lacks {', '.join(missing)}", code="unreadable", where=str(path))
    assert isinstance(description, dict)
    return description
