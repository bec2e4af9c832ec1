"""A subject that is no person shows in which clips have it."""

from __future__ import annotations

import pytest

from affekt.checks.whose_clips import whose_clips

LABELS = ("happy", "sad")


@pytest.mark.parametrize(("clips", "shared", "told"), [(10, 0, True), (10, 1, False), (9, 0, False)])
def test_clips_with_a_subject_each_are_told(clips: int, shared: int, told: bool) -> None:
    counts = [(LABELS[number % 2], f"s{max(number, shared)}", "") for number in range(clips)]
    assert [(problem.code, problem.severity) for problem in whose_clips(counts, "data")] == [
        ("subject_each", "warning")
    ] * told


def test_clips_without_a_subject_are_not_told_so() -> None:
    assert whose_clips([("happy", "", "")] * 20, "data") == []


@pytest.mark.parametrize(
    ("labels", "told"),
    [(("happy", "sad", "happy"), True), (("happy", "sad"), False), (("happy", "sad", "sad happy"), False)],
)
def test_subjects_of_one_label_each_are_told(labels: tuple[str, ...], told: bool) -> None:
    counts = [
        ((words := text.split())[clip % len(words)], f"s{number}", "")
        for number, text in enumerate(labels)
        for clip in range(4)
    ]
    assert [problem.code for problem in whose_clips(counts, "data")] == ["one_label_each"] * told
