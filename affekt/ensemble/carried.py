"""The clips that an ensemble's folder carries with the answers it gave where it was trained; read without a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.ensemble.manifest import check_file, read_manifest

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

    def file_of(name: str) -> Path:
        file = folder / TRIALS / name
        if not checked:
            check_file(file, known[f"{TRIALS}/{name}"])
        return file

    if f"{TRIALS}/{EXPECTED}" not in known:
        return []
    expected = json.loads(file_of(EXPECTED).read_text(encoding="utf-8"))
    return [
        Carried(file_of(name), answer)
        for name, answer in expected.items()
        if f"{TRIALS}/{name}" in known  # no other file is one of its own
    ]
