"""Writes the pipelines as YAML for Kubeflow Pipelines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from kfp import compiler

from affekt.errors import DataError
from affekt.pipelines.profiles.applying import placed_by
from affekt.pipelines.profiles.lint import lint
from affekt.pipelines.profiles.profile import DEFAULT, read_profile
from affekt.pipelines.scoring import scoring_pipeline
from affekt.pipelines.training import training_pipeline
from affekt.storage import appearing

if TYPE_CHECKING:
    from affekt.dataset import Unit


def compile_pipeline(
    path: Path,
    models: Sequence[str] = (),
    *,
    unit: Unit = "clips",
    labels: Mapping[str, str] | None = None,
    profile: str = DEFAULT,
    scheduled: bool = False,
) -> None:
    """Compile the pipeline that trains models, of clips or of still images; the same input gives the same bytes.

    Args:
        path: of the file that is written.
        models: the models to fuse; all by default.
        unit: what the data set holds.
        labels: of the pods of all steps.
        profile: what the steps ask of the cluster (:func:`affekt.pipelines.profiles.profile.read_profile`).
        scheduled: as of :func:`affekt.pipelines.training.training_pipeline`.

    Raises:
        DataError: the file's name does not end in ``.yaml``, there is no such profile, or what it gives does not pass
            :mod:`affekt.pipelines.profiles.lint`.
    """
    made = partial(training_pipeline, models, unit=unit, scheduled=scheduled)
    _compile(path, lambda place: made(place=place), labels or {}, profile)


def compile_scoring(path: Path, *, profile: str = DEFAULT) -> None:
    """Compile the pipeline that scores clips into a table; arguments and errors as of :func:`compile_pipeline`."""
    _compile(path, lambda place: scoring_pipeline(place=place), {}, profile)


def _compile(
    path: Path,
    pipeline: Callable[[Callable[[Any], Any]], Callable[..., Any]],
    labels: Mapping[str, str],
    profile: str,
) -> None:
    if path.suffix not in (".yaml", ".yml"):
        raise DataError("a compiled pipeline is YAML; name it *.yaml", code="file_name", where=str(path))

    placed = placed_by(read_profile(profile), labels)
    # KFP looks at all frames of its caller at each setting of a task: in a thread of its own there are few of them.
    with appearing(path) as part:
        with ThreadPoolExecutor(1) as alone:
            alone.submit(lambda: compiler.Compiler().compile(pipeline(placed), str(part))).result()
        if profile != DEFAULT:  # that of the default is what the tests of affekt say of it
            _check(part, profile)


def _check(path: Path, profile: str) -> None:
    documents = list(yaml.load_all(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    if problems := lint(documents[0], documents[1]):
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise DataError(f"gives a pipeline that should not be run:{listed}", code="profile", where=profile)
