"""The gate's procedure: challenger against champion on the same clips, then in a real server, then the registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.dataset import ClipTable
from affekt.ensemble.champion import prepare_and_score, relabel
from affekt.ensemble.ensemble import Ensemble
from affekt.ensemble.fusing import reported_split
from affekt.errors import AffektError
from affekt.registry import Decision, ScoreVectors, Tracking, decide, promote, resolve
from affekt.registry.models import find
from affekt.score_table import ScoreTable
from affekt.settings import Settings
from affekt.storage import open_local

#: Asks an ensemble in a real server about clips; returns ``ok`` and a ``message``.
ServingCheck = Callable[[Path, Sequence[Path]], dict[str, Any]]


@dataclass(frozen=True)
class Challenger:
    """The candidate: its registered name and version, its folder, and its fused answers on unseen clips."""

    name: str
    version: int
    folder: Path
    fused: ScoreTable


def challenge(
    tracking: Tracking,
    challenger: Challenger,
    clips: ClipTable,
    *,
    store: str,
    settings: Settings,
    check: ServingCheck | None,
) -> Decision:
    """Decide, and promote the challenger when the decision is for it.

    Args:
        tracking: where the models are registered.
        challenger: the candidate.
        clips: the table of all clips; the champion answers those that the challenger was judged on.
        store: root of the prepared store.
        settings: the run's settings.
        check: asks the challenger in a real server; None leaves that out.

    Returns:
        The decision; a failed serving check turns it against the challenger.
    """
    mine = _vectors_of_challenger(challenger, settings)
    champion = _champion(tracking, challenger.name)
    theirs = None
    if champion is not None:
        judged = ClipTable(tuple(clip for clip in clips if clip.id in set(mine.clips)))
        theirs = _vectors_of_champion(champion, mine, judged, store)
    decision = decide(
        mine,
        theirs,
        confidence=settings.gate.confidence,
        margin=settings.gate.margin,
        bootstrap=settings.evaluation.bootstrap,
        seed=settings.seed,
    )
    if decision.promote and check is not None:
        # One clip a label, so that the server is asked about more than one kind of answer.
        asked = {clip.label: clip.uri for clip in clips if clip.id in set(mine.clips)}
        with ExitStack() as opened:
            served = check(
                challenger.folder, [opened.enter_context(open_local(uri)) for uri in list(asked.values())[:3]]
            )
        figures = {**decision.figures, "serving": served}
        reasons = [*decision.reasons, f"In a real TorchServe: {served['message']}"]
        decision = Decision(bool(served["ok"]), reasons, figures)
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


def _vectors_of_challenger(challenger: Challenger, settings: Settings) -> ScoreVectors:
    split = reported_split(challenger.fused)
    keep = np.array(
        [
            name == split and truth >= 0
            for name, truth in zip(challenger.fused.splits, challenger.fused.truth, strict=True)
        ]
    )
    fused = challenger.fused.only([settings.fusion.method]).rows(keep)
    digest = Ensemble.digest_of(challenger.folder)
    return ScoreVectors(fused.clips, fused.labels, fused.scores[:, 0], fused.truth, fused.subjects, digest)


def _vectors_of_champion(folder: Path, mine: ScoreVectors, judged: ClipTable, store: str) -> ScoreVectors:
    champion = Ensemble.load(folder)
    index, _, fused = prepare_and_score(champion, judged, store)
    # A clip that the champion could not prepare is one that it did not get right.
    answers = np.full((len(mine.clips), len(mine.labels)), np.nan)
    position = {row.clip: number for number, row in enumerate(index)}
    moved = relabel(fused, champion.labels, mine.labels)
    for number, clip in enumerate(mine.clips):
        if clip in position:
            answers[number] = moved[position[clip]]
    return ScoreVectors(mine.clips, mine.labels, answers, mine.truth, mine.subjects, champion.digest)
