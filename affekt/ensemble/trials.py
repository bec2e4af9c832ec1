"""Clips that an ensemble carries with the answers it gave where it was trained: who serves it asks them again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.ensemble.ensemble import Ensemble
from affekt.ensemble.manifest import add_files, read_manifest
from affekt.errors import MediaError

#: Largest difference of a probability: other processors sum in another order, and trainings may answer by a GPU.
TOLERANCE = 0.01
_FOLDER, _EXPECTED = "trials", "expected.json"


@dataclass(frozen=True)
class Carried:
    """A clip with its answer.

    Attributes:
        clip: the file.
        expected: the answer's document, or ``{"error": code}``.
    """

    clip: Path
    expected: Mapping[str, Any]


def add_trials(folder: Path, clips: Sequence[Path]) -> None:
    """Ask an ensemble about clips, and put them with the answers into its folder; its digest changes with that.

    Args:
        folder: of the ensemble.
        clips: of different names, which nobody minds being shown: they go wherever the ensemble goes.

    Raises:
        DataError: it is no ensemble, or it is damaged.
    """
    ensemble = Ensemble.load(folder)
    expected = {clip.name: answer_of(ensemble, clip) for clip in clips}
    (folder / _FOLDER).mkdir()
    for clip in clips:
        shutil.copyfile(clip, folder / _FOLDER / clip.name)
    (folder / _FOLDER / _EXPECTED).write_text(json.dumps(expected, indent=2), encoding="utf-8")
    add_files(folder, [f"{_FOLDER}/{name}" for name in (*expected, _EXPECTED)])


def answer_of(ensemble: Ensemble, clip: Path) -> dict[str, Any]:
    """The answer of an ensemble to a clip as a trial expects it."""
    try:
        return ensemble.predict_file(clip).to_dict()
    except MediaError as error:
        return {"error": error.code}


def trials_in(folder: Path) -> list[Carried]:
    """The clips that an ensemble carries; none where it was stored before there were any.

    Raises:
        DataError: it is no ensemble, or it is damaged.
    """
    known = read_manifest(folder)["files"]
    if f"{_FOLDER}/{_EXPECTED}" not in known:
        return []
    expected = json.loads((folder / _FOLDER / _EXPECTED).read_text(encoding="utf-8"))
    return [
        Carried(folder / _FOLDER / name, answer)
        for name, answer in expected.items()
        if f"{_FOLDER}/{name}" in known  # no other file is one of its own
    ]
