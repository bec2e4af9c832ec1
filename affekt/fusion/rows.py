"""Which rows of a score table are fitted on, and which are fused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affekt.argument_names import argument
from affekt.counted import counted
from affekt.dataset.problems import some
from affekt.dataset.split_names import canonical_split
from affekt.errors import DataError
from affekt.fusion.vectors import answered, as_probabilities, not_amounts
from affekt.score_table import ScoreTable

#: How far sums of rounded probabilities lie from each other, as a share of them, and in which share of rows others do.
_ROUNDING, _FEW = 0.1, 0.01


@dataclass(frozen=True)
class Rows:
    """The two parts of a table.

    Attributes:
        train: the labelled rows to fit on; none where the table has no such split.
        test: the rows to fuse.
        train_split: the name of the split that ``train`` is of, or None.
        test_split: that of ``test``; ``all rows`` where the table names no split for them.
    """

    train: ScoreTable
    test: ScoreTable
    train_split: str | None
    test_split: str


def choose_rows(table: ScoreTable, train_split: str | None, test_split: str | None) -> Rows:
    """The rows of the splits that are named, or else of those that the table has.

    Args:
        table: the score table.
        train_split: the split to fit on; ``train`` where not given and present.
        test_split: the split to fuse; where not given ``test``, else ``val``, else all rows outside the train split.

    Raises:
        DataError: ``no_rows``: the table has none; ``unknown_split``; ``no_test_rows``: nothing is left to be fused;
            ``no_answers``: no model answers for any row that is to be fused; ``not_probabilities``: a score is negative
            or infinite.
    """
    if not len(table):
        raise DataError("holds a header and no row, so there is nothing to fuse or to evaluate on", code="no_rows")
    _refuse_what_is_no_amount(table)
    present = [split for split in dict.fromkeys(table.splits) if split]
    train_split, test_split = (_known(name, present) for name in (train_split, test_split))
    for name in (train_split, test_split):
        if name is not None and name not in present:
            raise DataError(
                f"no row has the split {name!r}; the table has {', '.join(present) or 'no splits'}",
                code="unknown_split",
            )
    if train_split is None and "train" in present:
        train_split = "train"
    if test_split is None:
        test_split = next((name for name in ("test", "val") if name in present and name != train_split), None)
    if train_split == test_split:
        train_split = None
    splits = np.array(table.splits, dtype=object)
    inside = splits == test_split if test_split is not None else splits != train_split
    test = table.rows(inside)
    if not len(test):
        raise DataError(
            f"every row is of the split {train_split!r}; name it with the test split to cross-validate in it",
            code="no_test_rows",
        )
    if np.isnan(as_probabilities(test.scores)).any(axis=2).all():
        raise DataError(
            f"no model has an answer for any of {counted(len(test), 'rows')} of {test_split or 'the table'}; there is "
            "nothing to fuse and no accuracy",
            code="no_answers",
        )
    train = table.rows((splits == train_split) & (table.truth >= 0))
    return Rows(train, test, train_split, test_split or "all rows")


def without_copies(table: ScoreTable) -> tuple[ScoreTable, list[str]]:
    """The table with each clip once, and a sentence on the others, if there are any.

    A copy has the label and, to the last bit, the scores of a row before it, and the path of one ends with that of the
    other (``A/sub/1.mp4`` and ``sub/1.mp4``), as where a data set lies inside of another one. Scores alone tell no
    copy: of votes many are alike.
    """
    alike: dict[tuple[str, int, bytes], list[int]] = {}
    copies = []
    for row in np.flatnonzero(~np.isnan(table.scores).all(axis=(1, 2))).tolist():
        name = table.clips[row].rpartition("/")[2]
        known = alike.setdefault((name, int(table.truth[row]), table.scores[row].tobytes()), [])
        if any(_ends_alike(table.clips[row], table.clips[other]) for other in known):
            copies.append(row)
        else:
            known.append(row)
    if not copies:
        return table, []
    kept = np.ones(len(table), dtype=bool)
    kept[copies] = False
    told = some((table.clips[row] for row in copies), 3)
    return table.rows(kept), [f"copies of other rows count once: left out are {counted(len(copies), 'rows')} ({told})"]


def _ends_alike(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return long.endswith(f"/{short}")


def rows_left_out(table: ScoreTable, rows: Rows) -> list[str]:
    """A sentence on the rows that are in neither part, if there are any."""
    others: Counter[str] = Counter()
    if rows.test_split in table.splits:
        others.update(split for split in table.splits if split not in (rows.train_split, rows.test_split))
    told = [f"{counted(number, 'rows')} of {split or 'no split'}" for split, number in others.items()]
    unlabelled = sum(split == rows.train_split for split in table.splits) - len(rows.train)
    told += [f"{counted(unlabelled, 'rows')} of {rows.train_split} without a label"] if unlabelled else []
    return [f"neither fitted on nor fused: {', '.join(told)}"] if told else []


def fused_together(table: ScoreTable, rows: Rows) -> list[str]:
    """A sentence on the rows of splits with names that nobody knows, where they are fused as one part."""
    if rows.test_split in table.splits:
        return []
    names = Counter(split for split in rows.test.splits if split)
    if not names:
        return []
    told = ", ".join(f"{counted(number, 'rows')} of {split!r}" for split, number in names.most_common())
    return [f"no split is called test or val: fused together are {told}; name one with {argument('test_split')}"]


def models_of_one_part(rows: Rows) -> list[str]:
    """A sentence on each model that answers in one part alone: what is learned in the other says nothing of it."""
    if not len(rows.train):
        return []
    learned, fused = (answered(as_probabilities(part.scores)) for part in (rows.train, rows.test))
    told = []
    for number, model in enumerate(rows.test.models):
        there, asked = learned[:, number].any(), fused[:, number].any()
        if there and not asked:
            told.append(
                f"{model} answers no row of {rows.test_split}: what {rows.train_split} shows of fusions with it does "
                "not hold there"
            )
        elif asked and not there:
            told.append(
                f"{model} answers no row of {rows.train_split} that has a label: fusions that are fitted there know "
                "nothing of it"
            )
    return told


def unlike_probabilities(table: ScoreTable) -> list[str]:
    """A sentence on each model whose rows sum to very different amounts that are no counts, as positive logits do."""
    told = []
    for number, model in enumerate(table.models):
        sums = table.scores[:, number].sum(axis=1)
        kept = np.flatnonzero(sums > 0)  # NaN is not
        scores, sums = table.scores[kept, number], sums[kept]
        if not len(sums) or (scores == np.rint(scores)).all():
            continue
        usual = float(np.median(sums))
        if (np.abs(sums - usual) > _ROUNDING * usual).sum() > _FEW * len(sums):
            told.append(
                f"the scores of {model} are no probabilities: rows sum to {sums.min():.3g} to {sums.max():.3g}. Each "
                "row is scaled to a sum of one; apply the softmax first where they are logits"
            )
    return told


def _refuse_what_is_no_amount(table: ScoreTable) -> None:
    wrong = np.argwhere((table.scores < 0) | np.isinf(table.scores))
    if len(wrong):
        row, model, label = wrong[0]
        more = f", and {counted(len(wrong) - 1, 'further scores')} like it" if len(wrong) > 1 else ""
        raise not_amounts(
            f"clip {table.clips[row]!r}, column {table.models[model]}_{table.labels[label]}: the score "
            f"{table.scores[row, model, label]:g} is negative or infinite{more}"
        )


def _known(name: str | None, present: Sequence[str]) -> str | None:
    """A split as the table has it, which reads ``Train`` and ``dev`` as ``train`` and ``val``."""
    if name is None or name in present:
        return name
    return canonical_split(name, numbered=False) or name
