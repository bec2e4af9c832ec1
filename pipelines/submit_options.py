"""What can be said of a submission to a cluster beside what is trained."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from affekt.errors import UsageError
from affekt.pipelines.profiles.profile import DEFAULT

_TAG = re.compile(r"[a-z0-9](?:[a-z0-9-]{2,38}[a-z0-9])")
#: Label of a pod: a name with an optional domain in front, and a value, as Kubernetes has them.
_LABEL = re.compile(r"(?:[a-z0-9][a-z0-9.-]{0,252}/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?", re.ASCII)
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?)?", re.ASCII)


@dataclass(frozen=True)
class SubmitOptions:
    """What can be said of a submission beside what is trained.

    Attributes:
        pipeline_root: where artifacts go, where not to the installation's own place.
        clips_per_shard: that one task prepares; None for the pipeline's own number.
        labels: of the pods.
        tag: that tells two submissions apart; of two with the same one only the first trains.
        profile: what the steps ask of the cluster.
        scheduled: ``when`` and ``notify`` of a schedule (:attr:`affekt.pipelines.schedules.schedule.Schedule.asked`).
    """

    pipeline_root: str = ""
    clips_per_shard: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    tag: str = ""
    profile: str = DEFAULT
    scheduled: Mapping[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> dict[str, Any]:
        """Those of the pipeline."""
        shards = {} if self.clips_per_shard is None else {"clips_per_shard": self.clips_per_shard}
        return {**shards, **self.scheduled}

    def check(self) -> None:
        """Whether a cluster takes them.

        Raises:
            UsageError: says which it does not.
        """
        if self.pipeline_root and not self.pipeline_root.startswith(("s3://", "gs://", "minio://")):
            raise UsageError(
                f"--pipeline-root is {self.pipeline_root!r}; expected s3://, gs:// or minio://", code="usage"
            )
        if self.tag and not _TAG.fullmatch(self.tag):
            raise UsageError(f"--tag is {self.tag!r}; expected 4 to 40 of a-z, 0-9 and -", code="usage")
        if self.clips_per_shard is not None and self.clips_per_shard < 1:
            raise UsageError(f"--clips-per-shard is {self.clips_per_shard}; expected a number from 1 on", code="usage")
        for key, value in self.labels.items():
            if not _LABEL.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
                raise UsageError(
                    f"--label {key}={value} is none of Kubernetes: letters, digits, '-', '_', '.', at most 63",
                    code="usage",
                )


NO_OPTIONS = SubmitOptions()
