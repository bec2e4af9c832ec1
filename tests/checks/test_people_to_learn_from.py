"""Too few people to fit a fusion on are told by the check, and refused by a training before any work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from affekt.checks import check_source, refuse_few_people
from affekt.checks.people import few_people, labels_of_one_subject
from affekt.dataset.clips import Clip, ClipTable
from affekt.errors import DataError
from affekt.pipelines.cli import run
from affekt.pipelines.job import TrainingJob, check_data
from affekt.settings import load_settings

Rows = list[tuple[str, str, str]]


def rows(*texts: str) -> Rows:
    """Label, subject and split of each clip; ``-`` for none."""
    return [tuple("" if word == "-" else word for word in text.split()) for text in texts]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("counts", "part"),
    [
        (rows("sad a train", "happy a train", "sad b val"), "needs 2 subjects in train"),
        (rows("sad a train", "happy b train", "sad c val"), "needs another subject with two labels in train"),
        (rows("sad a -", "happy a -", "sad b -"), "2 subjects and no splits"),
        (rows("sad a -", "happy a -"), "1 subject and no splits"),
    ],
)
def test_too_few_people_are_told_with_the_number_that_is_needed(counts: Rows, part: str) -> None:
    (told,) = few_people(counts, "data")
    assert (told.code, told.where, told.severity) == ("too_few_subjects", "data", "warning")
    assert part in told.message and "fusion.method=average" in told.message


@pytest.mark.parametrize(
    "counts",
    [
        rows("sad a train", "happy a train", "sad b train", "happy c val"),
        rows("sad - train", "happy - train", "happy - train", "sad - train", "sad - val"),  # each of somebody else
        rows("sad a -", "happy b -", "sad c -"),
        rows("sad a train", "sad a val"),  # one label is told by itself
        rows("sad a test", "happy a val"),  # so is a source without train
        [],
    ],
)
def test_enough_people_are_not_told(counts: Rows) -> None:
    assert few_people(counts, "data") == []


@pytest.fixture
def one_person(tmp_path: Path, make_clip: Callable[..., Path]) -> str:
    lines = ["path,label,subject,split"]
    for number, (label, subject, split) in enumerate(rows("sad a train", "happy a train", "sad b val", "happy b val")):
        make_clip(tmp_path / f"{number}.avi", mark=number)
        lines.append(f"{number}.avi,{label},{subject},{split}")
    (tmp_path / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    return str(tmp_path)


def test_check_tells_it_and_a_training_refuses_it_before_any_work(
    one_person: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("AFFEKT_HOME", str(home))
    assert [p.code for p in check_source(one_person).warnings if "subject" in p.code] == ["too_few_subjects"]
    assert run(["train", one_person, "--only", "svc"]) == 1
    assert "the split train has 1 subject: a fusion is fitted on people" in capsys.readouterr().err
    assert not (home / "runs").exists()


def test_one_model_whose_fusion_learns_nothing_needs_nobody_else(one_person: str) -> None:
    settings = load_settings("small", ["fusion.method=average"])
    assert "too few subjects (1)" in check_data(TrainingJob(one_person, settings, models=("svc",)))
    with pytest.raises(DataError, match="needs 2 subjects in train"):
        check_data(TrainingJob(one_person, settings, models=("svc", "random_forest")))


def test_splits_that_leave_one_person_to_learn_from_are_refused_where_they_are_made() -> None:
    table = ClipTable(tuple(Clip(f"{n}", "", *row) for n, row in enumerate(rows("sad a train", "happy a train"))))
    with pytest.raises(DataError) as refused:
        refuse_few_people(table, load_settings("small").fusion)
    assert refused.value.code == "too_few_subjects"
    refuse_few_people(table, load_settings("small", ["fusion.method=average"]).fusion)


def test_labels_that_one_subject_alone_shows_are_told() -> None:
    counts = rows("sad a train", "sad b train", "happy b train", "happy c train", *["fear b train"] * 2, "fear c val")
    (told,) = labels_of_one_subject([*counts, *rows(*["angry c train"] * 3)], "data")
    assert (told.code, told.where, told.severity) == ("label_of_one_subject", "data", "warning")
    assert "labels that one subject alone shows: angry by c, fear by b; " in told.message


@pytest.mark.parametrize(
    "counts",
    [
        rows("sad a train", "sad b train", "happy b train", "happy c train", "fear b val"),  # fear is not learned
        rows("sad a -", "sad b -", "happy b -"),  # a single clip says nothing of how its person looks otherwise
        rows("sad a -", "sad b -", "happy - -", "happy - -"),  # who shows it is not known
        rows("sad a -", "happy a -"),  # one subject is told by itself
        rows("sad a -", "- a -", "- b -"),
        [],
    ],
)
def test_labels_of_several_subjects_or_of_nobody_known_are_not(counts: Rows) -> None:
    assert labels_of_one_subject(counts, "data") == []
