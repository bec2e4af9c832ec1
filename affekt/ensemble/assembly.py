"""Puts trained members and a fusion into one folder, the thing that is registered and served."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

import affekt
from affekt.errors import DataError
from affekt.extensions import EXTENSIONS, extension_names, model_names, offered_by
from affekt.fusion.person import ADAPTATION
from affekt.media.prepared import PREPARATION
from affekt.settings import Settings, settings_of_stored
from affekt.storage import appearing, as_told, file_digest

#: The folder's layout; a reader refuses a number that it does not know.
FORMAT = 1
MANIFEST = "ensemble.json"

_NOT_SERVED = ("scores.csv", "scores_person.csv", "distances.csv", "history.csv")
_PACKAGES = ("torch", "scikit-learn", "opensmile", "opencv-python-headless", "imageio-ffmpeg", "numpy")


def is_ensemble(folder: Path) -> bool:
    """Whether it is a folder that :func:`assemble` wrote, whole or damaged."""
    return (folder / MANIFEST).is_file()


def assemble(
    folder: Path,
    *,
    members: Mapping[str, Path],
    models: Sequence[str],
    labels: Sequence[str],
    settings: Settings,
    facts: Mapping[str, Any] | None = None,
    graphs: Callable[[Mapping[str, Path]], Mapping[str, Any]] | None = None,
) -> Path:
    """Copy what an answer needs into ``folder`` and write its manifest with a digest of every file.

    Args:
        folder: where to; its subfolder ``fusion`` already holds what :meth:`affekt.fusion.Fusion.save` wrote, and
            ``fusion_person``, where there is one, the fusion of scores that are adapted to their person.
        members: the folder of each trained member, as the training functions wrote it.
        models: the members whose score vectors are fused, in the fusion's order; the others only feed them.
        labels: the labels that the members answer.
        settings: the settings of the run.
        facts: further facts for the manifest (data digest, accuracy …), for people to read.
        graphs: writes the graphs of networks into the members' folders and says what came of it
            (:func:`affekt.ensemble.graphs.write_graphs`); without it there are none, and PyTorch answers.

    Returns:
        ``folder``.
    """
    for name, source in members.items():
        _copy(source, folder / "members" / name)
    drawn = graphs({name: folder / "members" / name for name in members}) if graphs else {}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    manifest = {
        "format": FORMAT,
        "affekt": affekt.__version__,
        "labels": list(labels),
        "members": [name for name in model_names() if name in members],
        "models": list(models),
        "settings": as_told(settings.to_dict(), keep=("detector_model",)),
        "preparation": PREPARATION,
        "adaptation": ADAPTATION,
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "offered_by": {name: offered_by("model", name) for name in members if offered_by("model", name) != "affekt"},
        "extensions": _extensions(settings),
        "graphs": dict(drawn),
        "facts": dict(facts or {}),
        "files": {path.relative_to(folder).as_posix(): file_digest(path) for path in files},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True), encoding="utf-8")
    return folder


def add_files(folder: Path, names: Sequence[str]) -> None:
    """Have the manifest of an ensemble know further files of its folder, by their paths in it."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["files"] |= {name: file_digest(folder / name) for name in names}
    with appearing(path) as part:
        part.write_text(json.dumps(manifest, indent=2, sort_keys=True), encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an ensemble's folder, every file checked against its digest.

    Raises:
        DataError: not an ensemble, of a newer format, a file is missing or damaged, or a name leads out of the folder.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise DataError(
            f"holds no {MANIFEST}; expected an ensemble's folder", code="not_an_ensemble", where=str(folder)
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"is not JSON: {error}", code="damaged", where=str(path)) from error
    if manifest.get("format") != FORMAT:
        raise DataError(
            f"has format {manifest.get('format')!r}; this version of affekt reads {FORMAT}",
            code="format",
            where=str(path),
        )
    for name, digest in manifest["files"].items():
        file = _inside(folder, name)
        if not file.is_file():
            raise DataError("is missing from the ensemble; fetch it again", code="damaged", where=str(file))
        if file_digest(file) != digest:
            raise DataError(
                "does not match its digest in the manifest; fetch it again", code="damaged", where=str(file)
            )
    assert isinstance(manifest, dict)
    return manifest


def stored_settings(folder: Path) -> Settings:
    """The settings that an ensemble's folder was trained with; nothing else of it is read or checked."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return settings_of_stored(manifest["settings"])


def _inside(folder: Path, name: str) -> Path:
    """The file of a name in a manifest, which somebody else may have written.

    Raises:
        DataError: it leads out of the folder, by itself or by a link.
    """
    given = PurePosixPath(name)
    file = folder / given
    straight = not given.is_absolute() and given.parts and ".." not in given.parts and "\\" not in name
    if not straight or not file.resolve().is_relative_to(folder.resolve()):
        raise DataError(
            f"names {name!r}, which leads out of its folder; do not use this ensemble",
            code="name_outside",
            where=str(folder / MANIFEST),
        )
    return file


def require_extensions(manifest: Mapping[str, Any], where: str) -> None:
    """Require of what an ensemble was made with, its models aside, that it is installed.

    Raises:
        DataError: ``extension_not_installed``, with all that is missing and the packages that offer it.
    """
    missing = {
        kind: used for kind, used in manifest.get("extensions", {}).items() if used["name"] not in extension_names(kind)
    }
    if missing:
        things = [f"a {kind} {used['name']!r} (group {EXTENSIONS[kind]!r})" for kind, used in missing.items()]
        packages = sorted({used["package"] for used in missing.values()})
        raise DataError(
            f"no installed package offers {' and '.join(things)}; install {' and '.join(packages)}, with which it was "
            "trained",
            code="extension_not_installed",
            where=where,
        )


def _extensions(settings: Settings) -> dict[str, dict[str, str]]:
    """What answers need besides the models and is not affekt's own: its name and its package, by kind."""
    used = {
        "fusion": settings.fusion.method,
        "detector": settings.media.detector,
        "feature set": settings.media.functionals,
    }
    return {
        kind: {"name": name, "package": offered_by(kind, name)}
        for kind, name in used.items()
        if name in extension_names(kind) and offered_by(kind, name) != "affekt"
    }


def identity_of(folder: Path) -> str:
    """16 hexadecimal digits of what an ensemble is: its files, labels and settings, and the code that trained it.

    The same data, settings, seed and code give the same; the manifest's own digest tells trainings apart, since it
    also says by which run. ``""`` for a manifest that names no files.
    """
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if not manifest.get("files"):
        return ""
    parts = {name: manifest.get(name) for name in ("files", "labels", "models", "settings")}
    parts["code"] = manifest.get("facts", {}).get("code", "")
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.iterdir()):
        # Folds, score tables and pictures served the training; an answer does not need them.
        if path.is_file() and path.name not in _NOT_SERVED and path.suffix != ".png":
            shutil.copyfile(path, target / path.name)
