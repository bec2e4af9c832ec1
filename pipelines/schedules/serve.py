"""Starts the schedules of this machine when they are due, by APScheduler; the database remembers what is still to do.

APScheduler keeps the time. What it has to remember is in :mod:`affekt.pipelines.schedules.state`: its own store writes
pickles, which would be run on being read from a home that somebody handed on.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.events import EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from affekt.home import home
from affekt.pipelines.schedules.cron import Cron
from affekt.pipelines.schedules.one_run import BUSY, alone, end
from affekt.pipelines.schedules.schedule import Schedule
from affekt.pipelines.schedules.state import State

logger = logging.getLogger(__name__)

#: How often the database is asked what was applied, paused or asked for, and whether a run waits.
SECONDS = 5.0
#: By how much clocks are changed at most.
_CHANGE = timedelta(hours=3)
#: A run that was interrupted so often is given up.
TRIES = 3


class WallClock(CronTrigger):  # type: ignore[misc]
    """A cron expression by the wall clock of its zone, as people mean it when clocks change.

    A fixed hour starts once on the day whose hour comes twice, at the first of both; on the day that skips it, as long
    after the change as it would be after the hour. With every hour meant, it goes by the time that passes.
    """

    def __init__(self, cron: Cron, zone: ZoneInfo) -> None:
        def field(values: tuple[int, ...]) -> str:
            return ",".join(map(str, values)) or "*"

        fields = {
            "minute": field(cron.minutes),
            "hour": field(cron.hours),
            "day": field(cron.days),
            "month": field(cron.months),
            "day_of_week": cron.named_weekdays,
        }
        super().__init__(**fields, timezone=zone)
        # APScheduler's own way loses what falls into a midnight that is skipped, as in Santiago: it counts days first.
        self._by_the_wall = CronTrigger(**fields, timezone=UTC) if cron.hours else None

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The next start after the last one."""
        if self._by_the_wall is None:
            found: datetime | None = super().get_next_fire_time(previous_fire_time, now)
            return found
        zone = self.timezone
        earliest = (previous_fire_time + timedelta(microseconds=1) if previous_fire_time else now).astimezone(UTC)
        # What the wall showed before the clocks changed last may be still to come.
        wall = (earliest - _CHANGE).astimezone(zone).replace(tzinfo=UTC, fold=0)
        while wall := self._by_the_wall.get_next_fire_time(None, wall):
            # Of a time that comes twice it is the first, and one that is skipped counts on from before.
            start: datetime = wall.replace(tzinfo=zone).astimezone(UTC)
            if start >= earliest:
                return start.astimezone(zone)
            wall += timedelta(microseconds=1)
        return None


def next_start(schedule: Schedule, after: datetime) -> datetime | None:
    """When a schedule starts next."""
    zone = ZoneInfo(schedule.time_zone)
    return WallClock(schedule.times, zone).get_next_fire_time(None, after.astimezone(zone))


class Server:
    """Follows the schedules of the database until it is told to stop.

    Args:
        state: the database.
        command: how a run is started, by its id; by default :mod:`affekt.pipelines.schedules.one_run` in a process.
        seconds: between two looks at the database.
    """

    def __init__(
        self, state: State, *, command: Callable[[int], list[str]] | None = None, seconds: float = SECONDS
    ) -> None:
        self.state = state
        self.seconds = seconds
        self.command = command or (lambda run: [sys.executable, "-m", "affekt.pipelines.schedules.one_run", str(run)])
        self.stopping = threading.Event()
        self._followed: dict[str, str] = {}
        # Its threads only take down what is due; the trainings are started by work(), one after another.
        self._scheduler = BackgroundScheduler(timezone=UTC, executors={"default": ThreadPoolExecutor(4)})

    def serve(self) -> None:
        """Start what is due, until :attr:`stopping` is set."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # what it warns of is said here, in words
        self._scheduler.add_listener(self._missed, EVENT_JOB_MISSED)
        self._scheduler.start()
        try:
            while not self.stopping.is_set():
                self.follow()
                self.work()
                self.stopping.wait(self.seconds)
        finally:
            self._scheduler.shutdown()

    def follow(self) -> None:
        """Bring the clock to what the database says."""
        known = {each.schedule.name: each for each in self.state.known() if each.enabled}
        for name in [name for name, digest in self._followed.items() if name not in known]:
            del self._followed[name]
            if self._scheduler.get_job(name):
                self._scheduler.remove_job(name)
        for name, each in known.items():
            # An empty next is one that was put, resumed, or changed just now.
            if self._followed.get(name) == each.schedule.digest and each.next:
                continue
            zone = ZoneInfo(each.schedule.time_zone)
            due = datetime.fromisoformat(each.next) if each.next else next_start(each.schedule, datetime.now(UTC))
            if due is None:
                continue
            # Before the clock knows it: a start that is due takes down the next one at once, which must stay.
            self.state.plan_next(each.schedule, due)
            self._scheduler.add_job(
                self._due,
                WallClock(each.schedule.times, zone),
                args=(each.schedule,),
                id=name,
                next_run_time=due,
                misfire_grace_time=each.schedule.grace_minutes * 60,
                coalesce=True,
                max_instances=1,
                replace_existing=True,
            )
            self._followed[name] = each.schedule.digest
            logger.info("%s starts next at %s", name, due.astimezone(zone).isoformat(timespec="minutes"))

    def _due(self, schedule: Schedule) -> None:
        if self.state.due(schedule, next_start(schedule, datetime.now(UTC))) == "missed":
            logger.warning("%s is due while an earlier run of it is not over; this one is left out", schedule.name)

    def _missed(self, event: JobExecutionEvent) -> None:
        """Take down a start that would come too late."""
        job = self._scheduler.get_job(event.job_id)
        if job is None:
            return
        (schedule,) = job.args
        self.state.due(schedule, next_start(schedule, datetime.now(UTC)), missed=True)
        when = event.scheduled_run_time.isoformat(timespec="minutes")
        logger.warning("%s was to start at %s; that is too long ago, and it is left out", schedule.name, when)

    def work(self) -> None:
        """Start the runs that wait and those that were interrupted, one after another."""
        with alone() as lock:
            if lock is None:
                return  # a training that outlived whoever started it; it takes down its own end
        for run in self.state.runs("running", "waiting"):
            if self.stopping.is_set():
                return
            if run.tries >= TRIES:
                logger.error("%s was interrupted %d times and is given up", run.name, run.tries)
                end(self.state, run.id, 1)
                continue
            again = " again, since it was interrupted" if run.tries else ""
            logger.info("%s starts%s", run.name, again)
            code = self._run(run.id)
            if code == BUSY:
                return
            logger.info("%s ended with exit code %d", run.name, code)

    def _run(self, run_id: int) -> int:
        folder = home() / "schedules"
        folder.mkdir(exist_ok=True)
        with (folder / f"{run_id:05}.log").open("ab") as log:
            started = subprocess.Popen(
                self.command(run_id),
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "AFFEKT_HOME": str(home())},
                start_new_session=True,  # an interrupted server leaves its training at work
            )
        while started.poll() is None:
            # A stop does not end a training: it holds the lock, and the next server waits for it.
            if self.stopping.wait(min(self.seconds, 1.0)) and started.poll() is None:
                logger.warning("the training goes on by itself (process %d)", started.pid)
                return BUSY
            self.follow()
        return started.returncode
