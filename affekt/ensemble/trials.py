"""Gives an ensemble clips to carry, with the answers it gives where it was trained: who serves it asks them again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from affekt.ensemble.carried import EXPECTED, EXPECTED_INT8, TRIALS
from affekt.ensemble.ensemble import Ensemble
from affekt.ensemble.manifest import add_files
from affekt.errors import MediaError
from affekt.models.engine import INT8_GRAPH


def add_trials(folder: Path, clips: Sequence[Path]) -> None:
    """Ask an ensemble about clips, and put them with the answers into its folder; its digest changes with that.

    Args:
        folder: of the ensemble.
        clips: of different names, which nobody minds being shown: they go wherever the ensemble goes.

    Raises:
        DataError: it is no ensemble, or it is damaged.
    """
    ways = {EXPECTED: Ensemble.load(folder, precision="float")}
    # Answers in int8 and in floats, as other processors give, differ by more than those of two processors.
    if any(folder.glob(f"members/*/{INT8_GRAPH}")):
        ways[EXPECTED_INT8] = Ensemble.load(folder, inference="openvino")
    (folder / TRIALS).mkdir()
    for clip in clips:
        shutil.copyfile(clip, folder / TRIALS / clip.name)
    for name, ensemble in ways.items():
        expected = {clip.name: answer_of(ensemble, clip) for clip in clips}
        (folder / TRIALS / name).write_text(json.dumps(expected, indent=2), encoding="utf-8")
    add_files(folder, [f"{TRIALS}/{name}" for name in (*(clip.name for clip in clips), *ways)])


def answer_of(ensemble: Ensemble, clip: Path) -> dict[str, Any]:
    """The answer of an ensemble to a clip as a trial expects it."""
    try:
        return ensemble.predict_file(clip).to_dict()
    except MediaError as error:
        return {"error": error.code}
