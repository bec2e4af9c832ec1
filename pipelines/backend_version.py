"""Which version of Kubeflow Pipelines a cluster has, and whether a training can run there."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from affekt.errors import AffektError

logger = logging.getLogger(__name__)

#: The oldest backend that takes the pipeline: older ones may tell the last step that a pipeline with a loop still runs
#: (kubeflow/pipelines#13321), and before 2.15 they stop at optional keys of secrets.
OLDEST = (2, 17)


def check_backend(client: Any, where: str) -> str:
    """Check that the backend behind a client takes the pipeline.

    Args:
        client: a :class:`kfp.Client`.
        where: its address, for the error.

    Returns:
        The version as the backend says it; ``""`` where it does not, which is logged.

    Raises:
        AffektError: ``cluster_too_old``.
    """
    # kfp's own model of the answer leaves out the version, so the answer itself is read.
    answer = client._healthz_api.healthz_service_get_healthz(_preload_content=False)
    try:
        found = json.loads(answer.data)
    except ValueError:
        found = {}
    said = str(found.get("tag_name") or "") if isinstance(found, dict) else ""
    numbers = re.match(r"v?(\d+)\.(\d+)", said)
    oldest = ".".join(map(str, OLDEST))
    if numbers is None:
        logger.warning("%s does not say its version; affekt needs Kubeflow Pipelines %s or later", where, oldest)
        return ""
    if (int(numbers[1]), int(numbers[2])) < OLDEST:
        raise AffektError(
            f"has Kubeflow Pipelines {said}; expected {oldest} or later: older ones do not "
            "say how a pipeline with a loop ended",
            code="cluster_too_old",
            where=where,
        )
    return said
