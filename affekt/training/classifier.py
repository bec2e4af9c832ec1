"""Trains a model that is a classifier of one row of features a clip, with out-of-fold scores."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from affekt.classifiers import ArrayClassifier, PersonClassifier, rows_of, save_classifiers
from affekt.classifiers.familiar import Familiar
from affekt.counted import counted
from affekt.dataset.several import possible_labels
from affekt.errors import DataError
from affekt.models.classifier import DESCRIPTION, PERSON, WEIGHTS, Features, in_words
from affekt.progress import Progress
from affekt.score_table import ScoreTable
from affekt.training.given import ClipStore, Given
from affekt.training.out_of_fold import accuracies, folds_of, has_what_is_needed, require_two_labels, score_table
from affekt.training.person_scores import write_scores

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rows:
    """What a classifier is fitted on: features float64 ``[N, F]``, label numbers ``[N]``, and whose each row is.

    ``possible``, bool ``[N, L]``, are the labels that each row's data set has; None where all have the same. Each clip
    is there so many ``times``: first all as they are, then all copies of one kind, and so on.
    """

    x: np.ndarray
    y: np.ndarray
    subjects: list[str]
    possible: np.ndarray | None = None
    times: int = 1

    def with_copies(self, copies: Sequence[np.ndarray]) -> Rows:
        """These rows and their copies ``[N, F]``, with the same labels and subjects."""
        times = 1 + len(copies)
        possible = None if self.possible is None else np.tile(self.possible, (times, 1))
        return Rows(
            np.concatenate([self.x, *copies]), np.tile(self.y, times), self.subjects * times, possible, times
        )  # fmt: skip

    @property
    def people(self) -> list[str]:
        """Whose each row is, where the copies of a kind of a subject's clips are those of one more person."""
        clips = len(self.subjects) // self.times
        return [name and f"{row // clips} {name}" for row, name in enumerate(self.subjects)]


#: A classifier fitted on rows, and what was chosen from them for its description. What is chosen from data is chosen
#: anew for each fold; ``given.log`` is set for the final model alone.
Fit = Callable[[Rows, Given], tuple[ArrayClassifier, Mapping[str, Any]]]
#: The features float64 ``[F]`` of clips by their keys, None where there are none.
Read = Callable[[ClipStore, Sequence[str]], Sequence[np.ndarray | None]]


def train_classifier(
    given: Given, features: Features, fit: Fit, read: Read | None = None, copies: Sequence[Features] = ()
) -> ScoreTable:
    """Fit a classifier on the train clips once for each fold and once on all.

    Writes into ``given.out``: ``model.safetensors`` and ``model.json`` for
    :meth:`affekt.models.classifier.ClassifierMember.load`, and ``scores.csv``, which is also returned. A clip without
    what the features are made of has a row of NaN. Where the train clips name two subjects, a second classifier of the
    same kind learns from features that are normalised by their subjects (:mod:`affekt.classifiers.person`); what it
    answers when it knows all of a subject's clips is in ``scores_person.csv``. How far each scored clip lies from those
    that were learned from is in ``distances.csv`` (:mod:`affekt.classifiers.familiar`).

    Args:
        given: what it learns from.
        features: one row of a clip, or None.
        fit: the fitting.
        read: the same features of many clips at once, for those that the store keeps apart from the pictures.
        copies: what is learned from besides: the features of a clip changed as if another person had shown or said it.

    Raises:
        DataError: no train clip is usable, they have fewer than two labels, or their features are of different numbers.
    """
    rows = _features(given, features, read)
    folds = folds_of(given, np.array([row is not None for row in rows], dtype=bool))
    require_two_labels(given, folds)
    given.out.mkdir(parents=True, exist_ok=True)
    possible = _possible(given)
    learns = {int(number) for fold in folds for number in fold.learns}
    changed = [_features(given, each, None, learns) for each in copies]
    scores: dict[int, np.ndarray | None] = {}
    adapted: dict[int, np.ndarray] = {}
    distances: dict[int, float] = {}
    for fold in folds:
        shown = Rows(
            _stacked(rows, fold.learns),
            np.array([given.labels.index(given.index.rows[number].label) for number in fold.learns], dtype=int),
            [given.index.rows[number].subject for number in fold.learns],
            None if possible is None else possible[fold.learns],
        )
        learned = shown.with_copies([_stacked(each, fold.learns) for each in changed])
        logger.info("%s %s: fitting on %s", given.member, fold.name, counted(len(shown.y), "clips"))
        model, facts = fit(learned, given if fold.final else dataclasses.replace(given, log=None))
        person = _person(learned, fit, given)
        familiar = Familiar.fit(shown.x)
        known = [int(number) for number in fold.scores if rows[number] is not None]
        scores.update(dict.fromkeys(map(int, fold.scores)))
        if known:
            asked = _stacked(rows, known)
            found = model.predict(asked)
            scores.update(zip(known, found, strict=True))
            distances.update(zip(known, familiar.distances(asked).tolist(), strict=True))
            if person is not None:
                names = [given.index.rows[number].subject for number in known]
                adapted.update(zip(known, _adapted(person, asked, found, names), strict=True))
    description = {
        "member": given.member,
        "labels": list(given.labels),
        "features": int(shown.x.shape[1]),
        "weights": WEIGHTS,
        "sha256": save_classifiers(given.out / WEIGHTS, {given.member: model} | ({PERSON: person} if person else {})),
        "train_clips": len(shown.y),
        "settings": {**dataclasses.asdict(given.group), "seed": given.settings.seed},
        **facts,
    }
    (given.out / DESCRIPTION).write_text(json.dumps(description, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    familiar.write(given.out)
    table = score_table(given, scores)
    away = np.array([[distances.get(number, np.nan)] for number in sorted(scores)], dtype=float)
    table = dataclasses.replace(table, distance=away.reshape(len(table), 1))
    if person is not None:
        moved: dict[int, np.ndarray | None] = {number: adapted.get(number) for number in scores}
        table = dataclasses.replace(table, person=score_table(given, moved).scores)
    write_scores(given.out, table)
    if given.log is not None:
        given.log(accuracies(table), 0)
    return table


def _possible(given: Given) -> np.ndarray | None:
    """Bool ``[N, L]``: the labels that the data set of each clip has; None where all have the same."""
    known = possible_labels(given.index)
    if not known:
        return None
    return np.array([[label in known[row.clip] for label in given.labels] for row in given.index], dtype=bool)


def _person(rows: Rows, fit: Fit, given: Given) -> PersonClassifier | None:
    """The classifier of features that are normalised by their subjects; None where they name no two."""

    def inner(x: np.ndarray, kept: np.ndarray) -> ArrayClassifier:
        subjects = [name for name, there in zip(rows.subjects, kept, strict=True) if there]
        possible = None if rows.possible is None else rows.possible[kept]
        return fit(Rows(x, rows.y[kept], subjects, possible, rows.times), dataclasses.replace(given, log=None))[0]

    try:
        return PersonClassifier.fit(rows.x, rows.people, inner)
    except ValueError:  # those with several clips show a single label
        return None


def _adapted(person: PersonClassifier, x: np.ndarray, plain: np.ndarray, subjects: Sequence[str]) -> np.ndarray:
    """The answers to rows ``[N, F]``, each subject's clips adapted to each other; plain without a subject."""
    answers = plain.copy()
    for own in rows_of(subjects):
        answers[own] = person.mixed(x[own], plain[own])
    return answers


def _stacked(rows: Sequence[np.ndarray | None], numbers: Iterable[int]) -> np.ndarray:
    """The named rows that there are, float64 ``[N, F]``."""
    return np.stack([row for number in numbers if (row := rows[number]) is not None])


def _features(
    given: Given, features: Features, read: Read | None, wanted: set[int] | None = None
) -> list[np.ndarray | None]:
    """The features float64 ``[F]`` of each clip, None where there are none, or where its number is not asked for."""
    asked = has_what_is_needed(given.member, given.index)
    if wanted is not None:
        asked &= np.isin(np.arange(len(asked)), list(wanted))
    rows: list[np.ndarray | None] = []
    with Progress(f"{given.member}: reading {in_words(features)}", len(given.index)) as progress:
        for row, there in zip(given.index, asked, strict=True):
            rows.append(features(given.store.get(row.key)) if there and read is None else None)
            progress.advance()
    if read is not None:
        numbers = [number for number, there in enumerate(asked) if there]
        found = read(given.store, [given.index.rows[number].key for number in numbers])
        for number, features_of_clip in zip(numbers, found, strict=True):
            rows[number] = features_of_clip
    sizes = {len(row) for row in rows if row is not None}
    if len(sizes) > 1:
        raise DataError(
            f"the prepared clips have different numbers of {in_words(features)}: {sorted(sizes)}", code="wrong_features"
        )
    return rows
