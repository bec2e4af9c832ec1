"""The clips that an ensemble's folder carries with the answers it gave where it was trained; read without a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.ensemble.manifest import MANIFEST, read_manifest
from affekt.errors import DataError
from affekt.storage import file_digest

#: Largest difference of a probability: other processors sum in another order, and trainings may answer by a GPU.
TOLERANCE = 0.01
#: The folder of the clips, and in it the file of what is expected.
TRIALS, EXPECTED = "trials", "expected.json"


@dataclass(frozen=True)
class Carried:
    """A clip with its answer.

    Attributes:
        clip: the file.
        expected: the answer's document, or ``{"error": code}``.
    """

    clip: Path
    expected: Mapping[str, Any]


def trials_in(folder: Path, *, checked: bool = True) -> list[Carried]:
    """The clips that an ensemble carries; none where it was stored before there were any.

    Args:
        folder: of the ensemble.
        checked: whether all files of the folder are held against their digests, or only those that are read here.

    Raises:
        DataError: it is no ensemble, or it is damaged.
    """
    known = read_manifest(folder, checked=checked)["files"]
    if f"{TRIALS}/{EXPECTED}" not in known:
        return []
    expected = json.loads(_checked(folder, EXPECTED, known).read_text(encoding="utf-8"))
    return [
        Carried(_checked(folder, name, known), answer)
        for name, answer in expected.items()
        if f"{TRIALS}/{name}" in known  # no other file is one of its own
    ]


def _checked(folder: Path, name: str, known: Mapping[str, str]) -> Path:
    file = folder / TRIALS / name
    if file_digest(file) != known[f"{TRIALS}/{name}"]:
        raise DataError(
            f"does not match its digest in {MANIFEST}; fetch the ensemble again", code="damaged", where=str(file)
        )
    return file
