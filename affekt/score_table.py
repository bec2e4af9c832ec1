"""The score table: every model's probabilities over the labels for every clip, and its CSV form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affekt.counted import counted
from affekt.dataset.score_columns import read_cells
from affekt.dataset.split_column import split_by_values
from affekt.dataset.tables import open_table
from affekt.did_you_mean import did_you_mean
from affekt.errors import DataError, as_affekt_error


@dataclass(frozen=True)
class ScoreTable:
    """Score vectors of M models over L labels for N clips.

    Attributes:
        clips: N clip ids, unique.
        labels: L label names in canonical order.
        models: M model names.
        scores: float64 ``[N, M, L]``; a row of NaN where a model gave no answer (no face, no voice).
        truth: int ``[N]``, the index of the true label in ``labels``, or -1 where it is not known.
        subjects: N subject names, ``""`` where not known.
        splits: N split names, ``""`` where not known.
        person: float64 ``[N, M, L]``, what each model answers that knows all clips of the subject, NaN where it does
            not adapt to a person itself; None where none does. Not a part of the CSV form.
        distance: float64 ``[N, M]``, how far each clip lies from what each model learned from, NaN where it does not
            say; None where none does. Not a part of the CSV form.
    """

    clips: tuple[str, ...]
    labels: tuple[str, ...]
    models: tuple[str, ...]
    scores: np.ndarray
    truth: np.ndarray
    subjects: tuple[str, ...]
    splits: tuple[str, ...]
    person: np.ndarray | None = None
    distance: np.ndarray | None = None

    def __post_init__(self) -> None:
        expected = (len(self.clips), len(self.models), len(self.labels))
        if self.scores.shape != expected:
            raise ValueError(f"scores have shape {self.scores.shape}, expected {expected}")
        if self.person is not None and self.person.shape != expected:
            raise ValueError(f"adapted scores have shape {self.person.shape}, expected {expected}")
        if self.distance is not None and self.distance.shape != expected[:2]:
            raise ValueError(f"distances have shape {self.distance.shape}, expected {expected[:2]}")
        for name in ("truth", "subjects", "splits"):
            if len(getattr(self, name)) != len(self.clips):
                found = counted(len(getattr(self, name)), "entries")
                raise ValueError(f"{name} has {found} for {counted(len(self.clips), 'clips')}")

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def available(self) -> np.ndarray:
        """Bool ``[N, M]``: which model answered for which clip."""
        answered: np.ndarray = ~np.isnan(self.scores).any(axis=2)
        return answered

    def rows(self, keep: np.ndarray | Sequence[int]) -> ScoreTable:
        """The table of the kept rows: a bool mask ``[N]`` or row numbers in the wanted order."""
        index = np.asarray(keep)
        if index.dtype == bool:
            index = np.flatnonzero(index)
        index = index.astype(int)
        return ScoreTable(
            tuple(self.clips[i] for i in index),
            self.labels,
            self.models,
            self.scores[index],
            self.truth[index],
            tuple(self.subjects[i] for i in index),
            tuple(self.splits[i] for i in index),
            None if self.person is None else self.person[index],
            None if self.distance is None else self.distance[index],
        )

    def split(self, name: str) -> ScoreTable:
        """The rows of one split."""
        return self.rows([row for row, split in enumerate(self.splits) if split == name])

    def only(self, models: Sequence[str]) -> ScoreTable:
        """The table with the named models alone, in the order given.

        Raises:
            DataError: a model is not in the table.
        """
        unknown = [name for name in models if name not in self.models]
        if unknown:
            raise DataError(
                f"no model named {', '.join(unknown)}{did_you_mean(unknown[0], self.models)}; "
                f"the table has {', '.join(self.models)}",
                code="unknown_model",
            )
        index = [self.models.index(name) for name in models]
        return ScoreTable(
            self.clips, self.labels, tuple(models), self.scores[:, index], self.truth, self.subjects, self.splits,
            None if self.person is None else self.person[:, index],
            None if self.distance is None else self.distance[:, index],
        )  # fmt: skip

    def write(self, path: Path) -> None:
        """Write as CSV: ``clip,label,subject,split``, then a column ``<model>_<label>`` per score, blank if missing."""
        import pandas as pd  # 0.3 s, and an answer needs no table

        frame = pd.DataFrame(
            {
                "clip": self.clips,
                "label": [self.labels[t] if t >= 0 else "" for t in self.truth],
                "subject": self.subjects,
                "split": self.splits,
            }
        )
        columns = [f"{model}_{label}" for model in self.models for label in self.labels]
        scores = pd.DataFrame(self.scores.reshape(len(self.clips), len(columns)), columns=columns)
        # 17 significant digits: a table that was written and read again is the same to the last bit.
        pd.concat([frame, scores], axis=1).to_csv(path, index=False, float_format="%.17g")

    @classmethod
    def read(cls, path: str | Path) -> ScoreTable:
        """Read a score table as any program wrote it; :mod:`affekt.dataset.tables` says what may differ.

        Only ``clip`` is required. ``label``, ``subject`` and ``split`` may be absent, blank or words for missing
        values; labels and splits may be written in any known spelling, and a split that is not known keeps its name.
        Score columns end in a label in any known spelling of three letters or more; others are left aside, which is
        logged. A model with some missing scores in a row has no answer for that clip.

        Raises:
            DataError: the file cannot be read, has more cells in a row than columns, names a clip twice or not at all,
                holds no score columns, lacks a label for a model or has one twice, or a score is not a number.
        """
        try:
            split = split_by_values(Path(path), str(path))
            with open_table(Path(path), str(path)) as table:
                cells = read_cells(table, split)
        except OSError as error:
            known = as_affekt_error(error)
            raise DataError(known.message, code=known.code, where=str(path)) from error
        return cls(
            tuple(cells.clips),
            cells.labels,
            cells.models,
            cells.as_array(),
            np.array(cells.truth, dtype=int),
            tuple(cells.subjects),
            tuple(cells.splits),
        )


def join_tables(tables: Iterable[ScoreTable]) -> ScoreTable:
    """One table with the models of all tables, over the clips that occur in any, in order of first occurrence.

    Raises:
        DataError: the tables differ in their labels, hold the same model twice, or disagree about a clip.
    """
    parts = list(tables)
    if not parts:
        raise DataError("no score tables to join", code="no_scores")
    labels = parts[0].labels
    models: list[str] = []
    facts: dict[str, tuple[int, str, str]] = {}
    for part in parts:
        if part.labels != labels:
            raise DataError(f"the tables score different labels: {labels} and {part.labels}", code="labels_differ")
        repeated = [name for name in part.models if name in models]
        if repeated:
            raise DataError(f"two tables hold the model {repeated[0]!r}", code="duplicate_model")
        models.extend(part.models)
        for row, clip in enumerate(part.clips):
            fact = (int(part.truth[row]), part.subjects[row], part.splits[row])
            if facts.setdefault(clip, fact) != fact:
                raise DataError(
                    f"two tables disagree about the label, subject or split of clip {clip!r}", code="rows_differ"
                )
    clips = tuple(facts)
    position = {clip: row for row, clip in enumerate(clips)}
    scores = np.full((len(clips), len(models), len(labels)), np.nan)
    person = None if all(part.person is None for part in parts) else scores.copy()
    distance = None if all(part.distance is None for part in parts) else scores[:, :, 0].copy()
    first = 0
    for part in parts:
        rows = [position[clip] for clip in part.clips]
        scores[rows, first : first + len(part.models)] = part.scores
        if person is not None and part.person is not None:
            person[rows, first : first + len(part.models)] = part.person
        if distance is not None and part.distance is not None:
            distance[rows, first : first + len(part.models)] = part.distance
        first += len(part.models)
    truth = np.array([facts[clip][0] for clip in clips], dtype=int)
    return ScoreTable(
        clips, labels, tuple(models), scores, truth,
        tuple(facts[clip][1] for clip in clips), tuple(facts[clip][2] for clip in clips), person, distance,
    )  # fmt: skip


def stack_tables(tables: Iterable[ScoreTable]) -> ScoreTable:
    """One table with the clips of all tables below each other, the models as in the first.

    Raises:
        DataError: the tables differ in their labels or models, or a clip is in two of them.
    """
    parts = list(tables)
    if not parts:
        raise DataError("no score tables to stack", code="no_scores")
    first = parts[0]
    for part in parts:
        if part.labels != first.labels:
            raise DataError(
                f"the tables score different labels: {first.labels} and {part.labels}", code="labels_differ"
            )
        if set(part.models) != set(first.models):
            raise DataError(f"the tables hold different models: {first.models} and {part.models}", code="models_differ")
    clips = tuple(clip for part in parts for clip in part.clips)
    if len(set(clips)) < len(clips):
        twice = next(clip for number, clip in enumerate(clips) if clip in clips[:number])
        raise DataError(f"two tables hold the clip {twice!r}", code="duplicate_id")
    ordered = [part.only(first.models) for part in parts]
    return ScoreTable(
        clips,
        first.labels,
        first.models,
        np.concatenate([part.scores for part in ordered]),
        np.concatenate([part.truth for part in parts]),
        tuple(subject for part in parts for subject in part.subjects),
        tuple(split for part in parts for split in part.splits),
        _stacked(ordered, [part.person for part in ordered]),
        _stacked(ordered, [part.distance for part in ordered]),
    )


def _stacked(tables: Sequence[ScoreTable], parts: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """What tables hold beside their scores, below each other: NaN of a table without it; None where none has it."""
    shapes = [part.shape[1:] for part in parts if part is not None]
    if not shapes:
        return None
    return np.concatenate(
        [
            np.full((len(table), *shapes[0]), np.nan) if part is None else part
            for table, part in zip(tables, parts, strict=True)
        ]
    )
