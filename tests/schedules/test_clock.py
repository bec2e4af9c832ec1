"""When a schedule starts: time zones, and the days on which clocks change."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from affekt.pipelines.schedules.cron import Cron
from affekt.pipelines.schedules.schedule import Schedule
from affekt.pipelines.schedules.serve import WallClock, next_start

BERLIN = ZoneInfo("Europe/Berlin")


def starts(cron: str, after: str, count: int) -> list[str]:
    clock, found = WallClock(Cron.parse(cron), BERLIN), []
    last, now = None, datetime.fromisoformat(after).replace(tzinfo=BERLIN)
    for _ in range(count):
        last = now = clock.get_next_fire_time(last, now)
        found.append(last.isoformat(timespec="minutes")[5:])
    return found


def test_weekdays_count_from_sunday():
    assert starts("0 3 * * 1", "2026-11-27", 2) == ["11-30T03:00+01:00", "12-07T03:00+01:00"]
    assert starts("0 3 * * 0", "2026-11-27", 1) == ["11-29T03:00+01:00"]


def test_the_wall_clock_stays_when_clocks_change():
    assert starts("0 4 * * *", "2026-03-28", 2) == ["03-28T04:00+01:00", "03-29T04:00+02:00"]


def test_an_hour_that_comes_twice_starts_once():
    assert starts("30 2 * * *", "2026-10-24", 3) == ["10-24T02:30+02:00", "10-25T02:30+02:00", "10-26T02:30+01:00"]


def test_an_hour_that_is_skipped_starts_once():
    clock = WallClock(Cron.parse("30 2 * * *"), BERLIN)
    first = clock.get_next_fire_time(None, datetime(2026, 3, 29, 0, tzinfo=BERLIN))
    assert first.timestamp() == datetime.fromisoformat("2026-03-29T03:30+02:00").timestamp()
    second = clock.get_next_fire_time(first, first)
    assert second.isoformat(timespec="minutes") == "2026-03-30T02:30+02:00"


def test_a_midnight_that_is_skipped_starts_once_too():
    santiago = ZoneInfo("America/Santiago")
    clock, found = WallClock(Cron.parse("30 0 * * *"), santiago), []
    last, now = None, datetime(2026, 9, 5, 0, tzinfo=santiago)
    for _ in range(3):
        last = now = clock.get_next_fire_time(last, now)
        found.append(last.isoformat(timespec="minutes")[5:])
    assert found == ["09-05T00:30-04:00", "09-06T01:30-03:00", "09-07T00:30-03:00"]


def test_what_is_skipped_is_still_to_come_for_a_server_that_starts_behind_the_change():
    clock = WallClock(Cron.parse("30 2,3 * * *"), BERLIN)
    first = clock.get_next_fire_time(None, datetime.fromisoformat("2026-03-29T03:10+02:00"))
    second = clock.get_next_fire_time(first, first)
    assert [each.isoformat(timespec="minutes") for each in (first, second)] == [
        "2026-03-29T03:30+02:00", "2026-03-30T02:30+02:00",
    ]  # fmt: skip
    # Between the two times of an hour that comes twice the first is over.
    between = clock.get_next_fire_time(None, datetime.fromisoformat("2026-10-25T02:10+01:00"))
    assert between.isoformat(timespec="minutes") == "2026-10-25T03:30+01:00"


def test_every_half_hour_goes_by_the_time_that_passes():
    at = starts("*/30 * * * *", "2026-10-25T01:30", 6)
    assert at == [f"10-25T{t}" for t in ("01:30+02:00", "02:00+02:00", "02:30+02:00", "02:00+01:00", "02:30+01:00",
                                         "03:00+01:00")]  # fmt: skip


@pytest.mark.parametrize(("zone", "hour"), [("UTC", 3), ("Asia/Kolkata", 21), ("America/New_York", 8)])
def test_the_time_zone_is_the_schedules(zone, hour):
    found = next_start(Schedule("a", "0 3 * * *", zone, "d"), datetime(2026, 11, 27, 12, tzinfo=ZoneInfo("UTC")))
    assert found.astimezone(ZoneInfo("UTC")).hour == hour
