"""The manifest of an ensemble's folder: what it holds, with a digest of every file; read without numpy or a model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from affekt.errors import DataError
from affekt.settings import Settings, settings_of_stored
from affekt.storage import appearing, file_digest

#: The folder's layout; a reader refuses a number that it does not know.
FORMAT = 1
MANIFEST = "ensemble.json"


def is_ensemble(folder: Path) -> bool:
    """Whether it is a folder that :func:`affekt.ensemble.assemble` wrote, whole or damaged."""
    return (folder / MANIFEST).is_file()


def add_files(folder: Path, names: Sequence[str]) -> None:
    """Have the manifest of an ensemble know further files of its folder, by their paths in it."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["files"] |= {name: file_digest(folder / name) for name in names}
    with appearing(path) as part:
        part.write_text(json.dumps(manifest, indent=2, sort_keys=True), encoding="utf-8")


def read_manifest(folder: Path, *, checked: bool = True) -> dict[str, Any]:
    """The manifest of an ensemble's folder, every file checked against its digest.

    Args:
        folder: of the ensemble.
        checked: whether they are; no, where whoever reads the files then does it, which takes a while for each reader.

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
        if checked:
            check_file(file, digest)
    assert isinstance(manifest, dict)
    return manifest


def check_file(file: Path, digest: str) -> None:
    """Hold a file of an ensemble against its digest in the manifest.

    Raises:
        DataError: it is another one.
    """
    if file_digest(file) != digest:
        raise DataError("does not match its digest in the manifest; fetch it again", code="damaged", where=str(file))


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
