"""The evaluation of a whole run as one JSON document: every model, every fusion, and what the figures rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from affekt.errors import DataError
from affekt.fusion.person import PERSON
from affekt.media.prepared import SkippedClip
from affekt.score_table import ScoreTable
from affekt.settings import EvaluationSettings
from affekt.statistics.metrics import accuracy_by, check_scores, evaluate_scores, predictions
from affekt.statistics.paired import compare_paired
from affekt.statistics.pairs import add_accuracies, compare_all

#: The number of clips listed under ``worst``.
WORST = 12
#: An attribute with more values than this (a file name, a date) does not divide the clips into groups of people.
MOST_GROUPS = 20


def evaluate_table(
    table: ScoreTable,
    fused: Mapping[str, np.ndarray],
    chosen: str,
    skipped: Iterable[SkippedClip | Mapping[str, str]] = (),
    settings: EvaluationSettings | None = None,
    *,
    seed: int = 0,
    attributes: Mapping[str, Sequence[str]] | None = None,
    models_fused: Sequence[str] | None = None,
    trials: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Evaluate every model of a score table and every fusion of them.

    Args:
        table: the score table of the clips to evaluate; clips of unknown label are left out.
        fused: the fused score vectors ``[N, L]`` of each fusion method. A name may carry the models that were fused,
            as in ``svm@bilstm+random_forest+svc``; without them all models of the table were. ``svm~person`` are the
            answers of ``svm`` adapted to each person (:mod:`affekt.fusion.person`) and stand under ``person`` alone.
        chosen: the method of ``fused`` (or the model, where one alone is served) whose figures stand at the top of the
            document.
        skipped: clips that could not be used, whole or in part.
        settings: resamples and confidence.
        seed: of the resampling.
        attributes: further facts per clip for breakdowns, for example ``{"gender": ["f", "m", …]}``, N values each,
            ``""`` where not known; those with one value only or with more than 20 are left out.
        models_fused: the models that a fusion fuses whose name does not carry them; all of the table by default.
        trials: of the models that were fused only if that helps, as :meth:`affekt.ensemble.Trial.to_dict` gives them;
            they come back under ``trials``, and under ``trial_outcomes`` with what the two fusions do on these clips.

    Returns:
        The figures of the chosen fusion as :func:`evaluate_scores` gives them, and ``labels``, ``chosen``, ``models``,
        ``fusion`` (method: figures), ``paired`` (model: comparison of the chosen fusion with it), ``pairs`` (any two
        of all: ``a`` and ``b`` as ``models.svc`` or ``fusion.svm``, and their comparison), ``by_subject``,
        ``by_attribute``, ``worst`` (the most confident wrong answers), ``unanswered``, ``unlabelled``, ``skipped``
        (``clip``, ``code``, ``reason``) and ``skipped_by_code``. ``person`` holds the figures of the chosen fusion's
        adapted answers with ``paired`` (the comparison of the plain answers with them), ``people`` (who have two clips
        or more), ``alone`` (labelled clips of others) and ``methods`` (method: figures and ``paired``); where there is
        nothing to adapt among they are None and ``reason`` says why. All values are plain JSON values.

    Raises:
        DataError: ``chosen`` is not among ``fused``, an array does not fit the table, or no clip has a known label.
    """
    moved = {name.removesuffix(PERSON): scores for name, scores in fused.items() if name.endswith(PERSON)}
    fused = {name: scores for name, scores in fused.items() if not name.endswith(PERSON)}
    if chosen not in fused and chosen not in table.models:
        known = ", ".join([*fused, *table.models])
        raise DataError(f"no fusion or model named {chosen!r}; there are {known}", code="unknown_fusion")
    draws = settings.bootstrap if settings else 2000
    confidence = settings.confidence if settings else 0.95

    def figures(scores: np.ndarray) -> dict[str, Any]:
        return evaluate_scores(
            table.truth, scores, table.labels, table.subjects, bootstrap=draws, confidence=confidence, seed=seed
        )

    models = {name: figures(table.scores[:, number]) for number, name in enumerate(table.models)}
    fusion: dict[str, dict[str, Any]] = {}
    for name, scores in fused.items():
        method, _, members = name.partition("@")
        fusion[name] = {
            **figures(scores),
            "method": method,
            "models": members.split("+") if members else list(models_fused or table.models),
        }
    answer = fused[chosen] if chosen in fused else table.scores[:, table.models.index(chosen)]
    how: dict[str, Any] = {"bootstrap": draws, "confidence": confidence, "seed": seed}
    paired = {
        name: compare_paired(table.truth, table.scores[:, number], answer, table.subjects, **how)
        for number, name in enumerate(table.models)
        if name != chosen or chosen in fused
    }
    people = {
        name: {**figures(scores), "paired": compare_paired(table.truth, fused[name], scores, table.subjects, **how)}
        for name, scores in moved.items()
    }
    everyone = {f"models.{name}": table.scores[:, number] for number, name in enumerate(table.models)}
    everyone.update({f"fusion.{name}": scores for name, scores in fused.items()})
    truth, scores, subjects = check_scores(table.truth, answer, table.labels, table.subjects)
    labelled = [int(row) for row in np.flatnonzero(table.truth >= 0)]
    predicted = predictions(scores)
    right = {
        name: predictions(check_scores(table.truth, scores, table.labels, None)[1]) == truth
        for name, scores in everyone.items()
    }
    clips = [table.clips[i] for i in labelled]
    by_attribute = {}
    for name, values in (attributes or {}).items():
        if len(values) != len(table):
            raise DataError(f"attribute {name!r} has {len(values)} values for {len(table)} clips", code="wrong_shape")
        groups = [values[i] for i in labelled]
        if 2 <= len({group for group in groups if group}) <= MOST_GROUPS:
            found = accuracy_by(predicted == truth, groups, subjects, **how)
            by_attribute[name] = add_accuracies(found, groups, right)
    skipped_rows = [_skipped(item) for item in skipped]
    top = fusion[chosen] if chosen in fused else models[chosen]
    top = {key: value for key, value in top.items() if key not in ("method", "models")}
    return {
        "labels": list(table.labels),
        "things": "clips",
        "chosen": chosen,
        **top,
        "models": models,
        "fusion": fusion,
        "paired": paired,
        "person": _person(table, people, chosen),
        "trials": [dict(trial) for trial in trials],
        "trial_outcomes": _outcomes(trials, fused, table, how),
        "pairs": compare_all(table.truth, everyone, table.subjects, bootstrap=draws, confidence=confidence, seed=seed),
        "by_subject": add_accuracies(accuracy_by(predicted == truth, subjects, subjects, **how), subjects, right),
        "by_attribute": by_attribute,
        "worst": _worst(clips, subjects, truth, scores, predicted, table.labels),
        "unanswered": [clip for clip, answer in zip(clips, predicted, strict=True) if answer == len(table.labels)],
        "unlabelled": len(table) - len(labelled),
        "skipped": skipped_rows,
        "skipped_by_code": dict(Counter(row["code"] for row in skipped_rows).most_common()),
    }


def _outcomes(
    trials: Sequence[Mapping[str, Any]], fused: Mapping[str, np.ndarray], table: ScoreTable, how: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """For each model on trial, the fusion with it compared with the one without it on the clips of the table."""
    found = {}
    for trial in trials:
        keys = [f"{trial['method']}@{'+'.join(trial[models])}" for models in ("beside", "together")]
        if all(key in fused for key in keys) and trial["model"] not in found:
            compared = compare_paired(table.truth, fused[keys[0]], fused[keys[1]], table.subjects, **how)
            found[trial["model"]] = {"model": trial["model"], "method": trial["method"], **compared}
    return list(found.values())


def _person(table: ScoreTable, people: Mapping[str, Mapping[str, Any]], chosen: str) -> dict[str, Any]:
    """The figures of the adapted answers, the chosen method's on top, or None and the reason for each of them."""
    clips = Counter(name for name in table.subjects if name)
    several = {name for name, count in clips.items() if count > 1}
    nothing = dict.fromkeys(("accuracy", "accuracy_ci95", "unweighted_average_recall", "clips", "paired"))
    if not several or not people:
        reason = "no answers were adapted to a person" if several else "no person has two clips"
        return {**nothing, "people": len(several), "alone": None, "methods": {}, "reason": reason}
    labelled = [name for name, truth in zip(table.subjects, table.truth, strict=True) if truth >= 0]
    alone = sum(name not in several for name in labelled)
    top = people.get(chosen, nothing)
    return {**top, "people": len(several), "alone": alone, "methods": dict(people), "reason": None}


def of_images(document: dict[str, Any]) -> dict[str, Any]:
    """The document of still images: under ``things`` and ``interval_over`` it says ``images`` instead of ``clips``."""

    def renamed(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            key: "images" if key == "interval_over" and inner == "clips" else renamed(inner)
            for key, inner in value.items()
        }

    return {**renamed(document), "things": "images"}


def _worst(
    clips: Sequence[str],
    subjects: Sequence[str],
    truth: np.ndarray,
    scores: np.ndarray,
    predicted: np.ndarray,
    labels: Sequence[str],
) -> list[dict[str, Any]]:
    wrong = [row for row in range(len(clips)) if predicted[row] not in (truth[row], len(labels))]
    wrong.sort(key=lambda row: (-scores[row, predicted[row]], clips[row]))
    return [
        {
            "clip": clips[row],
            "subject": subjects[row],
            "label": labels[truth[row]],
            "predicted": labels[predicted[row]],
            "confidence": float(scores[row, predicted[row]]),
            "probability_of_label": float(scores[row, truth[row]]),
        }
        for row in wrong[:WORST]
    ]


def _skipped(item: SkippedClip | Mapping[str, str]) -> dict[str, str]:
    if isinstance(item, SkippedClip):
        return {"clip": item.clip, "code": item.code, "reason": item.reason}
    return {"clip": item["clip"], "code": item.get("code", "unknown"), "reason": item.get("reason", "")}
