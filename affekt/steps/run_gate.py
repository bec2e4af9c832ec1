"""The gate's procedure: challenger against champion on the same clips, then in a real server, then the registry."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.ensemble.champion import Material, relabel
from affekt.ensemble.ensemble import Ensemble
from affekt.errors import AffektError
from affekt.registry import Decision, ScoreVectors, Tracking, decide, promote, resolve
from affekt.registry.models import find
from affekt.score_table import ScoreTable
from affekt.settings import Settings
from affekt.steps.fit_fusion import reported_split

#: Asks an ensemble in a real server about clips; returns ``ok`` and a ``message``.
ServingCheck = Callable[[Path, Sequence[Path]], dict[str, Any]]


@dataclass(frozen=True)
class Challenger:
    """The candidate: its registered name and version, its folder, and its fused answers on unseen clips."""

    name: str
    version: int
    folder: Path
    fused: ScoreTable


def run_gate(
    tracking: Tracking,
    challenger: Challenger,
    material: Material,
    *,
    settings: Settings,
    check: ServingCheck | None,
) -> Decision:
    """Decide, and promote the challenger when the decision is for it.

    Args:
        tracking: where the models are registered.
        challenger: the candidate.
        material: the clips or the still images; the champion answers those that the challenger did.
        settings: the run's settings.
        check: asks the challenger in a real server; None leaves that out.

    Returns:
        The decision; a failed serving check turns it against the challenger.
    """
    mine = _vectors_of_challenger(challenger, settings, material.unit)
    folder = _champion(tracking, challenger.name)
    theirs = None
    if folder is not None:
        champion = Ensemble.load(folder)
        if not material.can_be_answered_by(champion):
            return Decision(
                False,
                [
                    f"The champion of {challenger.name!r} answers with {', '.join(champion.models)}, which still "
                    "images cannot judge: it stays. Give a model of images a --name of its own."
                ],
            )
        theirs = _vectors_of_champion(champion, mine, material)
    decision = decide(
        mine,
        theirs,
        confidence=settings.gate.confidence,
        margin=settings.gate.margin,
        bootstrap=settings.evaluation.bootstrap,
        seed=settings.seed,
    )
    if decision.promote and check is not None:
        with material.files(challenger.folder, mine.clips) as files:
            if files:
                served = check(challenger.folder, files)
                reason = f"In a real TorchServe: {served['message']}"
            else:
                served = {"ok": None, "message": "no face is found in the images, so a server has nothing to answer"}
                reason = f"Not asked in a real TorchServe: {served['message']}."
        figures = {**decision.figures, "serving": served}
        decision = Decision(served["ok"] is not False, [*decision.reasons, reason], figures)
    if decision.promote:
        promote(f"{challenger.name}/{challenger.version}", tracking)
    return decision


def _champion(tracking: Tracking, name: str) -> Path | None:
    try:
        find(f"{name}@champion", tracking)
    except AffektError as error:
        if error.code in ("unknown_model", "unknown_alias"):
            return None
        raise
    return resolve(f"{name}@champion", tracking)


def _vectors_of_challenger(challenger: Challenger, settings: Settings, unit: str) -> ScoreVectors:
    split = reported_split(challenger.fused)
    keep = np.array(
        [
            name == split and truth >= 0
            for name, truth in zip(challenger.fused.splits, challenger.fused.truth, strict=True)
        ]
    )
    fused = challenger.fused.only([settings.fusion.method]).rows(keep)
    digest = Ensemble.digest_of(challenger.folder)
    return ScoreVectors(fused.clips, fused.labels, fused.scores[:, 0], fused.truth, fused.subjects, digest, unit)


def _vectors_of_champion(champion: Ensemble, mine: ScoreVectors, material: Material) -> ScoreVectors:
    # What the champion has no answer to is what it did not get right.
    moved = relabel(material.answers(champion, mine.clips), champion.labels, mine.labels)
    return dataclasses.replace(mine, probabilities=moved, digest=champion.digest)
