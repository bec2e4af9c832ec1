"""Writes the training pipeline as YAML for Kubeflow Pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from affekt.errors import DataError


def compile_pipeline(path: Path, models: Sequence[str] = (), *, images: bool = False) -> None:
    """Compile the pipeline for the given models, or that for still images; the same input gives the same bytes.

    Raises:
        DataError: the file's name does not end in ``.yaml``.
    """
    from kfp import compiler

    from affekt.pipelines.face_training import face_pipeline
    from affekt.pipelines.training import training_pipeline

    if path.suffix not in (".yaml", ".yml"):
        raise DataError("a compiled pipeline is YAML; name it *.yaml", code="file_name", where=str(path))
    compiler.Compiler().compile(face_pipeline() if images else training_pipeline(models), str(path))
