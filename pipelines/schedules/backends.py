"""Where schedules are kept and started; everything else asks a back end and not which one it is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol

from affekt.pipelines.schedules.machine import Machine
from affekt.pipelines.schedules.plan import Change
from affekt.pipelines.schedules.schedule import Schedule, ScheduleFile
from affekt.pipelines.schedules.state import State


class Backend(Protocol):
    """Keeps the schedules of a file whose runner is one of ``runners``."""

    runners: tuple[str, ...]
    place: str

    def plan(self, *, prune: bool) -> list[Change]:
        """What applying the file would change."""

    def apply(self, changes: Sequence[Change]) -> None:
        """Do what a plan says."""

    def run_now(self, schedule: Schedule) -> str:
        """Start it at once; what came of it, in a few words."""

    def pause(self, schedule: Schedule) -> str:
        """Let it start no more; what came of it, in a few words."""

    def listing(self) -> list[dict[str, Any]]:
        """A row a schedule of the file: ``name``, ``state``, ``next`` and ``runs``."""


def backends_of(file: ScheduleFile, *, prune: bool = False) -> list[Backend]:
    """The back ends that a file needs; this machine always, since it may have to forget something.

    Args:
        file: of schedules.
        prune: whether what is no longer in the file goes: then also Kubeflow, where the environment names one.
    """
    found: list[Backend] = [Machine(file, State())]
    if file.of("cluster") or (prune and os.environ.get("KFP_ENDPOINT")):
        from affekt.pipelines.runners import cluster_described  # heavy with what follows: kfp, and few files need it
        from affekt.pipelines.schedules.kubeflow import Kubeflow  # as above

        found.append(Kubeflow(file, cluster_described(), os.environ.get("KFP_TIME_ZONE") or "UTC"))
    return found
