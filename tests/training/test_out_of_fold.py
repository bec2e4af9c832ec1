"""Who learns from what and who scores what, for a model of the face and one of the voice alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import DataError
from affekt.media import PreparedIndex, PreparedRow
from affekt.score_table import ScoreTable
from affekt.settings import load_settings
from affekt.store.entries import Store
from affekt.training.given import Given
from affekt.training.out_of_fold import Fold, accuracies, folds_of, require_two_labels, score_table

LABELS = ("angry", "happy")
FACE, VOICE, BOTH = "c3d", "svc", "joint"
MEMBERS = pytest.mark.parametrize("member", [FACE, VOICE, BOTH])
SETTINGS = ("fusion.folds=2", "fusion.held_out_share=0.25")


def row(
    number: int, subject: str, label: str, split: str = "train", *, face: bool = True, voice: bool = True
) -> PreparedRow:
    return PreparedRow(f"clip{number}", label, subject, split, f"{number:032d}-0", 10, 10 * face, voice)


def given(member: str, rows: Sequence[PreparedRow], *settings: str, out: Path = Path("member")) -> Given:
    chosen = load_settings("small", (*SETTINGS, *settings))
    return Given(member, PreparedIndex(tuple(rows)), Store(out, chosen.media), chosen, LABELS, out)


def people(count: int = 4, validate: int = 1) -> list[PreparedRow]:
    """Two clips of each person, one a label; the last people validate."""
    return [
        row(number, f"s{number // 2}", LABELS[number % 2], "train" if number // 2 < count else "val")
        for number in range(2 * (count + validate))
    ]


def subjects(index: PreparedIndex, numbers: np.ndarray) -> set[str]:
    return {index.rows[number].subject for number in numbers}


@MEMBERS
def test_nobody_is_scored_by_a_model_that_learned_from_them(member: str) -> None:
    chosen = given(member, people())
    folds = folds_of(chosen)
    assert [(fold.name, fold.key) for fold in folds] == [
        ("fold 1/2", "fold1"), ("fold 2/2", "fold2"), ("final", "final"),
    ]  # fmt: skip
    for fold in folds:
        assert not subjects(chosen.index, fold.learns) & subjects(chosen.index, fold.scores)
    assert sorted(np.concatenate([fold.scores for fold in folds])) == list(range(10))


def test_no_clip_is_scored_by_a_model_that_learned_from_a_copy_under_another_name() -> None:
    rows = people(6)
    rows += [replace(rows[number], clip=f"copy{number}", subject=f"t{number // 2}") for number in (0, 1, 4)]
    rows += [replace(rows[6], clip=f"alone{number}", subject="") for number in range(2)]
    for seed in range(4):
        for fold in folds_of(given(VOICE, rows, f"seed={seed}"))[:-1]:
            learned, scored = ({rows[number].key for number in part} for part in (fold.learns, fold.scores))
            assert scored and not learned & scored
            assert not {rows[n].subject for n in fold.learns} & {rows[n].subject for n in fold.scores} - {""}


@MEMBERS
def test_the_final_model_learns_from_all_train_clips_and_scores_the_others(member: str) -> None:
    final = folds_of(given(member, people()))[-1]
    assert final.final
    assert (final.learns.tolist(), final.scores.tolist()) == (list(range(8)), [8, 9])


@pytest.mark.parametrize(
    ("member", "learned"), [(FACE, [0, 1, 3, 4, 5, 6, 7]), (VOICE, [0, 1, 2, 4, 5, 6, 7]), (BOTH, [0, 1, 4, 5, 6, 7])]
)
def test_a_clip_without_what_the_model_looks_at_is_not_learned_from(member: str, learned: list[int]) -> None:
    rows = people()
    rows[2], rows[3] = row(2, "s1", "angry", face=False), row(3, "s1", "happy", voice=False)
    final = folds_of(given(member, rows))[-1]
    assert final.learns.tolist() == learned


def test_one_frame_with_a_face_is_enough_to_learn_from() -> None:
    rows = [replace(item, frames_with_face=1) for item in people()]
    assert folds_of(given(FACE, rows))[-1].learns.tolist() == list(range(8))


@pytest.mark.parametrize("seed", range(4))
def test_each_fold_holds_out_as_many_people_of_every_label(seed: int) -> None:
    rows = [row(number, f"s{number}", LABELS[number // 6]) for number in range(12)]
    for fold in folds_of(given(VOICE, rows, f"seed={seed}"))[:-1]:
        assert sorted(rows[number].label for number in fold.scores) == ["angry"] * 3 + ["happy"] * 3


def test_the_folds_of_all_models_hold_out_the_same_clips() -> None:
    rows = people()
    rows[2] = row(2, "s1", "angry", face=False)
    face, voice = folds_of(given(FACE, rows)), folds_of(given(VOICE, rows))
    assert [fold.scores.tolist() for fold in face] == [fold.scores.tolist() for fold in voice]


def test_a_model_may_say_itself_which_clips_are_of_use() -> None:
    chosen = given(VOICE, people())
    usable = np.array([number != 5 for number in range(10)])
    assert all(5 not in fold.learns for fold in folds_of(chosen, usable))


@MEMBERS
def test_without_train_clips_there_is_the_final_model_alone_and_nothing_to_learn(member: str) -> None:
    chosen = given(member, [row(0, "a", "angry", "val"), row(1, "b", "happy", "val")])
    (final,) = folds_of(chosen)
    assert (final.learns.tolist(), final.scores.tolist()) == ([], [0, 1])
    with pytest.raises(
        DataError, match="nothing to learn from: no clip of the split 'train' has a label and"
    ) as caught:
        require_two_labels(chosen, [final])
    assert caught.value.code == "no_train_clips"


@pytest.mark.parametrize(
    ("member", "asks"),
    [(FACE, "a label and a face"), (VOICE, "a label and usable sound"), (BOTH, "a label and a face and usable sound")],
)
def test_what_no_clip_has_is_said(member: str, asks: str) -> None:
    chosen = given(
        member, [row(number, f"s{number}", LABELS[number % 2], face=False, voice=False) for number in range(4)]
    )
    with pytest.raises(DataError, match=asks):
        require_two_labels(chosen, folds_of(chosen))


@MEMBERS
def test_an_index_without_clips_has_nothing_to_score(member: str) -> None:
    (final,) = folds_of(given(member, []))
    assert len(final.learns) == len(final.scores) == 0


@MEMBERS
def test_the_only_subject_cannot_be_held_out(member: str, caplog: pytest.LogCaptureFixture) -> None:
    chosen = given(member, [row(number, "alone", LABELS[number % 2]) for number in range(4)])
    (final,) = folds_of(chosen)
    assert final.learns.tolist() == [0, 1, 2, 3]
    assert "no train clip gets a score" in caplog.text


@MEMBERS
def test_a_fold_that_leaves_one_label_to_learn_from_scores_nothing(
    member: str, caplog: pytest.LogCaptureFixture
) -> None:
    # Two people, of whom one shows a single label: held out the other, there is nothing to tell apart.
    rows = [row(0, "both", "angry"), row(1, "both", "happy"), row(2, "one", "angry"), row(3, "one", "angry")]
    folds = folds_of(given(member, rows))
    assert [(fold.learns.tolist(), fold.scores.tolist()) for fold in folds] == [([0, 1], [2, 3]), ([0, 1, 2, 3], [])]
    assert "fewer than two labels to learn from: no score for 2 clips" in caplog.text


@MEMBERS
def test_one_label_is_nothing_to_learn(member: str) -> None:
    chosen = given(member, [row(number, f"s{number}", "angry") for number in range(4)])
    with pytest.raises(DataError, match="all train clips that it can learn from are 'angry'") as caught:
        require_two_labels(chosen, folds_of(chosen))
    assert caught.value.code == "too_few_labels"


def test_two_labels_are_enough() -> None:
    chosen = given(VOICE, people())
    require_two_labels(chosen, folds_of(chosen))


@MEMBERS
def test_clips_of_other_labels_are_scored_and_not_learned_from(member: str, caplog: pytest.LogCaptureFixture) -> None:
    rows = [*people(), row(10, "s0", "fear"), row(11, "s4", "", "val")]
    folds = folds_of(given(member, rows))
    assert all(10 not in fold.learns for fold in folds)
    assert {10, 11} <= set(np.concatenate([fold.scores for fold in folds]).tolist())
    assert "their label is none of angry, happy: 1 clip" in caplog.text


@MEMBERS
def test_held_out_sets_one_part_of_the_subjects_aside(member: str) -> None:
    chosen = given(member, people(), "fusion.scores=held_out")
    held, final = folds_of(chosen)
    assert len(subjects(chosen.index, held.scores)) == 1
    assert len(held.learns) == 6
    assert not set(held.scores) & set(final.scores)


@pytest.mark.parametrize(("share", "held_out"), [(0.25, 2), (0.5, 4)])
def test_the_share_that_is_held_out_is_of_the_subjects(share: float, held_out: int) -> None:
    chosen = given(VOICE, people(8), "fusion.scores=held_out", f"fusion.held_out_share={share}")
    held, _ = folds_of(chosen)
    assert len(subjects(chosen.index, held.scores)) == held_out


def test_a_large_share_held_out_leaves_subjects_to_learn_from() -> None:
    held, _ = folds_of(given(VOICE, people(), "fusion.scores=held_out", "fusion.held_out_share=0.9"))
    assert len(held.learns) == 4


def test_a_folds_model_lies_below_that_of_the_final_one() -> None:
    nothing = np.zeros(0, int)
    assert Fold("fold 2/3", "fold2", nothing, nothing).folder(Path("vgg")) == Path("vgg/folds/2")
    assert Fold("final", "final", nothing, nothing).folder(Path("vgg")) == Path("vgg")


def test_the_score_table_has_a_row_for_every_scored_clip_in_their_order() -> None:
    rows = [*people(), row(10, "s0", "fear")]
    table = score_table(given(VOICE, rows), {3: np.array([0.25, 0.75]), 10: None, 0: np.array([1.0, 0.0])})
    assert table.models == (VOICE,)
    assert (table.clips, table.subjects, table.splits) == (
        ("clip0", "clip3", "clip10"), ("s0", "s1", "s0"), ("train", "train", "train"),
    )  # fmt: skip
    assert table.truth.tolist() == [0, 1, -1]
    np.testing.assert_array_equal(table.scores[:, 0], [[1, 0], [0.25, 0.75], [np.nan, np.nan]])


def test_a_table_without_rows_has_the_same_columns() -> None:
    table = score_table(given(VOICE, people()), {})
    assert (table.scores.shape, table.truth.dtype.kind) == ((0, 1, 2), "i")


def test_accuracies_are_told_for_each_split_of_what_has_a_label_and_a_score() -> None:
    vectors = [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [np.nan, np.nan], [0.1, 0.9], [0.9, 0.1]]
    table = ScoreTable(
        tuple("abcdef"), LABELS, (VOICE,), np.array(vectors)[:, None], np.array([0, 1, -1, 1, 1, 0]), ("",) * 6,
        ("train", "train", "train", "val", "", ""),
    )  # fmt: skip
    assert accuracies(table) == {"train_accuracy": 0.5, "unnamed_accuracy": 1.0}
