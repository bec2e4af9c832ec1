"""The model registry: ensembles as versions of a name, registered, listed, found, and brought to this machine."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

import affekt
from affekt.ensemble.assembly import identity_of
from affekt.errors import AffektError, DataError
from affekt.registry.reader import Model, Version
from affekt.registry.tracking import Tracking
from affekt.storage import file_digest, secrets_hidden

logger = logging.getLogger(__name__)

CHAMPION = "champion"
CHALLENGER = "challenger"
#: The champion before; what :func:`affekt.registry.champions.rollback` returns to.
PREVIOUS = "previous"

_MANIFEST = "ensemble.json"
_NAME_OF_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]*[A-Za-z0-9]")
#: MLflow's limit for names is 256; a run's folder bears the name behind a date.
_LONGEST_NAME = 200
#: MLflow's limit of a version's description.
_LONGEST_DESCRIPTION = 5000
_METRIC = "metric."
_IDENTITY = "affekt.identity"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_REFERENCE = re.compile(rf"(?:models:/)?(?P<name>{_NAME.pattern})(?:@(?P<alias>{_NAME.pattern})|/(?P<version>\d+))?")


@dataclass(frozen=True)
class ModelVersion:
    """One registered version of a model.

    Attributes:
        name: of the registered model.
        version: counted from 1.
        aliases: of ``champion``, ``challenger``, ``previous`` and others, those that point here.
        created: UTC, ISO 8601.
        run_id: the run that made it.
        metrics: figures that were registered with it.
        tags: facts that were registered with it, such as ``data_digest`` and ``ensemble_digest``.
    """

    name: str
    version: int
    aliases: tuple[str, ...]
    created: str
    run_id: str
    metrics: dict[str, float]
    tags: dict[str, str]

    @property
    def reference(self) -> str:
        """``name/version``."""
        return f"{self.name}/{self.version}"

    def to_dict(self) -> dict[str, Any]:
        """The version as plain values."""
        return {**asdict(self), "aliases": list(self.aliases)}


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

    One that is registered already, since the same data, settings, code and seed made it, becomes no second version.

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
    if not (folder / _MANIFEST).is_file():
        raise DataError(f"holds no {_MANIFEST}; expected a saved ensemble", code="not_an_ensemble", where=str(folder))
    identity = identity_of(folder)
    if (known := _same_model(name, identity, tracking)) is not None:
        logger.info("%s/%d is this very model (same data, settings, code and seed): no new version", name, known)
        tracking.client.set_registered_model_alias(name, CHALLENGER, str(known))
        return known
    figures = {key: float(value) for key, value in (metrics or {}).items()}
    facts = {key: secrets_hidden(str(value)) for key, value in (tags or {}).items()}
    facts |= {
        "ensemble_digest": _digest(folder),
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
        tags={**facts, "logged_model": logged.model_id, **{f"{_METRIC}{k}": repr(v) for k, v in figures.items()}},
    )
    client.set_registered_model_alias(name, CHALLENGER, version.version)
    return int(version.version)


def _logged(tracking: Tracking, folder: Path, name: str, run_id: str, facts: dict[str, str], card: str) -> Any:
    """The ensemble's folder as a logged model of the run: MLflow's description of it."""
    import mlflow.pyfunc  # heavy: mlflow
    from mlflow.models import Model  # heavy: mlflow

    client = tracking.client
    experiment = client.get_run(run_id).info.experiment_id
    logged = client.create_logged_model(experiment, name=name, source_run_id=run_id, tags=facts, model_type="ensemble")
    try:
        with tempfile.TemporaryDirectory(prefix="affekt-model-") as temporary, warnings.catch_warnings():
            # On type hints that say less than MLflow would like; a document has no fixed columns.
            warnings.simplefilter("ignore", UserWarning)
            saved = Path(temporary, "model")
            mlflow.pyfunc.save_model(
                saved,
                python_model=str(Path(__file__).with_name("pyfunc_model.py")),
                artifacts={"ensemble": str(folder.absolute())},
                # Given, so that MLflow does not load the model in a process of its own to find out.
                pip_requirements=requirements(),
                mlflow_model=Model(model_id=logged.model_id, run_id=run_id),
            )
            if card:
                (saved / "model-card.md").write_text(card, encoding="utf-8")
            client.log_model_artifacts(logged.model_id, str(saved))
    except BaseException:
        client.finalize_logged_model(logged.model_id, "FAILED")
        raise
    client.finalize_logged_model(logged.model_id, "READY")
    return logged


def check_name(name: str) -> None:
    """Whether a model can be registered and referred to by this name.

    Raises:
        AffektError: it cannot; the message says what a name may be.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise AffektError(
            f"a name begins with a letter or digit, has letters, digits, '_', '-' and '.' only, and at most "
            f"{_LONGEST_NAME} of them",
            code="bad_name",
            where=name[:300],
        )


def _same_model(name: str, identity: str, tracking: Tracking) -> int | None:
    """The newest version that is the same model and whose files are there; None if there is none."""
    if not identity:
        return None
    wanted = f"name = '{name}' and tags.`{_IDENTITY}` = '{identity}'"
    for number in sorted((int(item.version) for item in tracking.client.search_model_versions(wanted)), reverse=True):
        location = _local_path(str(tracking.client.get_model_version_download_uri(name, str(number))))
        if location is None or (location / "MLmodel").is_file():
            return number
    return None


def requirements() -> list[str]:
    """What an answer needs beside affekt, each package at its version here.

    affekt itself is not among them: no index has it, so that whoever took the name there would be installed. It is
    installed from its wheel; the tag ``affekt`` of a version tells which.
    """
    asked = [line for line in metadata.requires("affekt") or [] if "extra ==" not in line] + ["mlflow"]
    names = sorted({_NAME_OF_REQUIREMENT.match(line).group() for line in asked})  # type: ignore[union-attr]
    # Without what tells apart builds of one version (2.13.0+cpu), which most indices do not have.
    return [f"{name}=={metadata.version(name).partition('+')[0]}" for name in names]


def find(reference: str, tracking: Tracking) -> ModelVersion:
    """The version that ``name``, ``name@alias`` or ``name/version`` means; a bare name means its champion.

    Raises:
        AffektError: there is no such model, alias or version; the message lists those that there are.
    """
    parts = _REFERENCE.fullmatch(reference)
    if parts is None:
        raise AffektError(
            "expected name@champion, name/7 or the folder of an ensemble", code="bad_reference", where=reference
        )
    name = parts["name"]
    model = registered_model(name, tracking, where=reference)
    alias = parts["alias"] or (None if parts["version"] else CHAMPION)
    number = str(model.aliases.get(alias, "")) if alias else parts["version"]
    if not number:
        listed = ", ".join(f"{name}@{key}" for key in sorted(model.aliases)) or "no alias"
        hint = f"; promote one with `affekt models promote {name}/<version>`" if alias == CHAMPION else ""
        raise AffektError(f"{name} has no {alias}; there is {listed}{hint}", code="unknown_alias", where=reference)
    versions = list_models(tracking, name)
    for version in versions:
        if version.version == int(number):
            return version
    listed = ", ".join(str(version.version) for version in versions) or "none"
    raise AffektError(f"{name} has no version {number}; there are: {listed}", code="unknown_version", where=reference)


def registered_model(name: str, tracking: Tracking, *, where: str | None = None) -> Model:
    """A registered model: its aliases and tags.

    Raises:
        AffektError: there is none of that name; the message lists those that there are.
    """
    known = [] if tracking.is_new else tracking.reader.names()
    if name not in known:
        none = f"none is registered yet in {tracking.place}; `affekt train` does that"
        listed = f"there are {', '.join(sorted(known))}" if known else none
        raise AffektError(f"no model is registered as {name!r}; {listed}", code="unknown_model", where=where or name)
    return tracking.reader.model(name)


def resolve(reference: str | Path, tracking: Tracking) -> Path:
    """The folder of an ensemble: a registered one, fetched where it is not on this machine, or a folder itself.

    A fetched ensemble is kept under ``home/models``, so it is fetched once. One on this machine is used in place.

    Args:
        reference: ``name`` (its champion), ``name@alias``, ``name/version``, or a folder with an ``ensemble.json``.
        tracking: where models are registered.

    Raises:
        AffektError: nothing of that name, alias or version is registered; the message lists what is.
        DataError: the folder holds no ensemble, or what was registered is gone or was changed.
    """
    folder = Path(reference).expanduser()
    if (folder / _MANIFEST).is_file():
        return folder
    text = str(reference)
    if isinstance(reference, Path) or text.startswith((".", "/", "~")) or not _REFERENCE.fullmatch(text):
        found = "holds no ensemble.json" if folder.is_dir() else "is no folder"
        raise DataError(f"{found}; expected a saved ensemble or name@champion", code="not_an_ensemble", where=text)
    version = find(text, tracking)
    digest = version.tags.get("ensemble_digest", "")
    kept = tracking.home / "models" / version.name / f"{version.version}-{digest}"
    if (kept / _MANIFEST).is_file():
        return kept
    location = tracking.reader.location(version.name, version.version)
    local = _local_path(location)
    if local is not None:
        ensemble = _ensemble_in(local, version)
        _check_digest(ensemble, digest, version)
        return ensemble
    return _fetch(location, kept, digest, version, tracking)


def version_of(reference: str, tracking: Tracking) -> str | None:
    """The number of the version that a reference means; None for an ensemble's folder.

    Raises:
        AffektError: nothing of that name, alias or version is registered.
    """
    if (Path(reference).expanduser() / _MANIFEST).is_file():
        return None
    return str(find(reference, tracking).version)


def list_models(tracking: Tracking, name: str | None = None) -> list[ModelVersion]:
    """All registered versions, or those of one name: by name, the newest first."""
    if tracking.is_new:
        return []
    reader = tracking.reader
    names = [name] if name is not None else reader.names()
    versions: list[ModelVersion] = []
    for each in sorted(names):
        aliases: dict[int, list[str]] = {}
        for alias, number in reader.model(each).aliases.items():
            aliases.setdefault(int(number), []).append(alias)
        found = [_version(item, aliases.get(item.version, [])) for item in reader.versions(each)]
        versions.extend(sorted(found, key=lambda item: -item.version))
    return versions


def make_model(tracking: Tracking, name: str) -> None:
    """Make a registered model without versions, where there is none of the name."""
    from mlflow.exceptions import MlflowException  # heavy: mlflow

    try:
        tracking.client.create_registered_model(name, description="An affekt ensemble: emotion from face and voice.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _version(item: Version, aliases: Sequence[str]) -> ModelVersion:
    return ModelVersion(
        name=item.name,
        version=item.version,
        aliases=tuple(sorted(aliases)),
        created=datetime.fromtimestamp(item.creation_timestamp / 1000, UTC).isoformat(timespec="seconds"),
        run_id=item.run_id,
        metrics={k.removeprefix(_METRIC): float(value) for k, value in item.tags.items() if k.startswith(_METRIC)},
        tags={key: value for key, value in item.tags.items() if not key.startswith(_METRIC)},
    )


def _digest(folder: Path) -> str:
    """The manifest holds the digest of every file, so its own digest is that of the ensemble."""
    return file_digest(folder / _MANIFEST)[:16]


def _check_digest(ensemble: Path, digest: str, version: ModelVersion) -> None:
    if digest and _digest(ensemble) != digest:
        raise DataError(
            f"the manifest of {version.reference} was changed after it was registered; train or fetch it again",
            code="damaged",
            where=str(ensemble),
        )


def _local_path(location: str) -> Path | None:
    parts = urlsplit(location)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return Path(location) if parts.scheme == "" else None


def _ensemble_in(model: Path, version: ModelVersion) -> Path:
    """The ensemble's folder inside a saved MLflow model."""
    try:
        described = yaml.safe_load((model / "MLmodel").read_text(encoding="utf-8"))
        ensemble = model / str(described["flavors"]["python_function"]["artifacts"]["ensemble"]["path"])
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise DataError(
            f"the files of {version.reference} are gone, or are not those of an affekt ensemble",
            code="damaged",
            where=str(model),
        ) from error
    if not (ensemble / _MANIFEST).is_file():
        raise DataError(f"the files of {version.reference} are gone", code="damaged", where=str(ensemble))
    return ensemble


def _fetch(location: str, kept: Path, digest: str, version: ModelVersion, tracking: Tracking) -> Path:
    import mlflow.artifacts  # heavy: mlflow

    kept.parent.mkdir(parents=True, exist_ok=True)
    # Fetched beside its place and then moved, so that a broken or a second fetch leaves no half an ensemble.
    with tempfile.TemporaryDirectory(prefix=f".{kept.name}-", dir=kept.parent) as temporary:
        fetched = mlflow.artifacts.download_artifacts(
            artifact_uri=location, dst_path=temporary, tracking_uri=tracking.uri
        )
        ensemble = _ensemble_in(Path(fetched), version)
        _check_digest(ensemble, digest, version)
        try:
            ensemble.replace(kept)
        except OSError:  # another process was first
            if not (kept / _MANIFEST).is_file():
                shutil.rmtree(kept, ignore_errors=True)
                ensemble.replace(kept)
    return kept
