"""A file of schedules: what it may say, and that one with mistakes is refused as a whole, each at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from affekt.errors import DataError
from affekt.pipelines.schedules.cron import Cron
from affekt.pipelines.schedules.file import read_schedules
from affekt.pipelines.schedules.schedule import Schedule

WEEKLY = """\
schedules:
  - name: weekly
    cron: "30 3 * * mon"
    time_zone: Europe/Berlin
    data: s3://bucket/clips
    only: svc
    settings: {svc.c_candidates: [0.1], fusion.folds: 2}
    runner: cluster
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "schedules.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(DataError) as caught:
        read_schedules(written(folder, text))
    return caught.value.message.split("\n  - ")[1:]


def test_a_schedule_is_read(tmp_path):
    (found,) = read_schedules(written(tmp_path, WEEKLY)).schedules
    assert found == Schedule(
        "weekly", "30 3 * * 1", "Europe/Berlin", "s3://bucket/clips", only="svc", runner="cluster",
        settings=("svc.c_candidates=[0.1]", "fusion.folds=2"),
    )  # fmt: skip


def test_local_places_are_seen_from_the_files_folder(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    text = WEEKLY.replace("s3://bucket/clips", "clips").replace("cluster", "local")
    assert read_schedules(written(tmp_path, text)).schedules[0].data == str(tmp_path.resolve() / "clips")


def test_every_mistake_is_told_at_its_line(tmp_path):
    text = WEEKLY + (
        "  - name: weekly\n    cron: 0 25 * * *\n    time_zone: Berlin\n    dat: x\n"
        "    settings:\n      vgg.iterations: many\n      no.such: 1\n    enabled: maybe\n"
    )
    found = mistakes(tmp_path, text)
    assert [line.split(":")[0] for line in found] == [f"line {n}" for n in (9, 9, 10, 11, 12, 14, 15, 16)]
    for word, line in zip(
        ("name weekly is taken by line 2", "no data", "hour", "time zone", "dat", "vgg.iterations", "no.such", "true"),
        found,
        strict=True,
    ):
        assert word in line


def test_a_key_that_is_there_twice_is_a_mistake(tmp_path):
    assert mistakes(tmp_path, WEEKLY + "    only: vgg\n") == ["line 9: the key only is there twice"]


def test_what_is_wrong_within_a_value_is_told_at_its_own_line(tmp_path):
    text = WEEKLY.partition("    settings")[0] + (
        "    settings:\n      svc.c: 2026-01-01\n      svc.c: 3\n    when:\n      new_clips: 0\n      newclips: 3\n"
        "    notify:\n      slack: 5\n      results: [won]\n"
    )
    lines, words = (8, 9, 11, 12, 14, 15), ("a date", "twice", "is 0", "newclips", "slack", "won")
    for said, line, word in zip(mistakes(tmp_path, text), lines, words, strict=True):
        assert said.startswith(f"line {line}: ")
        assert word in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("when: {clips: 50}", "expected new_clips"),
        ("when: {drift: records}", "pods of a cluster do not see"),
        ("notify: {slack: $SLACK}", "write slack: $AFFEKT_SLACK"),
        ("when: {new_clips: 0}", "expected a whole number from 1 on"),
        ("when: {}", "expected one or more of"),
        ("notify: {webhook: example.org}", "expected an http(s) address"),
        ("notify: {mail: a@example.org}", "mail is not known"),
        ("notify: {slack: $SLACK, results: [late]}", "expected a list of promoted"),
        ("profile: tiny", "is no profile"),
        ("deploy: here", "expected the address of a server"),
        ("deploy: http://127.0.0.1:8080", "a cluster does not see a server of this machine"),
    ],
)
def test_what_is_not_understood_or_not_built_is_refused(tmp_path, line, said):
    (found,) = mistakes(tmp_path, WEEKLY + f"    {line}\n")
    assert said in found


def test_pods_do_not_see_local_places(tmp_path):
    (found,) = mistakes(tmp_path, WEEKLY.replace("s3://bucket/clips", "clips"))
    assert found.startswith("line 5: data: pods")


@pytest.mark.parametrize("text", ["", "- a", "schedules: 3", "schedules: [", "a: !!python/object:os.system x", "\t"])
def test_what_is_no_file_of_schedules_is_refused(tmp_path, text):
    with pytest.raises(DataError):
        read_schedules(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("*/20 1-3 * jan,MAR mon-fri", "0,20,40 1,2,3 * 1,3 1,2,3,4,5"),
        ("0 0 31 * *", "0 0 31 * *"),
        ("0 0 * * 7", "0 0 * * 0"),
        ("0 0 * * 5-7", "0 0 * * 0,5,6"),
        ("0 0 * * 1-7", "0 0 * * *"),
        ("0-59 */1 1-31 1-12 0-6", "* * * * *"),
        ("0 0 * * */2", "0 0 * * 0,2,4,6"),
    ],
)
def test_a_cron_expression_is_read_to_its_values(text, numbers):
    assert Cron.parse(text).five_fields == numbers


@pytest.mark.parametrize(
    "text",
    ["", "* * * *", "0 0 * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 30 2 *", "* * 31 4,6 *", "a * * * *",
     "5-1 * * * *", "*/0 * * * *", "3/2 * * * *", "0 0 1 * 1", "@weekly", "² * * * *", "1, * * * *"],
)  # fmt: skip
def test_a_wrong_cron_expression_is_refused(text):
    with pytest.raises(ValueError):
        Cron.parse(text)


def test_the_file_of_the_documentation_is_one(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text(encoding="utf-8")
    (found,) = read_schedules(written(tmp_path, page.split("```yaml\n")[1].split("```")[0])).schedules
    assert (found.name, found.cron, found.only) == ("weekly", "0 3 * * 1", "vgg")
