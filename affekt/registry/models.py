"""The model registry as it is read: versions of a name listed, found, and brought to this machine."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from affekt.argument_names import typed
from affekt.counted import there_are
from affekt.errors import AffektError, DataError
from affekt.model_names import NAME
from affekt.registry.patient_client import answered
from affekt.registry.reader import Model, Version
from affekt.registry.tracking import Tracking
from affekt.storage import file_digest

logger = logging.getLogger(__name__)

CHAMPION = "champion"
CHALLENGER = "challenger"
#: The champion before; what :func:`affekt.registry.champions.rollback` returns to.
PREVIOUS = "previous"

MANIFEST = "ensemble.json"
METRIC = "metric."
_REFERENCE = re.compile(rf"(?:models:/)?(?P<name>{NAME.pattern})(?:@(?P<alias>{NAME.pattern})|/(?P<version>\d+))?")


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
        listed = there_are([f"{name}@{key}" for key in sorted(model.aliases)] or ["no alias"])
        hint = f"; promote one with `affekt models promote {name}/<version>`" if alias == CHAMPION else ""
        raise AffektError(f"{name} has no {alias}; {listed}{hint}", code="unknown_alias", where=reference)
    versions = list_models(tracking, name)
    for version in versions:
        if version.version == int(number):
            return version
    listed = there_are([str(version.version) for version in versions]) if versions else "there is none"
    raise AffektError(f"{name} has no version {number}; {listed}", code="unknown_version", where=reference)


def champion_of(name: str, tracking: Tracking) -> ModelVersion | None:
    """The champion of a name; None where there is none."""
    try:
        return find(f"{name}@champion", tracking)
    except AffektError as error:
        if error.code in ("unknown_model", "unknown_alias"):
            return None
        raise


def registered_model(name: str, tracking: Tracking, *, where: str | None = None) -> Model:
    """A registered model: its aliases and tags.

    Raises:
        AffektError: there is none of that name; the message lists those that there are.
    """
    known = [] if tracking.is_new else tracking.reader.names()
    if name not in known:
        none = f"none is registered yet in {tracking.place}; `affekt train` does that"
        listed = there_are(sorted(known)) if known else none
        if known and where:  # a reference was asked for
            listed += f"; say {typed('model', f'{min(known)}@champion')}"
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
    if (folder / MANIFEST).is_file():
        return folder
    text = str(reference)
    if folder.is_file() and zipfile.is_zipfile(folder):
        message = "is a file; affekt models import registers it, under a name that can be given here"
        raise DataError(message, code="not_an_ensemble", where=text)
    if isinstance(reference, Path) or text.startswith((".", "/", "~")) or not _REFERENCE.fullmatch(text):
        found = "holds no ensemble.json" if folder.is_dir() else "is a file" if folder.is_file() else "is no folder"
        raise DataError(f"{found}; expected a saved ensemble or name@champion", code="not_an_ensemble", where=text)
    version = find(text, tracking)
    digest = version.tags.get("ensemble_digest", "")
    kept = tracking.home / "models" / version.name / f"{version.version}-{digest}"
    if (kept / MANIFEST).is_file():
        return kept
    location = tracking.reader.location(version.name, version.version)
    local = local_path(location)
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
    if (Path(reference).expanduser() / MANIFEST).is_file():
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


def _version(item: Version, aliases: Sequence[str]) -> ModelVersion:
    return ModelVersion(
        name=item.name,
        version=item.version,
        aliases=tuple(sorted(aliases)),
        created=datetime.fromtimestamp(item.creation_timestamp / 1000, UTC).isoformat(timespec="seconds"),
        run_id=item.run_id,
        metrics={k.removeprefix(METRIC): float(value) for k, value in item.tags.items() if k.startswith(METRIC)},
        tags={key: value for key, value in item.tags.items() if not key.startswith(METRIC)},
    )


def digest_of(folder: Path) -> str:
    """The digest of an ensemble: its manifest holds those of all files, so 16 digits of its own are enough."""
    return file_digest(folder / MANIFEST)[:16]


def _check_digest(ensemble: Path, digest: str, version: ModelVersion) -> None:
    if digest and digest_of(ensemble) != digest:
        raise DataError(
            f"the manifest of {version.reference} was changed after it was registered; train or fetch it again",
            code="damaged",
            where=str(ensemble),
        )


def local_path(location: str) -> Path | None:
    """Where an address leads to on this machine; None where it leads elsewhere."""
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
    if not (ensemble / MANIFEST).is_file():
        raise DataError(f"the files of {version.reference} are gone", code="damaged", where=str(ensemble))
    return ensemble


def _fetch(location: str, kept: Path, digest: str, version: ModelVersion, tracking: Tracking) -> Path:
    import mlflow.artifacts  # heavy: mlflow

    kept.parent.mkdir(parents=True, exist_ok=True)
    # Fetched beside its place and then moved, so that a broken or a second fetch leaves no half an ensemble.
    with tempfile.TemporaryDirectory(prefix=f".{kept.name}-", dir=kept.parent) as temporary:
        fetched = answered(
            lambda: mlflow.artifacts.download_artifacts(
                artifact_uri=location, dst_path=temporary, tracking_uri=tracking.uri
            ),
            tracking.place,
        )
        ensemble = _ensemble_in(Path(fetched), version)
        _check_digest(ensemble, digest, version)
        try:
            ensemble.replace(kept)
        except OSError:  # another process was first
            if not (kept / MANIFEST).is_file():
                shutil.rmtree(kept, ignore_errors=True)
                ensemble.replace(kept)
    return kept
