"""The gate's procedure: challenger against champion on the same clips, then in a real server, then the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.dataset import ClipTable
from affekt.ensemble.champion import prepare_and_score, relabel
from affekt.ensemble.ensemble import Ensemble
from affekt.ensemble.still_images import StillImages
from affekt.errors import AffektError
from affekt.registry import Decision, ScoreVectors, Tracking, decide, promote, resolve
from affekt.registry.models import find
from affekt.score_table import ScoreTable
from affekt.settings import Settings
from affekt.steps.fit_fusion import reported_split
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


def run_gate(
    tracking: Tracking,
    challenger: Challenger,
    clips: ClipTable | StillImages,
    *,
    store: str,
    settings: Settings,
    check: ServingCheck | None,
) -> Decision:
    """Decide, and promote the challenger when the decision is for it.

    Args:
        tracking: where the models are registered.
        challenger: the candidate.
        clips: the table of all clips, or the still images; the champion answers those that the challenger did.
        store: root of the prepared store.
        settings: the run's settings.
        check: asks the challenger in a real server; None leaves that out.

    Returns:
        The decision; a failed serving check turns it against the challenger.
    """
    mine = _vectors_of_challenger(challenger, settings, "images" if isinstance(clips, StillImages) else "clips")
    folder = _champion(tracking, challenger.name)
    theirs = None
    if folder is not None:
        champion = Ensemble.load(folder)
        if isinstance(clips, StillImages) and champion.models != (champion.image_model,):
            return Decision(
                False,
                [
                    f"The champion of {challenger.name!r} answers with {', '.join(champion.models)}, which still "
                    "images cannot judge: it stays. Give a model of images a --name of its own."
                ],
            )
        theirs = _vectors_of_champion(champion, mine, clips, store)
    decision = decide(
        mine,
        theirs,
        confidence=settings.gate.confidence,
        margin=settings.gate.margin,
        bootstrap=settings.evaluation.bootstrap,
        seed=settings.seed,
    )
    if decision.promote and check is not None:
        with _asked(clips, challenger.folder, mine.clips) as files:
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


@contextmanager
def _asked(clips: ClipTable | StillImages, ensemble: Path, judged: Sequence[str]) -> Iterator[list[Path]]:
    """Files to ask a server about: one a label, so that there is more than one kind of answer."""
    if isinstance(clips, StillImages):
        with clips.files(ensemble, judged) as files:
            yield files
        return
    names = set(judged)
    asked = {clip.label: clip.uri for clip in clips if clip.id in names}
    with ExitStack() as opened:
        yield [opened.enter_context(open_local(uri)) for uri in list(asked.values())[:3]]


def _vectors_of_challenger(challenger: Challenger, settings: Settings, things: str) -> ScoreVectors:
    split = reported_split(challenger.fused)
    keep = np.array(
        [
            name == split and truth >= 0
            for name, truth in zip(challenger.fused.splits, challenger.fused.truth, strict=True)
        ]
    )
    fused = challenger.fused.only([settings.fusion.method]).rows(keep)
    digest = Ensemble.digest_of(challenger.folder)
    return ScoreVectors(fused.clips, fused.labels, fused.scores[:, 0], fused.truth, fused.subjects, digest, things)


def _vectors_of_champion(
    champion: Ensemble, mine: ScoreVectors, clips: ClipTable | StillImages, store: str
) -> ScoreVectors:
    if isinstance(clips, StillImages):
        moved = relabel(clips.answers(champion, mine.clips), champion.labels, mine.labels)
        return ScoreVectors(mine.clips, mine.labels, moved, mine.truth, mine.subjects, champion.digest, mine.things)
    names = set(mine.clips)
    judged = ClipTable(tuple(clip for clip in clips if clip.id in names))
    index, _, fused = prepare_and_score(champion, judged, store)
    # A clip that the champion could not prepare is one that it did not get right.
    answers = np.full((len(mine.clips), len(mine.labels)), np.nan)
    position = {row.clip: number for number, row in enumerate(index)}
    moved = relabel(fused, champion.labels, mine.labels)
    for number, clip in enumerate(mine.clips):
        if clip in position:
            answers[number] = moved[position[clip]]
    return ScoreVectors(mine.clips, mine.labels, answers, mine.truth, mine.subjects, champion.digest)
