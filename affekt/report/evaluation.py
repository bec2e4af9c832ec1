"""Evaluates every model of a score table and every fusion of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from affekt.counted import counted, there_are
from affekt.dataset import Unit
from affekt.errors import DataError
from affekt.fusion.key import FusionKey
from affekt.media.prepared import SkippedClip
from affekt.report.confused_pairs import confused_pairs
from affekt.report.document import (
    Ablation,
    AblationOutcome,
    AdaptedFigures,
    Evaluation,
    FusionFigures,
    PersonFigures,
    fusion_source,
    model_source,
)
from affekt.report.mistakes import Mistake
from affekt.score_table import ScoreTable
from affekt.settings import EvaluationSettings
from affekt.statistics.detectable_gain import GAIN, DetectableGain, detectable_gain
from affekt.statistics.metrics import Figures, GroupFigures, accuracy_by, check_scores, evaluate_scores, predictions
from affekt.statistics.paired import Paired, compare_paired
from affekt.statistics.pairs import add_accuracies, compare_all

#: The number of clips listed under ``worst``.
WORST = 12
#: An attribute with more values than this (a file name, a date) does not divide the clips into groups of people.
MOST_GROUPS = 20
_Found = TypeVar("_Found", Figures, GroupFigures, Paired)


def evaluate_table(
    table: ScoreTable,
    fused: Mapping[FusionKey, np.ndarray],
    chosen: str,
    skipped: Iterable[SkippedClip] = (),
    settings: EvaluationSettings | None = None,
    *,
    seed: int = 0,
    attributes: Mapping[str, Sequence[str]] | None = None,
    models_fused: Sequence[str] | None = None,
    ablations: Sequence[Ablation] = (),
    unit: Unit = "clips",
) -> Evaluation:
    """Evaluate every model of a score table and every fusion of them.

    Args:
        table: the score table of the clips to evaluate; clips of unknown label are left out.
        fused: the fused score vectors ``[N, L]`` of each fusion; those adapted to each person stand under ``person``.
        chosen: the text of the fusion's key (or the model, where one alone is served) whose figures stand at the top.
        skipped: clips that could not be used, whole or in part.
        settings: resamples and confidence.
        seed: of the resampling.
        attributes: further facts per clip for breakdowns, for example ``{"gender": ["f", "m", …]}``, N values each,
            ``""`` where not known; those with one value only or with more than 20 are left out.
        models_fused: the models that a fusion fuses whose key does not name them; all of the table by default.
        ablations: of the models that were fused only if that helps; they come back with what the two fusions do on
            these clips.
        unit: what a row is, ``clips`` or ``images``.

    Raises:
        DataError: ``chosen`` is not among ``fused``, an array does not fit the table, or no clip has a known label.
    """
    plain = {key: scores for key, scores in fused.items() if not key.person}
    by_model = {name: table.scores[:, number] for number, name in enumerate(table.models)}
    fusion = next((key for key in plain if str(key) == chosen), None)
    if fusion is None and chosen not in by_model:
        known = there_are([*map(str, plain), *by_model])
        raise DataError(f"no fusion or model named {chosen!r}; {known}", code="unknown_fusion")
    answer = by_model[chosen] if fusion is None else plain[fusion]
    how = (settings.bootstrap, settings.confidence) if settings else (2000, 0.95)
    evaluator = _Evaluator(table, *how, seed, unit)
    models = {name: evaluator.figures(scores) for name, scores in by_model.items()}
    fusions = {
        key: FusionFigures(evaluator.figures(scores), key.method, key.models or tuple(models_fused or table.models))
        for key, scores in plain.items()
    }
    everyone = {model_source(name): scores for name, scores in by_model.items()}
    everyone |= {fusion_source(key): scores for key, scores in plain.items()}
    groups = _Groups(evaluator, answer, everyone)
    listed = tuple(skipped)
    return Evaluation(
        labels=tuple(table.labels),
        unit=unit,
        chosen=chosen,
        figures=models[chosen] if fusion is None else fusions[fusion].figures,
        models=models,
        fusion=fusions,
        paired={
            name: evaluator.paired(scores, answer) for name, scores in by_model.items() if fusion or name != chosen
        },
        person=_person(evaluator, fused, chosen),
        ablations=tuple(ablations),
        ablation_outcomes=_ablation_outcomes(evaluator, ablations, plain),
        pairs=compare_all(table.truth, everyone, table.subjects, **evaluator.how),
        by_subject=groups.by(table.subjects),
        by_attribute={
            name: groups.by(values) for name, values in (attributes or {}).items() if groups.divide(name, values)
        },
        worst=_worst(table, answer),
        unanswered=_unanswered(table, answer),
        unlabelled=int((table.truth < 0).sum()),
        skipped=listed,
        skipped_by_code=dict(Counter(item.code for item in listed).most_common()),
        power=_power(
            evaluator, answer, {name: scores for name, scores in by_model.items() if fusion or name != chosen}
        ),
        confused=confused_pairs(table, answer),
    )


@dataclass(frozen=True)
class _Evaluator:
    """How answers for the clips of a table are evaluated."""

    table: ScoreTable
    bootstrap: int
    confidence: float
    seed: int
    unit: Unit

    @property
    def how(self) -> dict[str, Any]:
        return {"bootstrap": self.bootstrap, "confidence": self.confidence, "seed": self.seed}

    def figures(self, scores: np.ndarray) -> Figures:
        table = self.table
        return self.named(evaluate_scores(table.truth, scores, table.labels, table.subjects, **self.how))

    def paired(self, a: np.ndarray, b: np.ndarray) -> Paired:
        return self.named(compare_paired(self.table.truth, a, b, self.table.subjects, **self.how))

    def named(self, found: _Found) -> _Found:
        """The figures with the unit's own name where an interval resamples what was evaluated, and not subjects."""
        return replace(found, interval_over=self.unit) if found.interval_over == "clips" else found


class _Groups:
    """The accuracy of the answers, and of every model and fusion, in groups of the labelled clips."""

    def __init__(self, evaluator: _Evaluator, answer: np.ndarray, everyone: Mapping[str, np.ndarray]) -> None:
        table = evaluator.table
        self._evaluator = evaluator
        self._rows = [int(row) for row in np.flatnonzero(table.truth >= 0)]
        self._subjects = [table.subjects[row] for row in self._rows]
        self._right = self._hits(answer)
        self._right_of = {name: self._hits(scores) for name, scores in everyone.items()}

    def _hits(self, scores: np.ndarray) -> np.ndarray:
        table = self._evaluator.table
        truth, scores, _ = check_scores(table.truth, scores, table.labels, None)
        return np.asarray(predictions(scores) == truth)

    def divide(self, name: str, values: Sequence[str]) -> bool:
        """Whether the values of an attribute divide the clips into a few groups."""
        if len(values) != len(self._evaluator.table):
            raise DataError(
                f"attribute {name!r} has {counted(len(values), 'values')} for "
                f"{counted(len(self._evaluator.table), 'clips')}",
                code="wrong_shape",
            )
        return 2 <= len({values[row] for row in self._rows} - {""}) <= MOST_GROUPS

    def by(self, values: Sequence[str]) -> dict[str, GroupFigures]:
        """The figures of each group; ``values`` are N, the group of each clip."""
        groups = [values[row] for row in self._rows]
        found = accuracy_by(self._right, groups, self._subjects, **self._evaluator.how)
        return add_accuracies(
            {name: self._evaluator.named(group) for name, group in found.items()}, groups, self._right_of
        )


def _power(evaluator: _Evaluator, answer: np.ndarray, others: Mapping[str, np.ndarray]) -> DetectableGain:
    """What gain the clips could show; how differently two models answer is that of the answers and the best model.

    A model that gets less than the gain alone, as the one that a fusion has selected does, is no other one.
    """
    table = evaluator.table
    truth, scores, subjects = check_scores(table.truth, answer, table.labels, table.subjects)
    own = predictions(scores) == truth
    everyone = {
        name: predictions(check_scores(table.truth, other, table.labels, None)[1]) == truth
        for name, other in others.items()
    }
    right = {name: hits for name, hits in everyone.items() if (hits != own).mean() >= GAIN}
    best = max(right, key=lambda name: right[name].sum(), default="")
    return detectable_gain(
        subjects,
        own,
        right.get(best),
        confidence=evaluator.confidence,
        seed=evaluator.seed,
        measured_on=best,
    )


def _person(evaluator: _Evaluator, fused: Mapping[FusionKey, np.ndarray], chosen: str) -> PersonFigures:
    """The figures of the adapted answers, or the reason why there are none."""
    table = evaluator.table
    methods = {key.plain(): scores for key, scores in fused.items() if key.person}
    # Of people none of whose labels is known, or was learned, no figure says anything.
    judged = {name for name, truth in zip(table.subjects, table.truth, strict=True) if name and truth >= 0}
    clips = Counter(name for name in table.subjects if name in judged)
    several = {name for name, count in clips.items() if count > 1}
    if not several or not methods:
        lacking = "no person has two clips" if clips else "no clip names its subject"
        reason = "no answers were adapted to a person" if several else lacking
        return PersonFigures(None, len(several), None, {}, reason)
    adapted = {
        key: AdaptedFigures(evaluator.figures(scores), evaluator.paired(fused[key], scores))
        for key, scores in methods.items()
    }
    alone = sum(name not in several for name, truth in zip(table.subjects, table.truth, strict=True) if truth >= 0)
    top = next((figures for key, figures in adapted.items() if str(key) == chosen), None)
    return PersonFigures(top, len(several), alone, adapted, None)


def _ablation_outcomes(
    evaluator: _Evaluator, ablations: Sequence[Ablation], fused: Mapping[FusionKey, np.ndarray]
) -> tuple[AblationOutcome, ...]:
    """For each optional model, the fusion with it compared with the one without it on the clips of the table."""
    found: dict[str, AblationOutcome] = {}
    for ablation in ablations:
        without, together = (FusionKey(ablation.method, models) for models in (ablation.beside, ablation.together))
        if without in fused and together in fused and ablation.model not in found:
            compared = evaluator.paired(fused[without], fused[together])
            found[ablation.model] = AblationOutcome(ablation.model, ablation.method, compared)
    return tuple(found.values())


def _worst(table: ScoreTable, answer: np.ndarray) -> tuple[Mistake, ...]:
    truth, scores, subjects = check_scores(table.truth, answer, table.labels, table.subjects)
    clips = [clip for clip, label in zip(table.clips, table.truth, strict=True) if label >= 0]
    predicted, labels = predictions(scores), table.labels
    wrong = [row for row in range(len(clips)) if predicted[row] not in (truth[row], len(labels))]
    wrong.sort(key=lambda row: (-scores[row, predicted[row]], clips[row]))
    return tuple(
        Mistake(
            clip=clips[row],
            subject=subjects[row],
            label=labels[truth[row]],
            predicted=labels[predicted[row]],
            confidence=float(scores[row, predicted[row]]),
            probability_of_label=float(scores[row, truth[row]]),
        )
        for row in wrong[:WORST]
    )


def _unanswered(table: ScoreTable, answer: np.ndarray) -> tuple[str, ...]:
    predicted = predictions(check_scores(table.truth, answer, table.labels, None)[1])
    clips = (clip for clip, label in zip(table.clips, table.truth, strict=True) if label >= 0)
    return tuple(clip for clip, label in zip(clips, predicted, strict=True) if label == len(table.labels))
