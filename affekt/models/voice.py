"""Scores of one clip, or of many rows of functionals, by the audio members that were fitted before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.classifiers import ArrayClassifier, load_classifiers
from affekt.errors import DataError
from affekt.media.prepared import PreparedClip

#: The files of a fitted member in its folder.
DESCRIPTION, WEIGHTS = "model.json", "model.safetensors"


@dataclass(frozen=True)
class AudioScorer:
    """Audio members that answer together. Build with :meth:`load`.

    Attributes:
        labels: the L labels of every score vector.
        members: the classifier of each member by name.
        descriptions: the ``model.json`` of each member by name.
    """

    labels: tuple[str, ...]
    members: Mapping[str, ArrayClassifier]
    descriptions: Mapping[str, Mapping[str, Any]]

    @classmethod
    def load(cls, folders: Mapping[str, Path]) -> AudioScorer:
        """Load the named members, any of ``random_forest`` and ``svc``, from the folders that ``fit_audio`` wrote.

        With no folder at all the scorer has no answer for any clip.

        Raises:
            DataError: a file is missing or damaged, holds another member, or the members differ in their labels.
        """
        members: dict[str, ArrayClassifier] = {}
        descriptions: dict[str, Mapping[str, Any]] = {}
        for name, folder in folders.items():
            description = _read_description(Path(folder) / DESCRIPTION)
            if description["member"] != name:
                raise DataError(
                    f"expected the member {name!r}, found {description['member']!r}",
                    code="wrong_member",
                    where=str(folder),
                )
            descriptions[name] = description
            members[name] = load_classifiers(Path(folder) / WEIGHTS, description["sha256"])[name]
        labels = {name: tuple(description["labels"]) for name, description in descriptions.items()}
        if len(set(labels.values())) > 1:
            raise DataError(f"the audio members score different labels: {labels}", code="labels_differ")
        return cls(next(iter(labels.values()), ()), members, descriptions)

    def score(self, clip: PreparedClip) -> dict[str, np.ndarray]:
        """The probabilities float64 ``[L]`` of each member; empty for a clip without usable sound.

        Raises:
            DataError: the clip's functionals are not the ones that the members were fitted on.
        """
        if not clip.voice:
            return {}
        row = np.asarray(clip.functionals, dtype=float)[None]
        for name, description in self.descriptions.items():
            if row.shape[1] != description["features"]:
                raise DataError(
                    f"{name} was fitted on {description['features']} functionals, the clip has {row.shape[1]}",
                    code="wrong_features",
                )
        return {name: member.predict(row)[0] for name, member in self.members.items()}


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"not a readable description of an audio member: {error}", code="missing", where=str(path)
        ) from error
    missing = [key for key in ("member", "labels", "features", "sha256") if key not in description]
    if missing:
        raise DataError(f"lacks {', '.join(missing)}", code="unreadable", where=str(path))
    assert isinstance(description, dict)
    return description
