"""A fitted fusion: score vectors with gaps in, one probability vector per clip out; fit, predict, save, load."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from affekt.classifiers import ArrayClassifier, load_classifiers, save_classifiers
from affekt.counted import counted, there_are
from affekt.errors import DataError
from affekt.extensions.fusion import FusionSpec, LabelledScores, fusion_names, fusion_spec
from affekt.fusion.methods.weighted_average import weighted_average
from affekt.fusion.vectors import answered, as_probabilities, groups, subsets_to_fit
from affekt.fusion.weights import find_weights, given_weights
from affekt.score_table import ScoreTable
from affekt.settings import load_settings

logger = logging.getLogger(__name__)

#: Below so many rows for each label a classifier is not fitted, and below half of it no weights are searched.
ROWS_PER_LABEL = 6
#: So many further clips of a person count as much as a plain fusion does beside one that was fitted on adapted scores.
PERSON_CLIPS = 10
FORMAT = 1
_DESCRIPTION, _CLASSIFIERS = "fusion.json", "fusion.safetensors"


@dataclass(frozen=True)
class Fusion:
    """One fusion method over M models and L labels. Build with :meth:`fit` or :meth:`load`.

    Attributes:
        method: the name of an installed method (:func:`affekt.extensions.fusion_names`).
        models: the M models, in the order in which :meth:`predict` expects them.
        labels: the L labels.
        weights: float64 ``[M]`` of a weighted rule; of a fitted method those of the weighted average, which answers
            where a set of models has no classifier.
        classifiers: the classifier of each set of models (numbers into ``models``); empty for a method without.
        notes: sentences on what was not fitted and why.
    """

    method: str
    models: tuple[str, ...]
    labels: tuple[str, ...]
    weights: np.ndarray
    classifiers: Mapping[tuple[int, ...], ArrayClassifier]
    notes: tuple[str, ...] = ()

    @classmethod
    def fit(
        cls,
        table: ScoreTable,
        method: str,
        *,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
        weights: Mapping[str, float] | None = None,
        folds: int = 5,
    ) -> Fusion:
        """Fit on the labelled rows of a table, whatever their split.

        The rows must hold scores of clips that the models themselves were not fitted on, as the members' ``scores.csv``
        do (their train rows come from folds of subjects). Nothing else is ever looked at.

        Every set of models that can answer together (all of them, those of one modality, and any other set that occurs)
        gets a classifier of its own, fitted on all rows in which the set's models answered. A set with too few
        rows is answered by the weighted average, one with fewer still by the average; ``notes`` tells.

        Args:
            table: score vectors; rows without a label are left aside.
            method: the name of an installed method.
            seed: of everything random, and of the folds.
            settings: of the fitted methods by name, as ``settings.fusion.methods`` has them; those of the preset
                ``paper`` where not given.
            weights: of a weighted rule, by model; searched on the rows where not given.
            folds: grouped by subject, for what a method chooses by cross-validation.

        Raises:
            DataError: the method is unknown, a score is no probability, or the weights do not fit the models.
        """
        spec = fusion_spec(method)
        probabilities = as_probabilities(table.scores)
        notes: list[str] = []
        shares = np.full(len(table.models), 1 / len(table.models))
        if weights is not None:
            shares = given_weights(weights, table.models)
        elif spec.learns:
            shares = _found_weights(spec, table, probabilities, notes)
        classifiers: dict[tuple[int, ...], ArrayClassifier] = {}
        if spec.fit is not None:
            own = (papers_settings() if settings is None else settings).get(method)
            classifiers = _fitted(spec, own, table, probabilities, folds=folds, seed=seed, notes=notes)
        if notes:
            logger.debug("%s: %s", method, "; ".join(notes))
        return cls(method, table.models, table.labels, shares, classifiers, tuple(notes))

    def predict(self, scores: np.ndarray) -> np.ndarray:
        """Fused probabilities ``[N, L]`` of score vectors ``[N, M, L]``.

        A model without an answer has a row of NaN or of zeros. Rows of the result sum to one; a row is NaN where no
        model has an answer.

        Raises:
            DataError: a score is no probability, or the number of models or labels is another one.
        """
        probabilities = as_probabilities(scores)
        if probabilities.shape[1:] != (len(self.models), len(self.labels)):
            raise DataError(
                f"expected score vectors of {counted(len(self.models), 'models')} over "
                f"{counted(len(self.labels), 'labels')}, found the shape {probabilities.shape}",
                code="shape",
            )
        spec = fusion_spec(self.method)
        result = np.full((len(probabilities), len(self.labels)), np.nan)
        for subset, rows in groups(answered(probabilities)).items():
            part = probabilities[rows]
            classifier = self.classifiers.get(subset)
            if classifier is not None:
                result[rows] = classifier.predict(_end_to_end(part[:, subset]))
            elif spec.rule is not None:
                result[rows] = spec.rule(part, self.weights) if spec.weighted else spec.rule(part)
            else:
                result[rows] = weighted_average(part, self.weights)
        return result

    @property
    def selected(self) -> str:
        """What a method that selects has selected for the widest set of models, and why; "" for other methods."""
        widest = max(self.classifiers, key=len, default=())
        if not widest or not fusion_spec(self.method).selects:
            return ""
        told: str = self.classifiers[widest].told([self.models[m] for m in widest])  # type: ignore[attr-defined]
        return told

    @property
    def person_clips(self) -> int:
        """So many further clips of a person count as much as the plain answer does, beside that to adapted scores.

        None (0) where nothing is fitted: neither by a rule, nor by a selected plain mean.
        """
        spec = fusion_spec(self.method)
        if spec.selects and self.classifiers:
            return max(int(getattr(each, "person_clips", PERSON_CLIPS)) for each in self.classifiers.values())
        return PERSON_CLIPS if spec.learns else 0

    def weighing(self) -> tuple[str, ...]:
        """The models that have a weight in the answer of any set of models that was fitted, in order."""
        if not fusion_spec(self.method).selects or tuple(range(len(self.models))) not in self.classifiers:
            return self.models
        found: set[int] = set()
        for subset, each in self.classifiers.items():
            weighing = each.weighing()  # type: ignore[attr-defined]
            found |= set(subset) if weighing is None else {subset[number] for number in weighing}
        return tuple(name for number, name in enumerate(self.models) if number in found)

    def save(self, folder: Path) -> None:
        """Write ``fusion.json`` and, where there are classifiers, ``fusion.safetensors``."""
        folder.mkdir(parents=True, exist_ok=True)
        names = {subset: "+".join(str(m) for m in subset) for subset in self.classifiers}
        description: dict[str, Any] = {
            "format": FORMAT,
            "method": self.method,
            "models": list(self.models),
            "labels": list(self.labels),
            "weights": self.weights.tolist(),
            "subsets": [list(subset) for subset in names],
            "notes": list(self.notes),
            "sha256": None,
        }
        if names:
            description["sha256"] = save_classifiers(
                folder / _CLASSIFIERS,
                {name: self.classifiers[subset] for subset, name in names.items()},
                fusion_spec(self.method).kinds,
            )
        (folder / _DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Fusion:
        """The fusion in a folder that :meth:`save` wrote; it answers exactly as the saved one.

        Raises:
            DataError: a file is missing, damaged, or of another format, or its method is not installed.
        """
        path = Path(folder) / _DESCRIPTION
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"not a readable fusion: {error}", code="missing", where=str(path)) from error
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise DataError(f"not a fusion of format {FORMAT}", code="format", where=str(path))
        method = found.get("method")
        if method not in fusion_names():
            raise DataError(
                f"was fitted by the method {method!r}, which is not installed ({there_are(fusion_names())}); "
                "install the package that offers it",
                code="unknown_method",
                where=str(path),
            )
        try:
            stored: dict[str, ArrayClassifier] = {}
            if found["sha256"]:
                stored = load_classifiers(Path(folder) / _CLASSIFIERS, found["sha256"], fusion_spec(method).kinds)
            return cls(
                method,
                tuple(found["models"]),
                tuple(found["labels"]),
                np.array(found["weights"], dtype=float),
                {tuple(subset): stored["+".join(str(m) for m in subset)] for subset in found["subsets"]},
                tuple(found["notes"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"lacks a part of the fusion ({error})", code="damaged", where=str(path)) from error


@cache
def papers_settings() -> Mapping[str, Any]:
    """The settings of the fitted methods by name, of the preset ``paper``."""
    return load_settings("paper").fusion.methods


def _found_weights(spec: FusionSpec, table: ScoreTable, probabilities: np.ndarray, notes: list[str]) -> np.ndarray:
    """Weights ``[M]`` found on the labelled rows; equal ones, with a note, where these are too few."""
    known = (table.truth >= 0) & answered(probabilities).any(axis=1)
    if known.any() and known.sum() * 2 >= ROWS_PER_LABEL * len(np.unique(table.truth[known])):
        rule = spec.rule if spec.weighted and spec.rule is not None else weighted_average
        return find_weights(probabilities[known], table.truth[known], rule)
    notes.append(f"too few labelled rows ({known.sum()}) to search weights on: equal weights")
    return np.full(len(table.models), 1 / len(table.models))


def _fitted(
    spec: FusionSpec,
    settings: Any,
    table: ScoreTable,
    probabilities: np.ndarray,
    *,
    folds: int,
    seed: int,
    notes: list[str],
) -> dict[tuple[int, ...], ArrayClassifier]:
    """A classifier for each set of models that can answer together; a note for each set that has none."""
    assert spec.fit is not None
    present = answered(probabilities)
    labels_seen = max(1, len(np.unique(table.truth[(table.truth >= 0) & present.any(axis=1)])))
    classifiers: dict[tuple[int, ...], ArrayClassifier] = {}
    for subset in subsets_to_fit(table.models, present):
        rows = np.flatnonzero((table.truth >= 0) & present[:, subset].all(axis=1))
        names = "+".join(table.models[m] for m in subset)
        if len(rows) < ROWS_PER_LABEL * labels_seen or len(np.unique(table.truth[rows])) < 2:
            notes.append(f"{names}: too few labelled rows ({len(rows)}) for {spec.name}: weighted average")
            continue
        learned = LabelledScores(
            x=_end_to_end(probabilities[rows][:, subset]),
            y=table.truth[rows],
            subjects=tuple(table.subjects[i] for i in rows),
            models=len(subset),
            labels=len(table.labels),
            folds=folds,
            seed=seed,
        )
        try:
            classifiers[subset] = spec.fit(learned, settings)
        except ValueError as error:  # AdaBoost whose first tree is no better than chance
            notes.append(f"{names}: {spec.name} could not be fitted ({error}): weighted average")
    return classifiers


def _end_to_end(probabilities: np.ndarray) -> np.ndarray:
    return probabilities.reshape(len(probabilities), probabilities.shape[1] * probabilities.shape[2])
