"""Training in a line of Python, and what came of it; who runs the pipeline is found by entry point."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.api import notebook
from affekt.api.evaluated import figures_html, figures_table
from affekt.api.model import Model, load
from affekt.dataset.several import text_of
from affekt.errors import UsageError, affekt_errors
from affekt.extensions import extension, model_names
from affekt.report.document import Evaluation
from affekt.report.wording import headline

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Trained:
    """What a training run produced.

    Attributes:
        name: in the registry.
        version: the registered version.
        promoted: whether it became the champion.
        reasons: of the gate.
        report: one HTML file.
        run_id: the MLflow run.
        evaluation: of the ensemble and its models, on the split that nothing was fitted on.
        document: all of it as ``affekt train --json`` prints it.
    """

    name: str
    version: int
    promoted: bool
    reasons: tuple[str, ...]
    report: Path
    run_id: str
    evaluation: Evaluation = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)

    @property
    def reference(self) -> str:
        """The name of the registered version, as :func:`affekt.load` takes it."""
        return f"{self.name}/{self.version}"

    def load(self) -> Model:
        """The model that was trained."""
        return load(self.reference)

    def to_dict(self) -> dict[str, Any]:
        """As ``affekt train --json`` prints it."""
        return dict(self.document)

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each model and the fusion, as of :class:`affekt.Evaluated`."""
        return figures_table(self.evaluation)

    def __str__(self) -> str:
        role = "champion" if self.promoted else "challenger"
        return f"{self.reference} ({role}): {headline(self.evaluation)}; report: {self.report}"

    def _repr_html_(self) -> str:
        """The outcome in a sentence, the gate's reasons, and the models beside the fusion."""
        return notebook.paragraph(str(self)) + notebook.listed(self.reasons) + figures_html(self.evaluation)


def train(
    data: str | Path | Sequence[str | Path],
    *,
    faces: str | Path = "",
    only: str | Sequence[str] | None = None,
    name: str = "affekt",
    preset: str = "small",
    settings: Mapping[str, Any] | Sequence[str] = (),
    progress: bool = True,
) -> Trained:
    """Train on this machine, register the ensemble, and let the gate decide whether it becomes the champion.

    It is the run of ``affekt train``: the same pipeline, whose steps are processes of their own.

    Args:
        data: a folder or a CSV file of labelled clips, local or ``s3://``; with ``only="vgg"`` also of face images;
            or several data sets, which are learned from together.
        faces: labelled face images to train the VGG and the C3D on as well.
        only: train, fuse and register these models alone, as ``"svc,voice_embedding"`` or a list of names.
        name: in the registry.
        preset: ``small`` or ``paper``.
        settings: other values than the preset's, as ``{"vgg.iterations": 300}`` or ``["vgg.iterations=300"]``.
        progress: whether each step and its time is shown on standard error.

    Raises:
        UsageError: ``data``, ``only`` or ``settings`` are nothing of that kind.
        AffektError: settings or data are wrong, the latter in the words of ``affekt check``; or a step failed, with
            that step's own error.
    """
    with affekt_errors():
        trained = extension("runner", "local")(
            text_of(data),
            faces=str(faces),
            only=only if only is None or isinstance(only, str) else _names(only),
            name=name,
            preset=preset,
            overrides=_overrides(settings),
            progress=progress,
        )
    assert isinstance(trained, Trained)
    return trained


def _overrides(settings: Mapping[str, Any] | Sequence[str]) -> list[str]:
    if isinstance(settings, Mapping):
        return [f"{key}={json.dumps(value, default=str)}" for key, value in settings.items()]  # YAML reads it as it is
    return _texts(settings, "settings", {"vgg.iterations": 300})


def _names(only: Sequence[str]) -> str:
    return ",".join(_texts(only, "only", list(model_names()[:2])))


def _texts(given: Any, name: str, like: Any) -> list[str]:
    """A list of texts.

    Raises:
        UsageError: it is something else.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise UsageError(f"expected {name} like {like}, got {given!r}", code="usage")
    return [str(each) for each in given]
