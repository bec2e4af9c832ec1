"""One person written in two ways, or several in one, is told: each name counts as one person."""

from __future__ import annotations

import pytest

from affekt.dataset import Clip
from affekt.dataset.similar_subjects import similar_subjects


def found(*subjects: str) -> list[str]:
    clips = [Clip(str(number), f"{number}.mp4", "sad", subject) for number, subject in enumerate(subjects)]
    return [problem.message for problem in similar_subjects(clips, "data")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna", "anna"),
        ("Anna B", "anna_b"),
        ("7", "07"),
        ("7", "7.0"),
        ("S-1", "s 001"),
        ("Ａｎｎａ", "Anna"),
        ("a  b", "a b"),
    ],
)
def test_two_ways_to_write_one_name_are_told(one: str, other: str) -> None:
    (message,) = found(one, "Zoë", other, one)
    assert f"{one!r} and {other!r}" in message


@pytest.mark.parametrize(
    ("one", "other"),
    [("7", "70"), ("7.1", "7"), ("10", "1.0"), ("s1", "s11"), ("Anna", "Hanna"), ("1.05", "1.5"), ("", "x")],
)
def test_other_names_are_other_people(one: str, other: str) -> None:
    assert found(one, other) == []


def test_all_are_told_at_once_as_a_warning() -> None:
    clips = [Clip(name, f"{name}.mp4", "sad", name) for name in ("a", "A", "b", "1", "01", "001")]
    (problem,) = similar_subjects(clips, "data")
    assert (problem.code, problem.where, problem.severity) == ("similar_subjects", "data", "warning")
    assert "'a' and 'A', '1' and '01' and '001'; " in problem.message


def test_signs_without_a_width_make_nobody_else() -> None:
    (told,) = similar_subjects([Clip("1", "", subject="An\u200bna"), Clip("2", "", subject="Anna")], "data")
    assert told.code == "similar_subjects"


@pytest.mark.parametrize("name", ["2.02E+11", "1e5", "1,5E+10"])
def test_numbers_that_a_table_program_rounded_are_told(name: str) -> None:
    (message,) = found("2021", name)
    assert name in message and "several people may have become one" in message


@pytest.mark.parametrize("name", ["E5", "e12", "s1e2", "2E", "E+5", "12E5b"])
def test_other_names_with_an_e_are_not(name: str) -> None:
    assert found(name) == []


@pytest.mark.parametrize(
    "names",
    [
        ("P01_session1", "P01_session2"),
        ("P01", "P01 day 2"),
        ("anna-take01", "anna-take02"),
        ("Anna", "Anna & Ben"),
        ("Ben", "Anna/ben"),
        ("Cem", "Cem and Dora"),
    ],
)
def test_names_of_one_person_in_several_sessions_or_with_others_are_told(names: tuple[str, str]) -> None:
    (message,) = found(*names)
    assert message.startswith("subjects that are called like one person in several sessions, or like several people")
    assert all(repr(name) in message for name in names)


@pytest.mark.parametrize(
    "names", [("P01_session1", "P02_session2"), ("Anna", "Ben & Cem"), ("Andy", "Sandy"), ("A", "Take 1")]
)
def test_people_of_whom_nothing_is_shared_are_not(names: tuple[str, str]) -> None:
    assert found(*names) == []
