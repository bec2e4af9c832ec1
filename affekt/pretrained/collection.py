"""The checkpoints on this machine: one folder each, with the weights, what their network expects, and their digests."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from affekt.counted import counted
from affekt.errors import DataError
from affekt.home import home
from affekt.pretrained.catalogue import CATALOGUE, Convention, published
from affekt.pretrained.layers import check_shapes
from affekt.storage import exists, file_digest, is_remote, join

#: The layout of the folder; a reader refuses a number that it does not know.
FORMAT = 1
WEIGHTS, DESCRIPTION = "weights.safetensors", "weights.json"
_FILES = {".pth", ".pt", ".pickle", ".pkl", ".bin", ".safetensors", ".npz"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Held:
    """A checkpoint that is here.

    Attributes:
        name: of its folder.
        checkpoint: of the catalogue, whose layers these are.
        network: ``vgg`` or ``c3d``.
        layout: of the file that it came from.
        convention: what the network expects as input, and how it is built.
        classes: outputs of its last layer.
        width: share of the published channels, 1 for the published file itself.
        sha256, size: of the weights file; bytes.
        source: ``uri``, ``sha256`` and ``bytes`` of the file that it came from.
    """

    name: str
    checkpoint: str
    network: str
    layout: str
    convention: Convention
    classes: int
    width: float
    sha256: str
    size: int
    source: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The content of ``weights.json``."""
        return {
            "format": FORMAT,
            "name": self.name,
            "checkpoint": self.checkpoint,
            "network": self.network,
            "layout": self.layout,
            "preprocessing": self.convention.to_dict(),
            "architecture": dict(self.convention.architecture),
            "classes": self.classes,
            "width": self.width,
            "weights": {"file": WEIGHTS, "sha256": self.sha256, "bytes": self.size},
            "source": self.source,
            "licence": published(self.checkpoint).licence,
        }


def folder_of(name: str) -> Path:
    """Where a checkpoint is kept: ``$AFFEKT_HOME/weights/<name>``.

    Raises:
        DataError: the name cannot be that of a folder.
    """
    if not is_name(name):
        raise DataError(
            "cannot be the name of a checkpoint; expected up to 64 letters, digits, '.', '_' and '-'",
            code="bad_name",
            where=name,
        )
    return home() / "weights" / name


def is_name(text: str) -> bool:
    """Whether this can be the name of a checkpoint, rather than a path or a uri."""
    return _NAME.fullmatch(text) is not None


def held(name: str) -> Held | None:
    """The checkpoint of this name, or None where it is not here.

    Raises:
        DataError: its description is damaged.
    """
    path = folder_of(name) / DESCRIPTION
    return dataclasses.replace(described(path.read_bytes(), str(path)), name=name) if path.is_file() else None


def collection() -> list[Held]:
    """All checkpoints that are here: those of the catalogue first, then by name."""
    return [found for name in kept_names() if (found := held(name)) is not None]


def kept_names() -> list[str]:
    """The names of all folders below ``$AFFEKT_HOME/weights``, in the order of :func:`collection`."""
    order = [entry.name for entry in CATALOGUE]
    folders = [path.name for path in (home() / "weights").glob("*") if path.is_dir() and is_name(path.name)]
    return sorted(folders, key=lambda name: (name not in order, name))


def described(content: bytes, where: str) -> Held:
    """What a ``weights.json`` says.

    Raises:
        DataError: it is damaged, or of a later version.
    """
    try:
        values = json.loads(content)
        if values["format"] != FORMAT:
            raise DataError(
                f"is in format {values['format']}, expected {FORMAT}; a later affekt wrote it",
                code="wrong_format",
                where=where,
            )
        first, second, third = (float(value) for value in values["preprocessing"]["mean"])
        convention = Convention(
            order=str(values["preprocessing"]["order"]),
            mean=(first, second, third),
            scale=float(values["preprocessing"]["scale"]),
            grey=bool(values["preprocessing"]["grey"]),
            architecture=dict(values["architecture"]),
        )
        return Held(
            name=str(values["name"]),
            checkpoint=published(values["checkpoint"]).name,
            network=published(values["checkpoint"]).network,
            layout=str(values["layout"]),
            convention=convention,
            classes=int(values["classes"]),
            width=float(values["width"]),
            sha256=str(values["weights"]["sha256"]),
            size=int(values["weights"]["bytes"]),
            source=dict(values["source"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"is not the description of a checkpoint ({type(error).__name__}: {error}); fetch or import it again",
            code="damaged",
            where=where,
        ) from error


def verify(name: str) -> Held:
    """Check a checkpoint that is here: the digest of its weights, and the shapes of its layers.

    Raises:
        DataError: it is not here, or says what differs.
    """
    found = held(name)
    if found is None and folder_of(name).is_dir():
        raise DataError(
            f"{DESCRIPTION} is missing; remove this folder and fetch or import it again",
            code="missing",
            where=str(folder_of(name)),
        )
    if found is None:
        raise absent(name)
    check_weights(folder_of(name) / WEIGHTS, found)
    return found


def absent(name: str) -> DataError:
    """The error for a checkpoint that is not here; says how it comes here."""
    if name in (entry.name for entry in CATALOGUE):
        how = published(name).how
        advice = how or f"affekt weights fetch {name} gets it"
    else:
        advice = f"affekt weights import FILE --as CHECKPOINT --name {name} keeps a file under this name"
    return DataError(f"no checkpoint of this name is in {home() / 'weights'}; {advice}", code="missing", where=name)


def is_here(pretrained: str) -> None:
    """Look whether there is something under what a setting names, without reading the weights.

    Raises:
        DataError: there is not; says how it comes here.
    """
    if is_name(pretrained) and not Path(pretrained).exists():
        if held(pretrained) is None:
            raise absent(pretrained)
    elif not is_folder(pretrained):
        raise DataError("no checkpoint is kept there", code="missing", where=pretrained)


def is_folder(uri: str) -> bool:
    """Whether a checkpoint's folder is there; S3 is not asked about what is plainly a file."""
    if is_remote(uri):
        return Path(uri).suffix not in _FILES and exists(join(uri, DESCRIPTION))
    return (Path(uri) / DESCRIPTION).is_file()


def check_weights(path: Path, expected: Held) -> None:
    """Check a weights file against its description.

    Raises:
        DataError: it is missing, was changed, or does not hold the layers of the network.
    """
    where = str(path)
    if not path.is_file():
        raise DataError("is missing beside its description; fetch or import it again", code="missing", where=where)
    if path.stat().st_size != expected.size:
        raise DataError(
            f"has {path.stat().st_size:,} bytes, expected {expected.size:,}; fetch or import it again",
            code="damaged",
            where=where,
        )
    digest = file_digest(path)
    if digest != expected.sha256:
        raise DataError(
            f"has the SHA-256 {digest}, expected {expected.sha256}: it was changed; fetch or import it again",
            code="damaged",
            where=where,
        )
    try:
        with safe_open(path, framework="numpy") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DataError(f"is no safetensors file ({error})", code="damaged", where=where) from error
    size = check_shapes(expected.network, shapes, where=where)
    if size.classes != expected.classes:
        raise DataError(
            f"has {counted(size.classes, 'classes')}, its description says {expected.classes}",
            code="wrong_shape",
            where=where,
        )
