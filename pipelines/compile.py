"""Writes the training pipeline as YAML for Kubeflow Pipelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kfp import compiler, kubernetes

from affekt.dataset import Unit
from affekt.errors import DataError
from affekt.pipelines.placement import on_cluster
from affekt.pipelines.training import training_pipeline


def compile_pipeline(
    path: Path, models: Sequence[str] = (), *, unit: Unit = "clips", labels: Mapping[str, str] | None = None
) -> None:
    """Compile the pipeline for the given models, of clips or of still images; the same input gives the same bytes.

    Args:
        path: of the file that is written.
        models: the models to fuse; all by default.
        unit: what the data set holds.
        labels: of the pods of all steps.

    Raises:
        DataError: the file's name does not end in ``.yaml``.
    """
    if path.suffix not in (".yaml", ".yml"):
        raise DataError("a compiled pipeline is YAML; name it *.yaml", code="file_name", where=str(path))

    def place(task: Any) -> Any:
        placed = on_cluster(task)
        for key, value in (labels or {}).items():
            kubernetes.add_pod_label(placed, key, value)
        return placed

    compiler.Compiler().compile(training_pipeline(models, unit=unit, place=place), str(path))
