"""The clips that an ensemble's folder carries with the answers it gave where it was trained; read without a model."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.ensemble.manifest import check_file, read_manifest

#: Largest difference of a probability: other processors sum in another order, and trainings may answer by a GPU.
TOLERANCE = 0.01
#: The folder of the clips, and in it the files of what is expected: of floats, and of networks in int8.
TRIALS, EXPECTED, EXPECTED_INT8 = "trials", "expected.json", "expected-int8.json"


def answers_in_int8(folder: Path, inference: str) -> bool:
    """Whether networks of an ensemble that may answer in int8 do so in this process.

    Args:
        folder: of the ensemble.
        inference: of its settings, which the environment overrides.
    """
    from affekt.models.engine import INFERENCE, INT8_GRAPH, answers_by_graph, int8_pays  # few ensembles have int8

    networks = [path.parent for path in folder.glob(f"members/*/{INT8_GRAPH}")]
    inference = os.environ.get(INFERENCE) or inference
    return any(answers_by_graph(network, inference, "auto") for network in networks) and int8_pays()


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
    manifest = read_manifest(folder, checked=checked)
    known = manifest["files"]

    def file_of(name: str) -> Path:
        file = folder / TRIALS / name
        if not checked:
            check_file(file, known[f"{TRIALS}/{name}"])
        return file

    if f"{TRIALS}/{EXPECTED}" not in known:
        return []
    in_int8 = f"{TRIALS}/{EXPECTED_INT8}" in known and answers_in_int8(folder, manifest["settings"]["inference"])
    expected = json.loads(file_of(EXPECTED_INT8 if in_int8 else EXPECTED).read_text(encoding="utf-8"))
    return [
        Carried(file_of(name), answer)
        for name, answer in expected.items()
        if f"{TRIALS}/{name}" in known  # no other file is one of its own
    ]
