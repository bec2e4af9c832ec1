"""Adaptation to a person: what each model always says of one person, learned from that person's clips without labels.

On people that a model has not seen its answers are biased in a way that belongs to the person: a low voice is taken for
sad in every clip. From each of a model's answers the person's own mean answer is taken away, as logarithms: speaker
normalisation (Busso, Mariooryad, Metallinou and Narayanan, "Iterative feature normalization", 2013) applied to what the
models answer, or the correction of a prior (Saerens, Latinne and Decaestecker, 2002) person by person. No label of the
person is looked at. It rests on the person's clips showing several emotions: of a person who is angry in all of them,
the anger is taken for the person's face.

Measured on the audio and face votes of CREMA-D (61 speakers, fusions fitted on three quarters of them and asked about
the others, four times; ``bench/person.py``), from n clips a speaker, in points of accuracy over the plain fusion:

=====================  ====  ====  ====  ====  ====  ====
n                         2     4    10    20    40    80
=====================  ====  ====  ====  ====  ====  ====
average, any clips     -0.3  +1.8  +4.6  +7.0  +8.4  +9.0
average, uneven        -0.2  +1.2  +3.3  +2.5  +5.4  +8.9
average, one-sided     -1.1  -0.3  -0.8  +1.1  +5.3  +8.9
stacking, any clips    +0.1  +0.0  +1.0  +2.0  +1.9  +2.0
stacking, uneven       +0.2  -0.2  -0.9  -1.2  -0.1  +2.1
stacking, one-sided    +0.0  -0.2  -1.9  -3.3  -2.2  +2.3
=====================  ====  ====  ====  ====  ====  ====

"Uneven" clips are drawn with shares of the labels from a Dirichlet distribution of 0.5, "one-sided" ones of 0.15 (most
clips of one or two labels); 80 are nearly all clips of a speaker, so they are even. The plain figures are about 66 %
for the average and 77 % for stacking.

Where the fusion's weights are drawn to each other, what the fused answers say of a person in all clips is taken away as
well; figures of that stand in ``docs/decisions.md``.

How that was chosen: with ``_CLIPS`` = 1 instead of 10 the first gains come sooner (the average of 4 clips +4.7), but of
ten one-sided clips the average loses 9.5 points and stacking 16. A fitted method that answers alone, without the
mixture in :meth:`PersonFusion.predict`, loses 3.5 points on two clips, since it learned from people with many. Nothing
else can tell a person whose clips are one-sided from one whose face is: give it clips of several emotions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from affekt.classifiers import Moments, rows_of
from affekt.extensions import fusion_spec
from affekt.fusion.fusion import Fusion
from affekt.fusion.vectors import answered, as_probabilities
from affekt.score_table import ScoreTable

#: How clips of one person are adapted to each other, as an ensemble's manifest says; raised when answers change. The
#: first took nothing away from what is fused.
ADAPTATION = 2
#: So many further clips of a person count as much as the assumption that the models are right about that person.
_CLIPS = 10
#: The same for what fused answers say of a person.
_FUSED_CLIPS = 30
#: Added to a probability before the logarithm of which the mean is taken, so that no single clip rules that mean.
_SMALL = 0.02


def adapted(scores: np.ndarray, subjects: Sequence[str], known: np.ndarray | None = None) -> np.ndarray:
    """Each model's probabilities with what it says of the person in all clips taken away; labels have no part in it.

    A clip's probabilities are divided by ``exp(w m)`` and scaled to a sum of one: m is the mean of ``log(p + 0.02)``
    over the person's n clips in which the model answered, and ``w = (n - 1) / (n - 1 + 10)``. The only clip of a
    person is not changed.

    Args:
        scores: score vectors ``[N, M, L]``; votes are welcome, NaN or zeros where a model has no answer.
        subjects: N names; a clip without one (``""``) is a person of its own.
        known: answers ``[N, M, L]`` of models that adapt to a person themselves, by their features; they take the place
            of what is made here of those models' scores. NaN where a model does not.

    Returns:
        Float64 ``[N, M, L]``, NaN where a model has no answer.

    Raises:
        DataError: a score is no probability.
    """
    probabilities = as_probabilities(scores)
    present = answered(probabilities)
    people, models = rows_of(subjects), range(probabilities.shape[1])
    columns = [_without_person(probabilities[:, model], present[:, model], people) for model in models]
    result = np.stack(columns, axis=1) if columns else probabilities
    if known is None:
        return result
    return np.where(present[..., np.newaxis] & ~np.isnan(known), known, result)


def adapted_after(vector: np.ndarray, earlier: Moments, against: int = _CLIPS) -> np.ndarray:
    """As :func:`adapted` for one more clip of a person of whose earlier clips statistics are left alone.

    Args:
        vector: float64 ``[L]``, a model's probabilities.
        earlier: of :func:`logs_of` what the model answered to the earlier clips.
        against: in place of the 10 there.
    """
    shown = earlier.joined(Moments.of(logs_of(vector)[np.newaxis]))
    return _taken_away(vector, shown.mean, shown.count, against)


def logs_of(probabilities: np.ndarray) -> np.ndarray:
    """The logarithms of probabilities as their means over a person's clips are taken."""
    logs: np.ndarray = np.log(probabilities + _SMALL)
    return logs


def _without_person(
    answers: np.ndarray, there: np.ndarray, people: Sequence[np.ndarray], against: int = _CLIPS
) -> np.ndarray:
    """Answers ``[N, L]`` without what those of each person have in common; a lone one stays to the last bit.

    Args:
        answers: one model's, or fused ones.
        there: bool ``[N]``, where there is one.
        people: the rows of each person.
        against: in place of the 10 in :func:`adapted`.
    """
    whose = np.full(len(answers), len(people))  # nobody's
    for number, rows in enumerate(people):
        whose[rows[there[rows]]] = number
    counts = np.bincount(whose, minlength=len(people) + 1)
    counts[len(people)] = 1
    own = np.flatnonzero(counts[whose] > 1)
    result = answers.copy()
    if len(own):
        whose, clips = whose[own], counts[whose[own], np.newaxis]
        sums = [np.bincount(whose, column, minlength=len(people)) for column in logs_of(answers[own]).T]
        result[own] = _taken_away(answers[own], np.stack(sums, axis=1)[whose] / clips, clips, against)
    return result


def _taken_away(
    probabilities: np.ndarray, mean_log: np.ndarray, clips: int | np.ndarray, against: int = _CLIPS
) -> np.ndarray:
    """Probabilities ``[…, L]`` of a person's clips without what a model says of the person in all of so many."""
    shift = _weight(clips, against) * mean_log
    moved = probabilities * np.exp(shift.max(axis=-1, keepdims=True) - shift)
    taken: np.ndarray = moved / moved.sum(axis=-1, keepdims=True)
    return taken


@dataclass(frozen=True)
class PersonFusion:
    """A fusion of adapted scores, with the plain one beside it. Build with :meth:`fit`.

    Attributes:
        plain: the method fitted on scores as they are.
        person: the same method fitted on adapted scores.
        evens: whether what the fused answers say of a person in all clips is taken away as well, where the weights are
            drawn to each other.
    """

    plain: Fusion
    person: Fusion
    evens: bool = True

    @classmethod
    def fit(cls, table: ScoreTable, method: str, *, plain: Fusion | None = None, **how: Any) -> PersonFusion:
        """Fit on the labelled rows of a table, adapted by its subjects; arguments and errors as :meth:`Fusion.fit`.

        Args:
            table: as for :meth:`Fusion.fit`.
            method: as there.
            plain: the fusion of the rows as they are, where it is fitted already.
            how: the other arguments of :meth:`Fusion.fit`.
        """
        moved = replace(table, scores=adapted(table.scores, table.subjects, table.person))
        return cls(plain or Fusion.fit(table, method, **how), Fusion.fit(moved, method, **how))

    def predict(
        self,
        scores: np.ndarray,
        subjects: Sequence[str],
        rows: np.ndarray | None = None,
        *,
        known: np.ndarray | None = None,
    ) -> np.ndarray:
        """Fused probabilities ``[N, L]`` of score vectors ``[N, M, L]``, each person's clips adapted among each other.

        A fitted method learned from people of many clips. Of a person with n clips its answer has the part w of
        :func:`adapted`, the plain fusion's answer the rest: a lone clip gets the plain answer. Weights that are
        drawn to each other count for more (:attr:`Fusion.person_clips` in place of 10), a mean without any for all.
        What answers of such weights say of the person in all clips is then taken away from each, as :func:`adapted`
        does it with a model's, though with 30 in place of 10: adapted models share a bias still (:attr:`evens`).

        Args:
            scores: as for :meth:`Fusion.predict`.
            subjects: N names.
            rows: bool ``[N]``, the rows to answer; all take part in the adaptation.
            known: as for :func:`adapted`.

        Raises:
            DataError: as :meth:`Fusion.predict`.
        """
        answers = self._mixed(scores, subjects, known)
        if self._evens:
            answers = _evened(answers, subjects)
        return answers if rows is None else answers[rows]

    def _mixed(self, scores: np.ndarray, subjects: Sequence[str], known: np.ndarray | None) -> np.ndarray:
        answers: np.ndarray = self.person.predict(adapted(scores, subjects, known))
        if not fusion_spec(self.person.method).learns:
            return answers
        usable = np.asarray(answered(as_probabilities(scores)).any(axis=1))
        part = np.zeros(len(scores))
        for own in rows_of(subjects):
            clips = max(1, int(usable[own].sum()))
            part[own] = self._part(clips)
        mixed: np.ndarray = part[:, np.newaxis] * answers + (1 - part[:, np.newaxis]) * self.plain.predict(scores)
        return mixed

    def predict_after(
        self, scores: np.ndarray, moved: np.ndarray, earlier: int, fused: Moments | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Fused probabilities ``[L]`` of one more clip of a person, and the same before anything is taken away from it.

        It is what :meth:`predict` gives the clip among all of the person's, but that of the earlier ones the answers
        count which they got when they came.

        Args:
            scores: float64 ``[M, L]`` of the clip.
            moved: likewise, adapted to the person.
            earlier: how many clips there were before.
            fused: of :func:`logs_of` their answers before anything was taken away; None where there are none.

        Raises:
            DataError: as :meth:`Fusion.predict`.
        """
        mixed: np.ndarray = self.person.predict(moved[np.newaxis])[0]
        if fusion_spec(self.person.method).learns:
            part = self._part(earlier + 1)
            mixed = part * mixed + (1 - part) * self.plain.predict(scores[np.newaxis])[0]
        if not self._evens or fused is None or np.isnan(mixed).any():
            return mixed, mixed
        return adapted_after(mixed, fused, _FUSED_CLIPS), mixed

    @property
    def _evens(self) -> bool:
        return self.evens and self._against < _CLIPS and fusion_spec(self.person.method).learns

    @property
    def _against(self) -> int:
        return max(self.plain.person_clips, self.person.person_clips)

    def _part(self, clips: int) -> float:
        """The part of the adapted answer beside the plain one, of one of so many clips."""
        return _weight(clips, self._against) if clips > 1 else 0.0


def _evened(answers: np.ndarray, subjects: Sequence[str]) -> np.ndarray:
    """Fused answers ``[N, L]`` without what those of each person have in common."""
    return _without_person(answers, ~np.isnan(answers).any(axis=1), rows_of(subjects), _FUSED_CLIPS)


def _weight(clips: Any, against: int = _CLIPS) -> Any:
    return (clips - 1) / (clips - 1 + against)
