"""The gate's procedure: challenger against champion on the same clips, then in a real server, then the registry."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from affekt.counted import counted
from affekt.dataset.labels import in_order
from affekt.dataset.same_people import people_of
from affekt.ensemble.champion import Material, relabel
from affekt.ensemble.ensemble import Ensemble
from affekt.ensemble.learned import Learned
from affekt.ensemble.manifest import identity_of
from affekt.errors import AffektError, DataError
from affekt.registry import Decision, ModelVersion, ScoreVectors, Tracking, decide, promote, resolve
from affekt.registry.champions import CHANGED
from affekt.registry.guards import Guards
from affekt.registry.held_against import spend
from affekt.registry.lease import LOST
from affekt.registry.models import champion_of
from affekt.registry.spending import Spending
from affekt.score_table import ScoreTable
from affekt.settings import Settings
from affekt.steps.fit_fusion import reported_split

logger = logging.getLogger(__name__)

#: Asks an ensemble in a real server about clips; returns ``ok`` and a ``message``.
ServingCheck = Callable[[Path, Sequence[Path]], dict[str, Any]]


@dataclass(frozen=True)
class Challenger:
    """The candidate: its registered name and version, its folder, its fused answers on unseen clips.

    ``contents`` is the content of each clip, by which the clips that a model learned from are known under other names;
    ``called`` what its data sets may be called beside others, by which their people are.
    """

    name: str
    version: int
    folder: Path
    fused: ScoreTable
    contents: Mapping[str, str] = field(default_factory=dict)
    called: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def people(self, unit: str) -> dict[str, str]:
        """The name of each clip's person, one for all subjects of whom the same file is there; of those with one.

        Still images are the same for other reasons, too: two are all black.
        """
        named = [(clip, name) for clip, name in zip(self.fused.clips, self.fused.subjects, strict=True) if name]
        contents = [self.contents.get(clip, "") if unit == "clips" else "" for clip, _ in named]
        names = people_of([name for _, name in named], contents)
        return {clip: name for (clip, _), name in zip(named, names, strict=True)}


def run_gate(
    tracking: Tracking,
    challenger: Challenger,
    material: Material,
    *,
    settings: Settings,
    check: ServingCheck | None,
    run_id: str = "",
) -> Decision:
    """Decide, and promote the challenger when the decision is for it.

    It takes the place of the champion that it was held against and of no other: if another has become champion
    meanwhile, it is decided again.

    Args:
        tracking: where the models are registered.
        challenger: the candidate.
        material: the clips or the still images; the champion answers those that the challenger did.
        settings: the run's settings.
        check: asks the challenger in a real server; None leaves that out.
        run_id: the run that decides, for the history of champions.

    Returns:
        The decision; a failed serving check turns it against the challenger.
    """
    mine = _vectors_of_challenger(challenger, settings, material.unit)
    served: dict[str, Any] | None = None
    while True:
        champion = champion_of(challenger.name, tracking)
        decision = _decision(tracking, challenger, champion, mine, material, settings, run_id)
        if not decision.promote:
            return decision
        if champion is not None and champion.version == challenger.version:
            return decision
        if check is not None:
            if served is None:
                served = _serve(challenger, mine, material, check)
                _tell_times(tracking, challenger, served)
            decision = _with_serving(decision, served)
            if not decision.promote:
                return decision
        try:
            promote(
                f"{challenger.name}/{challenger.version}",
                tracking,
                instead_of=champion.version if champion else None,
                action="gate",
                reason=" ".join(decision.reasons),
                run_id=run_id,
            )
        except AffektError as error:
            if error.code not in (CHANGED, LOST):
                raise
            logger.info("%s; it is decided again", error.message)
            continue
        return decision


def _decision(
    tracking: Tracking,
    challenger: Challenger,
    champion: ModelVersion | None,
    mine: ScoreVectors,
    material: Material,
    settings: Settings,
    run_id: str,
) -> Decision:
    theirs = None
    if champion is not None:
        if champion.version == challenger.version:
            return Decision(True, [f"{champion.reference} is the champion already."])
        loaded = _loaded(champion, resolve(champion.reference, tracking), challenger)
        if not material.can_be_answered_by(loaded):
            return Decision(
                False,
                [
                    f"The champion of {challenger.name!r} answers with {', '.join(loaded.models)}, which still "
                    "images cannot test: it stays. Give a model of images a name of its own."
                ],
            )
        # An answer with a label that the challenger does not know is an answer of the champion, too.
        mine = _over(mine, in_order([*mine.labels, *loaded.labels]))
        theirs = _vectors_of_champion(loaded, mine, material, challenger)
    rule = Spending(settings.gate.confidence, settings.gate.false_promotions, settings.gate.decisions)
    number = champion.version if champion else None
    return decide(
        mine,
        theirs,
        confidence=settings.gate.confidence,
        margin=settings.gate.margin,
        bootstrap=settings.evaluation.bootstrap,
        seed=settings.seed,
        guards=Guards(
            min_clips=settings.gate.min_clips,
            min_subjects=settings.gate.min_subjects,
            max_recall_fall=settings.gate.max_recall_fall,
            max_calibration_rise=settings.gate.max_calibration_rise,
            allow_fewer_labels=settings.gate.allow_fewer_labels,
        ),
        level=lambda: spend(tracking, challenger.name, challenger.version, number, rule, run_id=run_id),
        explain=True,
    )


def _loaded(champion: ModelVersion, folder: Path, challenger: Challenger) -> Ensemble:
    """The champion, whose networks PyTorch computes as it did the challenger's.

    Raises:
        DataError: it cannot be loaded; says what can be done.
    """
    try:
        return Ensemble.load(folder, inference="torch")
    except DataError as error:
        mine = f"{challenger.name}/{challenger.version}"
        raise DataError(
            f"{error.message}. So the champion {champion.reference} cannot be held against {mine}, which is registered "
            f"and stays a challenger: put that right, or choose by hand: affekt models promote {mine} --reason WHY",
            code=error.code,
            where=error.where,
        ) from error


def _serve(challenger: Challenger, mine: ScoreVectors, material: Material, check: ServingCheck) -> dict[str, Any]:
    with material.files(challenger.folder, mine.clips) as files:
        if files:
            return check(challenger.folder, files)
    return {"ok": None, "message": "no face is found in the images, so a server has nothing to answer"}


def _tell_times(tracking: Tracking, challenger: Challenger, served: Mapping[str, Any]) -> None:
    """Tag the version with how long a server took to load it and to answer, where that was seen."""
    for fact in ("load_seconds", "latency_ms"):
        if served.get(fact) is not None:
            value = f"{served[fact]:.3f}"
            tracking.client.set_model_version_tag(challenger.name, str(challenger.version), f"affekt.{fact}", value)


def _with_serving(decision: Decision, served: dict[str, Any]) -> Decision:
    if served["ok"] is False:
        return decision.but(f"In a real TorchServe: {served['message']}", serving=served)
    if served["ok"] is None:
        return decision.also(f"Not asked in a real TorchServe: {served['message']}.", serving=served)
    return decision.also(f"In a real TorchServe: {served['message']}", serving=served)


def _vectors_of_challenger(challenger: Challenger, settings: Settings, unit: str) -> ScoreVectors:
    split = reported_split(challenger.fused)
    keep = np.array(
        [
            name == split and truth >= 0
            for name, truth in zip(challenger.fused.splits, challenger.fused.truth, strict=True)
        ]
    )
    if unit == "clips":
        keep = _once(challenger, keep)
    fused = challenger.fused.only([settings.fusion.method]).rows(keep)
    people = challenger.people(unit)
    subjects = tuple(people.get(clip, "") for clip in fused.clips)
    return _marked(
        ScoreVectors(fused.clips, fused.labels, fused.scores[:, 0], fused.truth, subjects, unit=unit),
        challenger.folder,
        challenger,
    )


def _once(challenger: Challenger, keep: np.ndarray) -> np.ndarray:
    """The rows of a bool mask ``[N]`` without copies of others of them, which are no further evidence."""
    first: dict[str, int] = {}
    for row in np.flatnonzero(keep).tolist():
        clip = challenger.fused.clips[row]
        first.setdefault(challenger.contents.get(clip) or f"\0{clip}", row)
    found = np.zeros(len(keep), dtype=bool)
    found[list(first.values())] = True
    if copies := int(keep.sum() - found.sum()):
        logger.info("left out, since they are copies of others: %s", counted(copies, "clips"))
    return found


def _vectors_of_champion(
    champion: Ensemble, mine: ScoreVectors, material: Material, challenger: Challenger
) -> ScoreVectors:
    # What the champion has no answer to is what it did not get right.
    moved = relabel(material.answers(champion, mine.clips), champion.labels, mine.labels)
    return _marked(
        dataclasses.replace(mine, probabilities=moved, own_labels=champion.labels), champion.folder, challenger
    )


def _over(vectors: ScoreVectors, labels: tuple[str, ...]) -> ScoreVectors:
    """The same answers over more labels."""
    own = vectors.labels
    if labels == own:
        return vectors
    truth = np.array([labels.index(own[number]) for number in vectors.truth], dtype=int)
    moved = relabel(vectors.probabilities, own, labels)
    return dataclasses.replace(vectors, labels=labels, probabilities=moved, truth=truth, own_labels=own)


def _marked(vectors: ScoreVectors, folder: Path, challenger: Challenger) -> ScoreVectors:
    """With the digest of the ensemble in a folder, and the challenger's rows that it learned from where it says so."""
    learned = Learned.read(folder)
    marks = None
    if learned is not None:
        people = challenger.people(vectors.unit)
        own = zip(challenger.fused.clips, challenger.fused.subjects, strict=True)
        known = {people[clip] for clip, name in own if name and learned.knows(name, "", challenger.called)}
        marks = np.array(
            [
                people.get(clip, "") in known or learned.knows("", challenger.contents.get(clip, ""))
                for clip in vectors.clips
            ],
            dtype=bool,
        )
    return dataclasses.replace(vectors, digest=identity_of(folder), learned=marks)
