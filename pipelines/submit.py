"""Sends a training run to a cluster with Kubeflow Pipelines."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from affekt.dataset import Unit
from affekt.errors import AffektError, UsageError
from affekt.pipelines import connection
from affekt.pipelines.compile import compile_pipeline
from affekt.pipelines.connection import Uncertain, connect
from affekt.pipelines.profiles.profile import DEFAULT
from affekt.pipelines.runners import Cluster, check_reachable_from_pods

EXPERIMENT = "affekt"


@dataclass(frozen=True)
class Submitted:
    """A run that a cluster has taken over.

    Attributes:
        run_id: in Kubeflow Pipelines.
        url: where its progress is seen.
    """

    run_id: str
    url: str

    def to_dict(self) -> dict[str, Any]:
        """The submission as plain JSON values."""
        return asdict(self)


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


def submit(
    cluster: Cluster,
    models: Sequence[str],
    arguments: Mapping[str, Any],
    *,
    name: str,
    unit: Unit = "clips",
    options: SubmitOptions = NO_OPTIONS,
) -> Submitted:
    """Start the training pipeline on a cluster; returns as soon as the cluster has it.

    The name of the run ends with a tag. It is looked up before each try, so that a run whose acceptance was not heard
    of is found and not started again.

    Args:
        cluster: where.
        models: the models to fuse.
        arguments: the pipeline's arguments, without ``store``.
        name: that the run is shown under, with the time and the tag added.
        unit: what the data set holds.
        options: of the submission.

    Raises:
        AffektError: the cluster cannot be reached, is too old or refuses the run, or an argument names a place that
            the pods of a cluster do not see.
    """
    check_reachable_from_pods(
        cluster, data=arguments["data"], faces=arguments.get("faces", ""), tracking_uri=arguments["tracking_uri"]
    )
    options.check()
    tag = options.tag or uuid.uuid4().hex[:12]
    # kfp prints the addresses of experiment and run, and standard output is for the answer.
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        package = Path(folder, "affekt-training.yaml")
        compile_pipeline(
            package,
            models,
            unit=unit,
            labels=options.labels,
            profile=options.profile,
            scheduled=bool(options.scheduled),
        )
        client = connect(cluster)
        run_id = _started_once(
            client,
            tag,
            cluster.namespace,
            lambda: (
                client.create_run_from_pipeline_package(
                    str(package),
                    arguments={**arguments, "store": cluster.store, **options.arguments},
                    run_name=f"{name} {time.strftime('%Y-%m-%d %H:%M:%S')} [{tag}]",
                    experiment_name=EXPERIMENT,
                    namespace=cluster.namespace or None,
                    pipeline_root=options.pipeline_root or None,
                    service_account=cluster.service_account or None,
                ).run_id
            ),
        )
    return Submitted(run_id, f"{cluster.endpoint.rstrip('/')}/#/runs/details/{run_id}")


def _started_once(client: Any, tag: str, namespace: str, start: Callable[[], str]) -> str:
    """The id of the run of a tag, which is started if it is not there.

    Raises:
        AffektError: it was refused, or it is not known whether it was started.
    """
    lost: Uncertain | None = None
    for wait in (0.0, *connection.WAITS):
        time.sleep(wait)
        found = _tagged(client, tag, namespace)
        if found:
            return found
        if lost and lost.at_work:
            continue  # it may yet appear; a second request could train twice
        try:
            return start()
        except Uncertain as error:
            lost = error
    found = _tagged(client, tag, namespace)
    if found or lost is None:
        return found
    raise AffektError(
        f"{lost.message}; whether the run was started is not known. Repeat it as `affekt pipeline submit … "
        f"--tag {tag}`, which finds the run if it is there",
        code=lost.code,
        where=lost.where,
    ) from lost


def _tagged(client: Any, tag: str, namespace: str) -> str:
    """The id of the run whose name ends with a tag; ``""`` where there is none."""
    wanted = {"predicates": [{"operation": "IS_SUBSTRING", "key": "display_name", "stringValue": f"[{tag}]"}]}
    found = client.list_runs(page_size=100, namespace=namespace or None, filter=json.dumps(wanted)).runs or []
    # The database's comparison takes no notice of capitals.
    return next((str(run.run_id) for run in found if run.display_name.endswith(f"[{tag}]")), "")
