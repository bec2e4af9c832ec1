"""From the members' score tables to every fusion, the chosen one, and the assembled ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.ensemble.assembly import assemble
from affekt.errors import DataError
from affekt.fusion import METHODS, PERSON, Fusion, PersonFusion
from affekt.fusion.rules import RULES
from affekt.score_table import ScoreTable, join_tables
from affekt.settings import Settings

#: What the best row of the paper's Table 3 fuses, "VGG+LSTM+Random Forest+SVC", and the methods of its rows.
PAPERS_BEST: tuple[str, ...] = ("bilstm", "random_forest", "svc")
PAPERS_ROWS: tuple[str, ...] = ("average", "highest_confidence", "svm")


@dataclass(frozen=True)
class Fused:
    """The outcome of :func:`fit_fusions`.

    Attributes:
        table: the joined score table of the fused models, all splits; rows of training clips are honest scores.
        answers: the fused probabilities of the clips that no fusion was fitted on (all splits but ``train``), as a
            score table in which each fusion method stands where a model would; ``svm@bilstm+svc`` fuses only those, and
            ``svm~person`` is adapted to each person by that person's clips (:mod:`affekt.fusion.person`).
        method: the chosen method.
    """

    table: ScoreTable
    answers: ScoreTable
    method: str


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
        models: the members that are fused; further members only feed them.
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
    methods = METHODS if len(train) else (settings.fusion.method,)
    if not len(train) and (len(models) > 1 or settings.fusion.method not in RULES):
        raise DataError("the score tables hold no rows of the split train; a fusion cannot be fitted", code="no_train")
    how: dict[str, Any] = {"seed": settings.seed, "svm_c": settings.fusion.svm_c, "folds": settings.fusion.folds}
    fusions = {name: Fusion.fit(train, name, **how) for name in methods}
    answers = {name: fusion.predict(unseen.scores) for name, fusion in fusions.items()}
    if len(train):
        persons = {name: PersonFusion.fit(train, name, plain=fusion, **how) for name, fusion in fusions.items()}
        answers |= {f"{n}{PERSON}": fusion.predict(unseen.scores, unseen.subjects) for n, fusion in persons.items()}
        persons[settings.fusion.method].person.save(folder / "fusion_person")
    if len(train) and set(PAPERS_BEST) < set(models):
        for name in PAPERS_ROWS:
            fusion = Fusion.fit(train.only(PAPERS_BEST), name, **how)
            answers[f"{name}@{'+'.join(PAPERS_BEST)}"] = fusion.predict(unseen.only(PAPERS_BEST).scores)
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
    assemble(folder, members=members, models=models, labels=table.labels, settings=settings, facts=facts)
    return Fused(table, fused, settings.fusion.method)


def reported_split(table: ScoreTable) -> str:
    """The split that figures are reported on: ``test`` where it holds labelled clips, else ``val``.

    Raises:
        DataError: neither holds a labelled clip.
    """
    for name in ("test", "val"):
        if any(split == name and truth >= 0 for split, truth in zip(table.splits, table.truth, strict=True)):
            return name
    raise DataError("neither the split test nor val holds a labelled clip; there is nothing to judge by", code="no_val")
