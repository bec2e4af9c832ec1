"""Puts trained members and a fusion into one folder, the thing that is registered and served."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import affekt
from affekt.ensemble.manifest import FORMAT, MANIFEST
from affekt.errors import DataError
from affekt.extensions import EXTENSIONS, extension_names, model_names, offered_by
from affekt.fusion.person import ADAPTATION
from affekt.media.prepared import PREPARATION
from affekt.settings import Settings
from affekt.storage import as_told, file_digest

_NOT_SERVED = ("scores.csv", "scores_person.csv", "distances.csv", "history.csv")
_PACKAGES = ("torch", "scikit-learn", "opensmile", "opencv-python-headless", "imageio-ffmpeg", "numpy")


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


def _copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.iterdir()):
        # Folds, score tables and pictures served the training; an answer does not need them.
        if path.is_file() and path.name not in _NOT_SERVED and path.suffix != ".png":
            shutil.copyfile(path, target / path.name)
