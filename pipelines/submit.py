"""Sends a training run to a cluster with Kubeflow Pipelines."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from affekt.dataset import Unit
from affekt.errors import AffektError
from affekt.pipelines import connection
from affekt.pipelines.compile import compile_pipeline
from affekt.pipelines.connection import Uncertain, connect
from affekt.pipelines.runners import Cluster, check_reachable_from_pods
from affekt.pipelines.submit_options import NO_OPTIONS, SubmitOptions

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
