"""Puts an ensemble into the model registry: as a logged model of its run, and as a version of a name."""

from __future__ import annotations

import contextlib
import logging
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

import affekt
from affekt.ensemble.manifest import identity_of
from affekt.errors import DataError
from affekt.model_names import check_name
from affekt.models.engine import GRAPH
from affekt.registry.models import CHALLENGER, MANIFEST, METRIC, digest_of, local_path
from affekt.registry.tracking import Tracking
from affekt.storage import secrets_hidden

logger = logging.getLogger(__name__)

_NAME_OF_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]*[A-Za-z0-9]")
#: MLflow's limit of a version's description.
_LONGEST_DESCRIPTION = 5000
_IDENTITY = "affekt.identity"


def register(
    tracking: Tracking,
    folder: Path,
    *,
    name: str,
    run_id: str,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, Any] | None = None,
    card: str = "",
) -> int:
    """Log an ensemble as an MLflow model of a run and register it; it becomes the challenger.

    One that is registered already, since the same data, settings, code and seed made it, becomes no second version. So
    it may be tried again wherever an earlier try ended.

    The model is a pyfunc from code: it holds the ensemble's folder and a file of source text, no pickled object.
    ``mlflow.pyfunc.load_model("models:/affekt@champion").predict(["clip.mp4"])`` works where affekt is installed.

    Args:
        tracking: where.
        folder: the saved ensemble.
        name: of the registered model; made where it is missing.
        run_id: the run that made the ensemble.
        metrics: figures of the version (``accuracy``).
        tags: facts of the version (``data_digest``, ``settings_digest``, ``code_digest``).
        card: the model card, Markdown: it becomes the version's description, and ``model-card.md`` beside the model.

    Returns:
        The version's number; of the same model the one that it has.

    Raises:
        DataError: the folder is no ensemble.
        AffektError: the name is not a possible one.
    """
    check_name(name)
    if not (folder / MANIFEST).is_file():
        raise DataError(f"holds no {MANIFEST}; expected a saved ensemble", code="not_an_ensemble", where=str(folder))
    identity = identity_of(folder)
    if (known := _same_model(name, identity, tracking)) is not None:
        logger.info("%s/%d is this very model (same data, settings, code and seed): no new version", name, known)
        tracking.client.set_registered_model_alias(name, CHALLENGER, str(known))
        return known
    figures = {key: float(value) for key, value in (metrics or {}).items()}
    facts = {key: secrets_hidden(str(value)) for key, value in (tags or {}).items()}
    facts |= {
        "ensemble_digest": digest_of(folder),
        "affekt": affekt.__version__,
        **({_IDENTITY: identity} if identity else {}),
    }
    client = tracking.client
    logged = _logged(tracking, folder, name, run_id, facts, card)
    for key, value in figures.items():
        client.log_metric(run_id, key, value, model_id=logged.model_id)
    make_model(tracking, name)
    # Without a server, MLflow would look for "models:/<id>" at the global address and not at this client's.
    remote = tracking.uri.startswith(("http://", "https://"))
    version = client.create_model_version(
        name,
        source=f"models:/{logged.model_id}" if remote else logged.artifact_location,
        run_id=run_id,
        model_id=logged.model_id,
        description=card[:_LONGEST_DESCRIPTION] or None,
        tags={**facts, "logged_model": logged.model_id, **{f"{METRIC}{k}": repr(v) for k, v in figures.items()}},
    )
    client.set_registered_model_alias(name, CHALLENGER, version.version)
    return int(version.version)


def _logged(tracking: Tracking, folder: Path, name: str, run_id: str, facts: dict[str, str], card: str) -> Any:
    """The ensemble's folder as a logged model of the run: MLflow's description of it."""
    import mlflow.pyfunc  # heavy: mlflow
    from mlflow.models import Model  # heavy: mlflow

    client = tracking.client
    experiment = client.get_run(run_id).info.experiment_id
    if (done := _logged_before(tracking, experiment, run_id, facts["ensemble_digest"])) is not None:
        return done
    logged = client.create_logged_model(experiment, name=name, source_run_id=run_id, tags=facts, model_type="ensemble")
    try:
        with tempfile.TemporaryDirectory(prefix="affekt-model-") as temporary, _without_remarks():
            saved = Path(temporary, "model")
            mlflow.pyfunc.save_model(
                saved,
                python_model=str(Path(__file__).with_name("pyfunc_model.py")),
                artifacts={"ensemble": str(folder.absolute())},
                # Given, so that MLflow does not load the model in a process of its own to find out.
                pip_requirements=requirements(folder),
                input_example=["clip.mp4"],
                mlflow_model=Model(model_id=logged.model_id, run_id=run_id),
            )
            _portable(saved)
            if card:
                (saved / "model-card.md").write_text(card, encoding="utf-8")
            client.log_model_artifacts(logged.model_id, str(saved))
    except BaseException:
        client.finalize_logged_model(logged.model_id, "FAILED")
        raise
    client.finalize_logged_model(logged.model_id, "READY")
    return logged


@contextlib.contextmanager
def _without_remarks() -> Iterator[None]:
    """Leave out what MLflow says on type hints that tell less than it would like: a document has no fixed columns.

    It sets a filter of its own for that, so the warnings are caught, and the others are given afterwards.
    """
    with warnings.catch_warnings(record=True) as said:
        yield
    for one in said:
        if not issubclass(one.category, UserWarning):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def _portable(saved: Path) -> None:
    """Take out of MLflow's description where on this machine the ensemble and the code lay; both are in the model."""
    description = saved / "MLmodel"
    document = yaml.safe_load(description.read_text(encoding="utf-8"))
    flavor = document["flavors"]["python_function"]
    flavor["model_code_path"] = Path(flavor["model_code_path"]).name
    for artifact in flavor["artifacts"].values():
        artifact["uri"] = artifact["path"]
    description.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def _logged_before(tracking: Tracking, experiment: str, run_id: str, digest: str) -> Any:
    """The logged model of the same ensemble that an earlier try of the step left; None where it left none whole."""
    asked = f"source_run_id = '{run_id}' and tags.`ensemble_digest` = '{digest}'"
    whole = None
    for known in tracking.client.search_logged_models([experiment], asked):
        if known.status == "READY":
            whole = known
        elif known.status == "PENDING":
            tracking.client.finalize_logged_model(known.model_id, "FAILED")
    return whole


def _same_model(name: str, identity: str, tracking: Tracking) -> int | None:
    """The newest version that is the same model and whose files are there; None if there is none."""
    if not identity:
        return None
    wanted = f"name = '{name}' and tags.`{_IDENTITY}` = '{identity}'"
    for number in sorted((int(item.version) for item in tracking.client.search_model_versions(wanted)), reverse=True):
        location = local_path(str(tracking.client.get_model_version_download_uri(name, str(number))))
        if location is None or (location / "MLmodel").is_file():
            return number
    return None


def requirements(folder: Path) -> list[str]:
    """What an answer of an ensemble needs beside affekt, each package at its version here.

    OpenVINO is among them where the ensemble has graphs and it is installed: elsewhere answers are to be the same.

    affekt itself is not among them: no index has it, so that whoever took the name there would be installed. It is
    installed from its wheel; the tag ``affekt`` of a version tells which.
    """
    asked = [line for line in metadata.requires("affekt") or [] if "extra ==" not in line] + ["mlflow"]
    if any(folder.rglob(GRAPH)) and find_spec("openvino"):
        asked.append("openvino")
    names = sorted({_NAME_OF_REQUIREMENT.match(line).group() for line in asked})  # type: ignore[union-attr]
    # Without what tells apart builds of one version (2.13.0+cpu), which most indices do not have.
    return [f"{name}=={metadata.version(name).partition('+')[0]}" for name in names]


def make_model(tracking: Tracking, name: str) -> None:
    """Make a registered model without versions, where there is none of the name."""
    from mlflow.exceptions import MlflowException  # heavy: mlflow

    try:
        tracking.client.create_registered_model(name, description="An affekt ensemble: emotion from face and voice.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
