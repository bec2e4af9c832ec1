"""From the members' score tables to every fusion, the chosen one, and the assembled ensemble."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.ensemble.assembly import assemble
from affekt.errors import DataError
from affekt.extensions import fusion_names, fusion_spec, members_needed, model_specs
from affekt.fusion import PERSON, Fusion, PersonFusion
from affekt.score_table import ScoreTable, join_tables
from affekt.settings import Settings
from affekt.steps.ablation import Trial, try_models

logger = logging.getLogger(__name__)

#: The file with what was fused and what came of the trials.
FACTS = "fusion.json"
#: What the best row of the paper's Table 3 fuses, "VGG+LSTM+Random Forest+SVC".
PAPERS_BEST: tuple[str, ...] = ("bilstm", "random_forest", "svc")


def papers_rows() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The rows of that table: method and models."""
    all_of_them = tuple(name for name, spec in model_specs().items() if spec.paper is not None)
    return (
        ("svm", all_of_them),
        *((method, PAPERS_BEST) for method in ("average", "highest_confidence", "svm")),
    )


@dataclass(frozen=True)
class Fused:
    """The outcome of :func:`fit_fusions`.

    Attributes:
        table: the joined score table of the models, all splits; rows of training clips are honest scores.
        answers: the fused probabilities of the clips that no fusion was fitted on (all splits but ``train``), as a
            score table in which each fusion method stands where a model would; ``svm@bilstm+svc`` fuses only those,
            a method without names all of ``models``, and ``svm~person`` is adapted to each person by that person's
            clips (:mod:`affekt.fusion.person`).
        method: the chosen method.
        models: the models that are fused: all of the table but those that failed their trial.
        trials: of the models that were fused only if that helps.
    """

    table: ScoreTable
    answers: ScoreTable
    method: str
    models: tuple[str, ...]
    trials: tuple[Trial, ...]

    def write(self, folder: Path) -> None:
        """Write ``scores.csv``, ``fused.csv`` and ``fusion.json`` (what was fused, and the trials)."""
        folder.mkdir(parents=True, exist_ok=True)
        self.table.write(folder / "scores.csv")
        self.answers.write(folder / "fused.csv")
        facts = {"models": list(self.models), "trials": [trial.to_dict() for trial in self.trials]}
        (folder / FACTS).write_text(json.dumps(facts, indent=2), encoding="utf-8")


def fit_fusions(
    members: Mapping[str, Path],
    models: Sequence[str],
    settings: Settings,
    folder: Path,
    *,
    facts: Mapping[str, Any] | None = None,
) -> Fused:
    """Fit every fusion method on the honest training scores and assemble the ensemble with the chosen one.

    Each is also fitted on those scores adapted to their persons, to answer several clips of one person together.

    Args:
        members: the folder of each trained member, with its ``scores.csv``.
        models: the members to fuse, some of them perhaps on trial (``settings.fusion.optional``); further members only
            feed them.
        settings: the run's settings; ``settings.fusion.method`` is the one that answers.
        folder: where the ensemble goes.
        facts: what the ensemble's manifest is to say besides.

    Raises:
        DataError: a member's score table is missing, or there is no clip to fit on or to judge by.
    """
    table = join_tables(ScoreTable.read(members[name] / "scores.csv") for name in models)
    train = table.split("train")
    unseen = table.rows(np.array([split != "train" for split in table.splits], dtype=bool))
    # A VGG that learned from still images alone has no scores of them, and alone needs no fusion that is fitted.
    methods = fusion_names() if len(train) else (settings.fusion.method,)
    if not len(train) and (len(models) > 1 or fusion_spec(settings.fusion.method).learns):
        raise DataError("the score tables hold no rows of the split train; a fusion cannot be fitted", code="no_train")
    how: dict[str, Any] = {
        "seed": settings.seed, "settings": settings.fusion.methods, "folds": settings.fusion.folds
    }  # fmt: skip
    kept, trials = try_models(train, settings, how)
    learned, asked = train.only(kept), unseen.only(kept)
    fusions = {name: Fusion.fit(learned, name, **how) for name in methods}
    if fusions[settings.fusion.method].notes:
        logger.info("%s: %s", settings.fusion.method, "; ".join(fusions[settings.fusion.method].notes))
    answers = {name: fusion.predict(asked.scores) for name, fusion in fusions.items()}
    if len(train):
        persons = {name: PersonFusion.fit(learned, name, plain=fusion, **how) for name, fusion in fusions.items()}
        answers |= {f"{n}{PERSON}": fusion.predict(asked.scores, asked.subjects) for n, fusion in persons.items()}
        persons[settings.fusion.method].person.save(folder / "fusion_person")
    # The paper's rows, and the ensemble with and without what was on trial, whatever came of it: all folds of a
    # protocol give the same columns.
    others = [row for row in papers_rows() if set(row[1]) < set(models)]
    others += [(settings.fusion.method, fewer) for trial in trials for fewer in (trial.beside, trial.together)]
    for name, fewer in others if len(train) else ():
        fusion = Fusion.fit(train.only(fewer), name, **how)
        answers[f"{name}@{'+'.join(fewer)}"] = fusion.predict(unseen.only(fewer).scores)
    fused = ScoreTable(
        unseen.clips,
        table.labels,
        tuple(answers),
        np.stack(list(answers.values()), axis=1),
        unseen.truth,
        unseen.subjects,
        unseen.splits,
    )
    fusions[settings.fusion.method].save(folder / "fusion")
    needed = {name: members[name] for name in members if name in members_needed(kept)}
    assemble(folder, members=needed, models=kept, labels=table.labels, settings=settings, facts=facts)
    return Fused(table, fused, settings.fusion.method, kept, tuple(trials))


def reported_split(table: ScoreTable) -> str:
    """The split that figures are reported on: ``test`` where it holds labelled clips, else ``val``.

    Raises:
        DataError: neither holds a labelled clip.
    """
    for name in ("test", "val"):
        if any(split == name and truth >= 0 for split, truth in zip(table.splits, table.truth, strict=True)):
            return name
    raise DataError("neither the split test nor val holds a labelled clip; there is nothing to judge by", code="no_val")
