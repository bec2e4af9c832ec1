"""Sends a training run to a cluster with Kubeflow Pipelines."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import kfp
from urllib3.exceptions import HTTPError

from affekt.dataset import Unit
from affekt.errors import AffektError
from affekt.pipelines.backend_version import check_backend
from affekt.pipelines.compile import compile_pipeline
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


def submit(
    cluster: Cluster,
    models: Sequence[str],
    arguments: Mapping[str, Any],
    *,
    name: str,
    unit: Unit = "clips",
    pipeline_root: str | None = None,
) -> Submitted:
    """Start the training pipeline on a cluster; returns as soon as the cluster has it.

    Args:
        cluster: where.
        models: the models to fuse.
        arguments: the pipeline's arguments, without ``store``.
        name: that the run is shown under, with the time added.
        unit: what the data set holds.
        pipeline_root: where its artifacts go, where not to the installation's own place.

    Raises:
        AffektError: the cluster cannot be reached, is too old or refuses the run, or an argument names a place that
            the pods of a cluster do not see.
    """
    from kfp_server_api import ApiException  # an extra: kfp-server-api, and only a cluster needs it

    check_reachable_from_pods(
        cluster, data=arguments["data"], faces=arguments.get("faces", ""), tracking_uri=arguments["tracking_uri"]
    )
    where = cluster.endpoint or "the cluster of this pod"
    # kfp prints the addresses of experiment and run, and standard output is for the answer.
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        package = Path(folder, "affekt-training.yaml")
        compile_pipeline(package, models, unit=unit)
        try:
            client = kfp.Client(
                host=cluster.endpoint or None,
                existing_token=cluster.token or None,
                **({"namespace": cluster.namespace} if cluster.namespace else {}),
            )
            check_backend(client, where)
            run = client.create_run_from_pipeline_package(
                str(package),
                arguments={**arguments, "store": cluster.store},
                run_name=f"{name} {time.strftime('%Y-%m-%d %H:%M:%S')}",
                experiment_name=EXPERIMENT,
                namespace=cluster.namespace or None,
                pipeline_root=pipeline_root,
                service_account=cluster.service_account or None,
            )
        except ApiException as error:
            raise AffektError(
                f"Kubeflow Pipelines refused the run ({error.status} {error.reason}): {str(error.body)[:300]}",
                code="cluster_refused",
                where=where,
            ) from error
        except (HTTPError, TimeoutError) as error:
            raise AffektError(
                "no Kubeflow Pipelines API answers there; check KFP_ENDPOINT and the way to it "
                "(`kubectl port-forward -n kubeflow svc/ml-pipeline 8888`)",
                code="cluster_unreachable",
                where=where,
            ) from error
    return Submitted(run.run_id, f"{cluster.endpoint.rstrip('/')}/#/runs/details/{run.run_id}")
