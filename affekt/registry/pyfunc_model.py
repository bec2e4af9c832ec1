"""The ensemble as an MLflow model; MLflow copies this file into the model and runs it to load (models from code)."""

from __future__ import annotations

from typing import Any

from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

try:
    from affekt.ensemble import Ensemble
    from affekt.errors import AffektError
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "affekt":
        raise
    raise ModuleNotFoundError(
        "this model is answered by affekt, which no package index has: install its wheel (make wheel in a checkout of "
        "the version that the tag affekt names) with pip install --no-deps, beside the requirements of this model",
        name="affekt",
    ) from error


class EnsembleModel(PythonModel):
    """Paths of clips in, one prediction document for each out; a bad clip is ``{"error": {"code", "message"}}``."""

    def load_context(self, context: Any) -> None:
        """Load the ensemble from the model's artifacts; every file is checked against its digest."""
        self._ensemble = Ensemble.load(context.artifacts["ensemble"])

    def predict(
        self, context: Any, model_input: list[str], params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """One document for each path, in order."""
        answers: list[dict[str, Any]] = []
        for path in model_input:
            try:
                answers.append(self._ensemble.predict_file(path).to_dict())
            except AffektError as error:
                answers.append({"error": {"code": error.code, "message": error.message}})
        return answers


set_model(EnsembleModel())
