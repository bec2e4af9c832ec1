"""From the members' score tables to every fusion, the chosen one, and the assembled ensemble."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from affekt.dataset.several import possible_labels
from affekt.ensemble.among import only_possible
from affekt.ensemble.assembly import assemble
from affekt.ensemble.depth import Depth
from affekt.ensemble.learned import Learned
from affekt.errors import DataError
from affekt.extensions import fusion_spec, fusions_for, members_needed
from affekt.fusion import Fusion, FusionKey, PersonFusion
from affekt.fusion.cross_validation import unseen_answers
from affekt.json_document import JsonDocument
from affekt.media import PreparedIndex
from affekt.report.document import Ablation, Fallback
from affekt.report.paper_tables import TABLE_3, readings
from affekt.score_table import ScoreTable, join_tables
from affekt.settings import Settings
from affekt.steps.ablation import ablate
from affekt.steps.counted_once import counted_once, rows_counted
from affekt.steps.fallback import fall_back
from affekt.steps.network_graphs import tried_graphs
from affekt.steps.reference import write_reference
from affekt.store import PreparedStore
from affekt.training.person_scores import read_scores
from affekt.training.sitting_out import SatOut, sat_out

logger = logging.getLogger(__name__)

#: The file with what was fused and what came of the ablations.
FACTS = "fusion.json"


@dataclass(frozen=True)
class FusionFacts(JsonDocument):
    """What is fused, and why.

    Attributes:
        models: all but those that failed their ablation, gave way to a stand-in, or that the fusion gave no weight.
        ablations: of the optional models.
        without_weight: the models that the chosen fusion gave no weight, so that the ensemble does without them.
        selected: what a fusion that selects has selected, and why; "" for others.
        fallbacks: of the models that have a stand-in.
    """

    models: tuple[str, ...]
    ablations: tuple[Ablation, ...] = field(metadata={"key": "trials"})
    without_weight: tuple[str, ...] = ()
    selected: str = ""
    fallbacks: tuple[Fallback, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> FusionFacts:
        """What :meth:`Fused.write` wrote."""
        path = folder / FACTS
        return cls.from_dict(json.loads(path.read_text(encoding="utf-8")), str(path))


def papers_rows() -> tuple[FusionKey, ...]:
    """The rows of the paper's Table 3, each in both readings of what it fuses."""
    return tuple(FusionKey(method, reading) for method, fused, _ in TABLE_3 for reading in readings(fused))


@dataclass(frozen=True)
class Fused:
    """The outcome of :func:`fit_fusions`.

    Attributes:
        table: the joined score table of the models, all splits; rows of training clips are out-of-fold scores.
        answers: the fused probabilities of the clips that no fusion was fitted on (all splits but ``train``), as a
            score table in which the text of each :class:`affekt.fusion.FusionKey` stands where a model would.
        method: the chosen method.
        facts: what was fused.
    """

    table: ScoreTable
    answers: ScoreTable
    method: str
    facts: FusionFacts

    def write(self, folder: Path) -> None:
        """Write ``scores.csv``, ``fused.csv`` and ``fusion.json`` (what was fused, and the ablations)."""
        folder.mkdir(parents=True, exist_ok=True)
        self.table.write(folder / "scores.csv")
        self.answers.write(folder / "fused.csv")
        (folder / FACTS).write_text(json.dumps(self.facts.to_dict(), indent=2), encoding="utf-8")


def fit_fusions(
    members: Mapping[str, Path],
    models: Sequence[str],
    settings: Settings,
    folder: Path,
    *,
    facts: Mapping[str, Any] | None = None,
    learned: Learned | None = None,
    seen: tuple[PreparedIndex, PreparedStore] | None = None,
) -> Fused:
    """Fit every fusion method on the out-of-fold training scores and assemble the ensemble with the chosen one.

    Each is also fitted on those scores adapted to their persons, to answer several clips of one person together.

    Args:
        members: the folder of each trained member, with its ``scores.csv``.
        models: the members to fuse, some of them perhaps optional; further members only feed them.
        settings: the run's settings; ``settings.fusion.method`` is the one that answers.
        folder: where the ensemble goes.
        facts: what the ensemble's manifest is to say besides.
        learned: what the members learned from, for the ensemble to say.
        seen: the prepared clips or images and where they are. Some are what the graphs of networks are tried on, and of
            clips the ensemble keeps traces to tell drift by; without them it has neither.

    Raises:
        DataError: a member's score table is missing, or there is no clip to fit on or to evaluate on.
    """
    left = sat_out({name: members[name] for name in members_needed(models)})
    if all(name in left for name in models):
        raise _nothing_trained([left[name] for name in models])
    members = {name: folder for name, folder in members.items() if name not in left}
    models = tuple(name for name in models if name not in left)
    table = join_tables(read_scores(members[name]) for name in models)
    train = table.split("train")
    if seen is not None:
        train = rows_counted(train, counted_once(seen[0].select("train"), table.labels))
    unseen = table.rows(np.array([split != "train" for split in table.splits], dtype=bool))
    if not len(train) and (len(models) > 1 or fusion_spec(settings.fusion.method).learns):
        raise DataError(
            "no train clip has a score of a model that had not seen its subject, on which a fusion is fitted: "
            "the split train needs clips of two subjects at least; one model alone does without with --set "
            "fusion.method=average",
            code="no_train",
        )
    how: dict[str, Any] = {
        "seed": settings.seed, "settings": settings.fusion.methods, "folds": settings.fusion.folds
    }  # fmt: skip
    kept, ablations = ablate(train, settings, how)
    kept, fallbacks = fall_back(train, kept)
    chosen = settings.fusion.method
    # The labelled rows of all splits, which the folds of a protocol have alike: they are to give the same columns.
    tried, too_slow = fusions_for(int((table.truth >= 0).sum()), named=chosen)
    if too_slow:
        logger.warning("%s", too_slow)
    # A VGG that learned from still images alone has no scores of them, and alone needs no fusion that is fitted.
    tried = tried if len(train) else (chosen,)
    kept, idle = _with_weight(train.only(kept), chosen, how) if len(train) else (kept, ())
    answers, selected = _fit_kept(train.only(kept), unseen.only(kept), tried, chosen, how, folder)
    if len(train):
        answers |= _trusted(train.only(kept), unseen.only(kept), answers, settings, how, folder)
    if len(train):
        # The paper's rows, and the ensemble with and without what is optional, whatever came of it: all folds of a
        # protocol give the same columns.
        # A row of all models has its key, too: what has failed or has no weight is not in the fusions without one.
        fewer = [key for key in papers_rows() if set(key.models or ()) <= set(models) and key.method in tried]
        fewer += [
            FusionKey(settings.fusion.method, side) for each in ablations for side in (each.beside, each.together)
        ]
        answers |= _fit_fewer(train, unseen, fewer, how)
    needed = {name: members[name] for name in members if name in members_needed(kept)}
    if learned is not None:
        learned.write(folder)
    if seen is not None and seen[0].unit == "clips" and len(train):
        write_reference(folder, *seen, train.only(kept), settings, how)
    graphs = None
    if seen is not None and settings.inference != "torch":
        graphs = partial(tried_graphs, index=seen[0], store=seen[1], settings=settings)
    assemble(folder, members=needed, models=kept, labels=table.labels, settings=settings, facts=facts, graphs=graphs)
    vectors = np.stack(list(answers.values()), axis=1)
    if seen is not None and seen[0].unit == "clips":
        # A label of which its data set has no clips is not held against an answer to a clip.
        vectors = only_possible(vectors, unseen.labels, unseen.clips, possible_labels(seen[0]))
    fused = replace(unseen, models=tuple(map(str, answers)), scores=vectors, person=None, distance=None)
    return Fused(table, fused, settings.fusion.method, FusionFacts(kept, tuple(ablations), idle, selected, fallbacks))


def _with_weight(train: ScoreTable, method: str, how: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The models that a method gives a weight, plain or adapted, and those that it does not, which are told."""
    kept, idle = train.models, list[str]()
    while True:
        found = PersonFusion.fit(train.only(kept), method, **how)
        weighing = {*found.plain.weighing(), *found.person.weighing()}
        if not weighing or weighing >= set(kept):
            return kept, tuple(idle)
        left = [name for name in kept if name not in weighing]
        logger.info("%s: no weight in any answer of %s; the ensemble does without", ", ".join(left), method)
        idle += left
        kept = tuple(name for name in kept if name in weighing)


def _fit_kept(
    train: ScoreTable, unseen: ScoreTable, methods: Sequence[str], chosen: str, how: Mapping[str, Any], folder: Path
) -> tuple[dict[FusionKey, np.ndarray], str]:
    """The methods over the models of a table, plain and adapted; the chosen one is saved.

    Returns the answers, and what the chosen method has selected.
    """
    fusions = {name: Fusion.fit(train, name, **how) for name in methods}
    if fusions[chosen].selected:
        logger.info("%s: %s", chosen, fusions[chosen].selected)
    if fusions[chosen].notes:
        logger.info("%s: %s", chosen, "; ".join(fusions[chosen].notes))
    fusions[chosen].save(folder / "fusion")
    answers = {FusionKey(name): fusion.predict(unseen.scores) for name, fusion in fusions.items()}
    if len(train):
        persons = {name: PersonFusion.fit(train, name, plain=fusion, **how) for name, fusion in fusions.items()}
        persons[chosen].person.save(folder / "fusion_person")
        for name, fusion in persons.items():
            answers[FusionKey(name, person=True)] = fusion.predict(unseen.scores, unseen.subjects, known=unseen.person)
    return answers, fusions[chosen].selected


def _trusted(
    train: ScoreTable,
    unseen: ScoreTable,
    answers: Mapping[FusionKey, np.ndarray],
    settings: Settings,
    how: Mapping[str, Any],
    folder: Path,
) -> dict[FusionKey, np.ndarray]:
    """The answers of the chosen method as far as the clips' distances let them be trusted, as the ensemble gives them.

    What that takes is fitted on train clips of unseen people and saved; without their distances answers stay.
    """
    if train.distance is None or unseen.distance is None:
        return {}
    chosen, fusion = settings.fusion.method, settings.fusion
    known = train.rows(np.flatnonzero(train.truth >= 0))
    own = unseen_answers(known, chosen, fusion.folds, settings.seed, how)
    depth = Depth.fit(known.models, known.distance, own, known.truth, settings.seed)
    if depth is None:
        return {}
    depth.write(folder)
    distances = depth.of(unseen.models, unseen.distance)
    keys = [key for key in (FusionKey(chosen), FusionKey(chosen, person=True)) if key in answers]
    return {key: depth.trusted(answers[key], distances) for key in keys}


def _fit_fewer(
    train: ScoreTable, unseen: ScoreTable, keys: Iterable[FusionKey], how: Mapping[str, Any]
) -> dict[FusionKey, np.ndarray]:
    """The answers of fusions of the models that their keys name."""
    answers = {}
    for key in keys:
        fusion = Fusion.fit(train.only(key.models or ()), key.method, **how)
        answers[key] = fusion.predict(unseen.only(key.models or ()).scores)
    return answers


def _nothing_trained(left: Sequence[SatOut]) -> DataError:
    """The error where every model sat out; of several, with the reason of each."""
    if len(left) == 1:
        return DataError(left[0].reason, code=left[0].code)
    reasons = "".join(f"\n  - {each.member}: {each.reason}" for each in left)
    return DataError(f"no model can learn from these clips:{reasons}", code=left[0].code)


def reported_split(table: ScoreTable) -> str:
    """The split that figures are reported on: ``test`` where it holds labelled clips, else ``val``.

    Raises:
        DataError: neither holds a labelled clip.
    """
    for name in ("test", "val"):
        if any(split == name and truth >= 0 for split, truth in zip(table.splits, table.truth, strict=True)):
            return name
    raise DataError("neither the split test nor val holds a labelled clip to evaluate on", code="no_val")
