"""Whether what a model is asked about is still what it learned from: every column of the traces, and its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from affekt.counted import counted
from affekt.ensemble.trace import NUMBERS, PROBABILITY, VOICE
from affekt.json_document import JsonDocument
from affekt.statistics.drift import FEWEST, adjusted, compare_numbers, compare_words
from affekt.statistics.label_shift import label_scores, label_weights, mix_moved, normal_scores, told_apart

#: The column of a reference with the true label of a clip.
LABEL = "label"
#: The name under which the answered label is compared.
ANSWER = "answer"
#: The name of the mix of labels that the answers and the clips speak for, and that of all inputs together.
MIX, TOGETHER = "mix", "together"
#: The share of the level that is the mix's; the other columns have the rest.
_OF_MIX = 0.25
_WORDS = ("modalities", "flags")
#: What comes of a comparison.
NONE, LABELS, INPUTS, TOO_FEW = "none", "labels", "inputs", "too_few"


@dataclass(frozen=True)
class Column(JsonDocument):
    """One compared column.

    Attributes:
        name: ``voice.<functional>``, ``level``, ``face_rate`` …, ``probability.<label>``, ``answer``, ``mix`` (of the
            labels) or ``together`` (all inputs, under the new mix; only where something drifted).
        of: ``inputs`` or ``answers``.
        test: ``ks`` (numbers), ``chi2`` (words), ``t2`` (``mix``) or ``ridge`` (``together``).
        old: values in the reference.
        new: values that were asked about.
        distance: of the distribution functions, or of the shares of the word that differs most; of ``mix`` the share of
            clips that would need another label, of ``together`` how well the inputs tell the two apart, from 0 to 1.
        p: the probability of one so large by chance.
        q: the same for one of so many columns.
        drifted: whether q is at most the level and the distance at least the least one.
        q_mix: of inputs the q that is left when the reference is weighted to the new mix of labels; None where that was
            not asked.
    """

    name: str
    of: str
    test: str
    old: int
    new: int
    distance: float
    p: float
    q: float = 1.0
    drifted: bool = False
    q_mix: float | None = None


@dataclass(frozen=True)
class Drift(JsonDocument):
    """What a comparison found.

    Attributes:
        verdict: ``none``, ``labels`` (another mix of emotions, which explains what else differs), ``inputs`` (the clips
            themselves are others), or ``too_few`` to tell.
        reference: clips compared with.
        answers: answers compared.
        first: the time of the first, ISO 8601; ``""`` without one.
        last: of the last.
        level: the probability of an alarm without drift, at most.
        least: the least distance that counts.
        columns: the columns, the most certain first.
        mix: with the verdict ``labels`` the share of each label in the reference and as the answers show it, by label.
    """

    verdict: str
    reference: int
    answers: int
    first: str
    last: str
    level: float
    least: float
    columns: tuple[Column, ...] = ()
    mix: dict[str, tuple[float, float]] | None = None

    @property
    def drifted(self) -> tuple[Column, ...]:
        """The columns that passed the threshold."""
        return tuple(column for column in self.columns if column.drifted)

    def sentence(self) -> str:
        """The verdict for people."""
        if self.verdict == TOO_FEW:
            clips = counted(self.reference, "clips")
            return f"too few to tell: {counted(self.answers, 'answers')}, {clips} to compare with"
        if self.verdict == NONE:
            columns = counted(len(self.columns), "columns")
            return f"no drift in {counted(self.answers, 'answers')}: none of {columns} passed the threshold"
        names = ", ".join(column.name for column in self.drifted[:5])
        more = f" and {len(self.drifted) - 5} more" if len(self.drifted) > 5 else ""
        if self.verdict == LABELS:
            return f"another mix of emotions, and no other drift ({names}{more})"
        return f"the clips are others than those learned from ({names}{more})"


def measure(
    old: pd.DataFrame, new: pd.DataFrame, *, level: float = 0.01, least: float = 0.1, fewest: int = 30
) -> Drift:
    """Compare records with the reference of the model that answered, or with earlier records.

    Args:
        old: rows to compare with; with the true ``label`` of each where another mix of labels is to be told.
        new: records (:mod:`affekt.ensemble.records`).
        level: the probability of an alarm without drift, at most, over all columns together.
        least: the least distance that counts, however certain it is.
        fewest: rows that either side needs.
    """
    times = pd.to_datetime(new["time"], utc=True) if "time" in new and len(new) else None
    first, last = ("", "") if times is None else (times.min().isoformat(), times.max().isoformat())
    found = Drift(TOO_FEW, len(old), len(new), first, last, level, least)
    if min(len(old), len(new)) < fewest:
        return found
    columns, mix = _compared(old, new), _mix(old, new)
    weights = None
    if mix is not None:
        columns.append(Column(MIX, "answers", "t2", len(old), len(new), mix.distance, mix.p))
        weights = [(1 - _OF_MIX) * len(columns) / (len(columns) - 1)] * (len(columns) - 1) + [_OF_MIX * len(columns)]
    for column, q in zip(columns, adjusted([column.p for column in columns], weights), strict=True):
        drifted = q <= level and column.distance >= least
        columns[columns.index(column)] = replace(column, q=float(q), drifted=bool(drifted))
    verdict = NONE
    if any(column.drifted for column in columns):
        columns, explained = _explained(columns, old, new, mix, level, least)
        verdict = LABELS if explained else INPUTS
    ordered = sorted(columns, key=lambda column: (not column.drifted, column.p, -column.distance))
    # The estimate of the mix supposes that clips of an emotion are as before.
    shares = mix.shares if mix is not None and verdict == LABELS else None
    return replace(found, verdict=verdict, columns=tuple(ordered), mix=shares)


def _numbers(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    voices = [name for name in old.columns if name.startswith(VOICE)]
    return [name for name in (*voices, *NUMBERS) if name in old and name in new]


def _labels(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    return [name for name in old.columns if name.startswith(PROBABILITY) and name in new]


def _values(frame: pd.DataFrame, name: str) -> np.ndarray:
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(float)


def _compared(old: pd.DataFrame, new: pd.DataFrame) -> list[Column]:
    columns = []

    def add(name: str, of: str, test: str, found: tuple[float, float] | None, sizes: tuple[int, int]) -> None:
        if found is not None:
            columns.append(Column(name, of, test, *sizes, distance=found[0], p=found[1]))

    probabilities = _labels(old, new)
    for of, names in (("inputs", _numbers(old, new)), ("answers", probabilities)):
        for name in names:
            first, second = _values(old, name), _values(new, name)
            sizes = int((~np.isnan(first)).sum()), int((~np.isnan(second)).sum())
            add(name, of, "ks", compare_numbers(first, second), sizes)
    for name in _WORDS:
        if name in old and name in new:
            before, after = (list(map(str, frame[name].fillna(""))) for frame in (old, new))
            add(name, "inputs", "chi2", compare_words(before, after), (len(before), len(after)))
    if probabilities:
        before, after = _answers(old, probabilities), _answers(new, probabilities)
        add(ANSWER, "answers", "chi2", compare_words(before, after), (len(before), len(after)))
    return columns


def _answers(frame: pd.DataFrame, probabilities: Sequence[str]) -> list[str]:
    known = frame[list(probabilities)].dropna()
    return [probabilities[number] for number in known.to_numpy(float).argmax(axis=1)]


@dataclass(frozen=True)
class _Mix:
    """The mix of labels.

    Attributes:
        shares: before and after, by label.
        weights: of the old rows, that give them the new mix.
        p: the probability of a difference so large by chance.
        distance: half the sum of the differences.
    """

    shares: dict[str, tuple[float, float]]
    weights: np.ndarray
    p: float
    distance: float


def _mix(old: pd.DataFrame, new: pd.DataFrame) -> _Mix | None:
    """The mix of labels before and after; None where the old rows do not tell it."""
    names = _labels(old, new)
    answered = new.dropna(subset=names)
    if LABEL not in old or len(names) < 2 or old[names].isna().any(axis=None) or len(answered) < FEWEST:
        return None
    labels = [name.removeprefix(PROBABILITY) for name in names]
    shown = [label for label in labels if (old[LABEL] == label).any()]
    truth = np.array([shown.index(label) if label in shown else -1 for label in old[LABEL]])
    if len(shown) < 2 or (truth < 0).any():
        return None
    before, after = _rows(old, answered)
    first, second = (frame[names].to_numpy(float) for frame in (old, answered))
    scores = label_scores((first, before), truth, (second, after))
    found, weights = label_weights(scores[0], truth, scores[1])
    prior = np.bincount(truth) / len(truth)
    shares = dict.fromkeys(labels, (0.0, 0.0)) | {
        label: (float(one), float(two)) for label, one, two in zip(shown, prior, found, strict=True)
    }
    return _Mix(shares, weights, mix_moved(*scores), float(np.abs(prior - found).sum() / 2))


def _rows(old: pd.DataFrame, new: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of both as normal scores."""
    names = _numbers(old, new)
    if not names:
        return np.zeros((len(old), 0)), np.zeros((len(new), 0))
    first, second = (np.column_stack([_values(frame, name) for name in names]) for frame in (old, new))
    return normal_scores(first, second)


def _explained(
    columns: list[Column], old: pd.DataFrame, new: pd.DataFrame, mix: _Mix | None, level: float, least: float
) -> tuple[list[Column], bool]:
    """The columns with what is left of them under the new mix of labels, and whether that leaves nothing of inputs."""
    inputs = [column for column in columns if column.of == "inputs"]
    if mix is None:
        return columns, not any(column.drifted for column in inputs)
    numbers = [column for column in inputs if column.test == "ks"]
    again = {column.name: compare_numbers(_values(old, column.name), _values(new, column.name), mix.weights)
             for column in numbers}  # fmt: skip
    left = {name: found for name, found in again.items() if found is not None}
    q = dict(zip(left, adjusted([found[1] for found in left.values()]), strict=True))
    words = any(column.drifted for column in inputs if column.test == "chi2")
    rest = words or any(q[name] <= level and left[name][0] >= least for name in left)
    told = [replace(column, q_mix=float(q[column.name])) if column.name in q else column for column in columns]
    if numbers:
        distance, p = told_apart(*_rows(old, new), mix.weights)
        apart = p <= level and distance >= least
        told.append(Column(TOGETHER, "inputs", "ridge", len(old), len(new), distance, p, p, apart, p))
        rest = rest or apart
    return told, not rest
