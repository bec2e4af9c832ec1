"""A schedule: what is trained again, when, and where."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from affekt.json_document import LEFT_OUT, JsonDocument
from affekt.notify import Notify
from affekt.pipelines.job import TrainingJob, job_of
from affekt.pipelines.schedules.cron import Cron
from affekt.steps.when import When

Runner = Literal["local", "docker", "cluster"]


@dataclass(frozen=True)
class Schedule(JsonDocument):
    """One entry of a file of schedules.

    Attributes:
        name: that it is known by.
        cron: when, as five fields.
        time_zone: whose wall clock is meant.
        data: what is learned from; absolute.
        faces: further face images, or ``""``.
        preset: the settings to start from.
        settings: overrides, each ``key=value``.
        only: models alone, as ``svc,vgg``, or ``""``.
        model: the name in the registry.
        runner: where the steps run.
        enabled: whether it starts by itself.
        grace_minutes: how late a run may start that could not start in time; after that it is left out.
        when: what makes a training worth while; every start trains where nothing is said.
        notify: who hears of the end of a run.
        profile: what the steps ask of a cluster: a name, or the absolute path of a file.
        deploy: address of a server of this machine that is to answer with what the gate promotes.
    """

    name: str
    cron: str
    time_zone: str
    data: str
    faces: str = ""
    preset: str = "small"
    settings: tuple[str, ...] = ()
    only: str = ""
    model: str = "affekt"
    runner: str = "local"
    enabled: bool = True
    grace_minutes: int = 720
    when: When | None = field(default=None, metadata=LEFT_OUT)
    notify: Notify | None = field(default=None, metadata=LEFT_OUT)
    profile: str | None = field(default=None, metadata=LEFT_OUT)
    deploy: str | None = field(default=None, metadata=LEFT_OUT)

    @property
    def times(self) -> Cron:
        """The cron expression, read."""
        return Cron.parse(self.cron)

    @property
    def digest(self) -> str:
        """Tells whether another schedule trains the same at the same times; whether it is enabled does not count."""
        facts = {key: value for key, value in self.to_dict().items() if key != "enabled"}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def arguments(self) -> tuple[str, ...]:
        """Those of ``affekt`` that do what one start of it does."""
        optional: Mapping[str, str] = {"--faces": self.faces, "--only": self.only, "--deploy": self.deploy or ""}
        return (
            "train", self.data, "--name", self.model, "--preset", self.preset, "--runner", self.runner,
            *(part for option, value in optional.items() if value for part in (option, value)),
            *(part for override in self.settings for part in ("--set", override)),
            *(part for word in (self.when.words if self.when else ()) for part in ("--when", word)),
        )  # fmt: skip

    @property
    def asked(self) -> dict[str, str]:
        """What the scheduled pipeline of a cluster is given beside the training; nothing where that is all."""
        found = {}
        if self.when:
            found["when"] = json.dumps({key: value for key, value in self.when.to_dict().items() if value})
        if self.notify:
            told = {key: value for key, value in self.notify.to_dict().items() if value != ""}
            found["notify"] = json.dumps({"schedule": self.name, **told})
        return found

    def job(self) -> TrainingJob:
        """The training that it starts; with ``when``, clips without a label are left out.

        Raises:
            AffektError: data, models and settings do not go together.
        """
        return job_of(
            self.data,
            faces=self.faces,
            only=self.only or None,
            name=self.model,
            preset=self.preset,
            overrides=(*(("leave_out_unlabelled=true",) if self.when else ()), *self.settings),
            elsewhere=True,
        )


@dataclass(frozen=True)
class ScheduleFile:
    """What a file of schedules says.

    Attributes:
        group: to whom the schedules belong; what is removed with ``--prune`` is of the same group.
        schedules: in the order of the file.
        place: of the file, as it was named.
    """

    group: str
    schedules: tuple[Schedule, ...] = field(default=())
    place: str = "FILE"

    def command(self, action: str) -> str:
        """The command that does something with the file."""
        return shlex.join(["affekt", "schedule", action, self.place])

    def named(self, name: str) -> Schedule | None:
        """The schedule of a name."""
        return next((each for each in self.schedules if each.name == name), None)

    def of(self, *runners: Any) -> tuple[Schedule, ...]:
        """The schedules that run there."""
        return tuple(each for each in self.schedules if each.runner in runners)
