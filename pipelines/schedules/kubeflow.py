"""Schedules that Kubeflow Pipelines keeps: recurring runs of versions of the uploaded pipeline.

What belongs to a file of schedules is told by the description of each recurring run. Nothing is kept on this machine:
whoever has the file and the right may apply it from anywhere, and what was interrupted is finished by the next time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from affekt.errors import DataError
from affekt.pipelines.compile import compile_pipeline
from affekt.pipelines.connection import connect
from affekt.pipelines.profiles.profile import DEFAULT, check_shares, read_profile
from affekt.pipelines.run import cluster_arguments, submit_training
from affekt.pipelines.runners import Cluster, check_reachable_from_pods
from affekt.pipelines.schedules.plan import Change, Kept, plan
from affekt.pipelines.schedules.schedule import Schedule, ScheduleFile
from affekt.pipelines.schedules.serve import next_start
from affekt.pipelines.submit import EXPERIMENT
from affekt.pipelines.submit_options import SubmitOptions

#: The pipeline under which the versions are uploaded.
PIPELINE = "affekt-training"
_MARK = re.compile(r"\[affekt group=(\S+) name=(\S+) digest=([0-9a-f]{16})\]")
_PAGE = 100
#: How far two time zones are compared: two changes of the clocks and more.
_DAYS = 800


@dataclass(frozen=True)
class _Made:
    """A compiled pipeline: its file, the digest of its bytes, and the arguments of a schedule's runs."""

    package: Path
    version: str
    arguments: dict[str, Any]


class Kubeflow:
    """Schedules of the installation that the environment describes.

    Args:
        file: what is wanted.
        cluster: the installation.
        time_zone: whose clock its scheduler goes by (``CRON_SCHEDULE_TIMEZONE`` there).
    """

    runners: tuple[str, ...] = ("cluster",)

    def __init__(self, file: ScheduleFile, cluster: Cluster, time_zone: str = "UTC") -> None:
        self.file = file
        self.cluster = cluster
        self.time_zone = time_zone
        self.place = f"Kubeflow Pipelines ({cluster.endpoint or 'the cluster of this pod'})"

    @cached_property
    def client(self) -> Any:
        """The client, once a backend answered that takes the pipeline."""
        with _quiet():
            return connect(self.cluster)

    def plan(self, *, prune: bool) -> list[Change]:
        """What applying the file would change.

        Raises:
            DataError: a schedule means another clock than Kubeflow's.
            AffektError: the cluster cannot be reached, or pods would not see a place.
        """
        wanted = self.file.of(*self.runners)
        for each in wanted:
            self._check_clock(each)
            check_reachable_from_pods(self.cluster, data=each.data, faces=each.faces)
        with tempfile.TemporaryDirectory() as folder:
            digests = {each.name: self._digest(each, self._made(each, folder)) for each in wanted}
        return plan(wanted, self._kept(), digests, prune=prune)

    def apply(self, changes: Sequence[Change]) -> None:
        """Do what a plan says. An older recurring run goes before the new one comes, so that two never work at once."""
        for change in changes:
            schedule = self.file.named(change.name)
            if change.action in ("remove", "replace"):
                for run_id in change.ids:
                    self.client.delete_recurring_run(run_id)
            if schedule and change.action in ("create", "replace"):
                self._create(schedule)
            elif change.action == "pause":
                self.client.disable_recurring_run(change.ids[0])
            elif change.action == "resume":
                self.client.enable_recurring_run(change.ids[0])

    def run_now(self, schedule: Schedule) -> str:
        """Submit a run beside the schedule's times."""
        options = SubmitOptions(profile=schedule.profile or DEFAULT, scheduled=schedule.asked)
        submitted = submit_training(schedule.job(), self.cluster, options)
        return f"run {submitted.run_id}: {submitted.url}"

    def pause(self, schedule: Schedule) -> str:
        """Let it start no more.

        Raises:
            DataError: it was not applied.
        """
        found = [each for each in self._kept() if each.name == schedule.name]
        if not found:
            raise DataError(
                f"{schedule.name} was not applied in {self.place}; run `{self.file.command('apply')}` first",
                code="not_applied",
            )
        for each in found:
            self.client.disable_recurring_run(each.id)
        return f"paused; `{self.file.command('apply')}` lets it go on"

    def listing(self) -> list[dict[str, Any]]:
        """A row a schedule of the file, in its order; times in the schedule's zone."""
        kept = {each.name: each for each in self._kept()}
        runs = self._runs()
        with tempfile.TemporaryDirectory() as folder:
            return [
                {
                    "name": schedule.name,
                    "place": "kubeflow",
                    **self._when(schedule, kept.get(schedule.name), folder),
                    "runs": runs.get(kept[schedule.name].id, []) if schedule.name in kept else [],
                }
                for schedule in self.file.of(*self.runners)
            ]

    def _when(self, schedule: Schedule, kept: Kept | None, folder: str) -> dict[str, Any]:
        if kept is None:
            return {"state": "not applied", "next": None}
        if not kept.enabled:
            return {"state": "paused", "next": None}
        same = kept.digest == self._digest(schedule, self._made(schedule, folder))
        due = next_start(schedule, datetime.now(UTC))
        return {
            "state": "enabled" if same else "changed",
            "next": due.isoformat(timespec="minutes") if due and same else None,
        }

    def _check_clock(self, schedule: Schedule) -> None:
        """Recurring runs have no time zone of their own."""
        own, theirs = ZoneInfo(schedule.time_zone), ZoneInfo(self.time_zone)
        now = datetime.now(UTC)
        moments = (now + timedelta(days=day) for day in range(_DAYS))
        if any(moment.astimezone(own).utcoffset() != moment.astimezone(theirs).utcoffset() for moment in moments):
            raise DataError(
                f"{schedule.name}: recurring runs of Kubeflow have no time zone; its scheduler goes by "
                f"{self.time_zone}, and time_zone is {schedule.time_zone}: give the times in {self.time_zone}, or set "
                "KFP_TIME_ZONE to the zone of its CRON_SCHEDULE_TIMEZONE",
                code="time_zone",
            )

    def _made(self, schedule: Schedule, folder: str) -> _Made:
        """The pipeline of a schedule, compiled once for each profile, set of models and kind of data."""
        job = schedule.job()
        unit, arguments = cluster_arguments(job)
        if schedule.when and unit == "images":
            raise DataError(f"{schedule.name}: when compares clips; for still images leave it out", code="usage")
        check_shares(read_profile(schedule.profile or DEFAULT), job.models, job.settings)
        scheduled = bool(schedule.asked)
        facts = json.dumps([list(job.models), unit, schedule.profile, scheduled], sort_keys=True)
        package = Path(folder, f"{hashlib.sha256(facts.encode()).hexdigest()[:16]}.yaml")
        if not package.exists():
            compile_pipeline(package, job.models, unit=unit, profile=schedule.profile or DEFAULT, scheduled=scheduled)
        version = hashlib.sha256(package.read_bytes()).hexdigest()[:16]
        return _Made(package, version, {**arguments, "store": self.cluster.store, **schedule.asked})

    def _digest(self, schedule: Schedule, made: _Made) -> str:
        facts = [schedule.digest, made.version, made.arguments, self.cluster.service_account]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def _create(self, schedule: Schedule) -> None:
        with tempfile.TemporaryDirectory() as folder, _quiet():
            made = self._made(schedule, folder)
            pipeline, version = self._version(made)
            experiment = self.client.create_experiment(EXPERIMENT, namespace=self.cluster.namespace or None)
            mark = f"[affekt group={self.file.group} name={schedule.name} digest={self._digest(schedule, made)}]"
            self.client.create_recurring_run(
                experiment_id=experiment.experiment_id,
                job_name=f"{self.file.group}-{schedule.name}",
                description=f"{schedule.cron} {self.time_zone}, of a file of schedules {mark}",
                cron_expression=schedule.times.kubeflow,
                max_concurrency=1,
                no_catchup=True,
                params=made.arguments,
                pipeline_id=pipeline,
                version_id=version,
                enabled=schedule.enabled,
                service_account=self.cluster.service_account or None,
            )

    def _version(self, made: _Made) -> tuple[str, str]:
        """The ids of the pipeline and of the version with these bytes, uploaded where they are not there."""
        found = self.client._pipelines_api.pipeline_service_list_pipelines(
            filter=_named(PIPELINE), **({"namespace": self.cluster.namespace} if self.cluster.namespace else {})
        ).pipelines
        if not found:
            uploaded = self.client.upload_pipeline(
                str(made.package), pipeline_name=PIPELINE, namespace=self.cluster.namespace or None
            )
            pipeline = str(uploaded.pipeline_id)
        else:
            pipeline = str(found[0].pipeline_id)
        name = f"{PIPELINE}-{made.version}"
        versions = self.client.list_pipeline_versions(pipeline, page_size=_PAGE, filter=_named(name))
        for version in versions.pipeline_versions or []:
            if version.display_name == name:
                return pipeline, str(version.pipeline_version_id)
        new = self.client.upload_pipeline_version(
            str(made.package), pipeline_version_name=name, pipeline_id=pipeline
        )  # fmt: skip
        return pipeline, str(new.pipeline_version_id)

    def _kept(self) -> list[Kept]:
        """The recurring runs of the file's group."""
        found, token = [], ""
        while True:
            page = self.client.list_recurring_runs(
                page_token=token, page_size=_PAGE, namespace=self.cluster.namespace or None
            )
            for each in page.recurring_runs or []:
                mark = _MARK.search(each.description or "")
                if mark and mark[1] == self.file.group:
                    enabled = str(each.mode or each.status) in ("ENABLE", "ENABLED")
                    found.append(Kept(str(each.recurring_run_id), mark[2], mark[3], enabled))
            token = page.next_page_token or ""
            if not token:
                return found

    def _runs(self) -> dict[str, list[dict[str, Any]]]:
        """The last runs by the recurring run that started them, the oldest first."""
        page = self.client.list_runs(
            page_size=_PAGE, sort_by="created_at desc", namespace=self.cluster.namespace or None
        )  # fmt: skip
        found: dict[str, list[dict[str, Any]]] = {}
        for each in reversed(page.runs or []):
            if each.recurring_run_id:
                due = each.scheduled_at or each.created_at
                row = {
                    "id": each.run_id,
                    "due": str(due or ""),
                    "state": str(each.state or "").lower(),
                    "outcome": None,
                }
                found.setdefault(str(each.recurring_run_id), []).append(row)
        return found


def _named(name: str) -> str:
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]})


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """kfp prints addresses, and standard output is for the answer."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
