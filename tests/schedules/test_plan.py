"""What a plan says of a file and of what is kept."""

from __future__ import annotations

from dataclasses import replace

from affekt.pipelines.schedules.plan import Kept, plan
from affekt.pipelines.schedules.schedule import Schedule

WEEKLY = Schedule("weekly", "0 3 * * 1", "UTC", "s3://b/clips")


def planned(*kept: Kept, wanted: Schedule = WEEKLY, prune: bool = False) -> list[tuple[str, str]]:
    return [(each.action, each.name) for each in plan([wanted], kept, {"weekly": wanted.digest}, prune=prune)]


def test_what_is_not_there_is_made():
    assert planned() == [("create", "weekly")]


def test_what_is_as_in_the_file_stays():
    assert planned(Kept("1", "weekly", WEEKLY.digest, True)) == [("keep", "weekly")]


def test_what_changed_is_replaced():
    assert planned(Kept("1", "weekly", "another", True)) == [("replace", "weekly")]


def test_what_is_there_twice_becomes_one():
    twice = [Kept(each, "weekly", WEEKLY.digest, True) for each in "12"]
    (change,) = plan([WEEKLY], twice, {"weekly": WEEKLY.digest}, prune=False)
    assert (change.action, change.ids) == ("replace", ("1", "2"))


def test_pausing_is_not_a_replacement():
    off = replace(WEEKLY, enabled=False)
    assert planned(Kept("1", "weekly", WEEKLY.digest, True), wanted=off) == [("pause", "weekly")]
    assert planned(Kept("1", "weekly", WEEKLY.digest, False)) == [("resume", "weekly")]


def test_what_is_gone_from_the_file_stays_unless_told():
    gone = Kept("2", "old", "x", True)
    assert planned(gone)[1] == ("left", "old")
    assert planned(gone, prune=True)[1] == ("remove", "old")
