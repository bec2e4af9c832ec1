"""Writes the training pipeline as YAML for Kubeflow Pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kfp import compiler

from affekt.dataset import Unit
from affekt.errors import DataError
from affekt.pipelines.training import training_pipeline


def compile_pipeline(path: Path, models: Sequence[str] = (), *, unit: Unit = "clips") -> None:
    """Compile the pipeline for the given models, of clips or of still images; the same input gives the same bytes.

    Raises:
        DataError: the file's name does not end in ``.yaml``.
    """
    if path.suffix not in (".yaml", ".yml"):
        raise DataError("a compiled pipeline is YAML; name it *.yaml", code="file_name", where=str(path))
    compiler.Compiler().compile(training_pipeline(models, unit=unit), str(path))
