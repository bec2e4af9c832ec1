"""An ensemble as one file to hand on: its manifest and the files that the manifest names, and nothing else."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from affekt.ensemble.manifest import MANIFEST, read_manifest
from affekt.errors import DataError
from affekt.home import home
from affekt.storage import appearing, file_digest

#: What the files of an ensemble are; none of them can be executed.
SUFFIXES = (".json", ".safetensors", ".parquet", ".xml", ".bin", ".mp4")
#: Largest size of all files of an exported ensemble, bytes: a few times that of the paper's.
MAX_BYTES = 16 << 30
#: So that the same ensemble gives the same file, whenever it is exported.
_WHEN = (2020, 1, 1, 0, 0, 0)


def export_ensemble(folder: Path, file: Path) -> str:
    """Write an ensemble's folder as one zip archive without compression; the same ensemble gives the same bytes.

    Returns:
        The SHA-256 of the file, by which whoever gets it can tell that it is this one.

    Raises:
        DataError: the folder holds no ensemble, or it is damaged.
    """
    manifest = read_manifest(folder)
    with appearing(file) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for name in (MANIFEST, *sorted(manifest["files"])):
            with (folder / name).open("rb") as source, archive.open(zipfile.ZipInfo(name, _WHEN), "w") as target:
                shutil.copyfileobj(source, target, 1 << 20)
    return file_digest(file)


def open_exported(file: Path) -> Path:
    """The folder of an exported ensemble, unpacked once below ``home/models/exported`` and checked against its digests.

    Raises:
        DataError: the file is none that :func:`export_ensemble` wrote: it holds a name that leads out of its folder, a
            file that an ensemble does not consist of, too much, or what its manifest does not name.
    """
    kept = home() / "models" / "exported"
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=kept) as temporary:
        unpacked = Path(temporary, "ensemble")
        unpacked.mkdir()
        _unpack(file, unpacked)
        manifest = read_manifest(unpacked)
        found = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
        unnamed = sorted(found - {MANIFEST, *manifest["files"]})
        if unnamed:
            raise _refused(file, f"holds {unnamed[0]!r}, which its manifest does not name")
        folder = kept / file_digest(unpacked / MANIFEST)[:16]
        if not (folder / MANIFEST).is_file():
            try:
                unpacked.rename(folder)
            except OSError:  # another process was first
                if not (folder / MANIFEST).is_file():
                    raise
    read_manifest(folder)
    return folder


def _unpack(file: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise _refused(file, f"unpacks to more than {MAX_BYTES >> 30} GiB")
            if MANIFEST not in archive.namelist():
                raise _refused(file, f"holds no {MANIFEST}")
            for entry in entries:
                name = PurePosixPath(entry.filename)
                if name.is_absolute() or ".." in name.parts or "\\" in entry.filename or not name.parts:
                    raise _refused(file, f"holds the name {entry.filename!r}, which leads out of its folder")
                if name.suffix not in SUFFIXES:
                    raise _refused(
                        file, f"holds {entry.filename!r}, and an ensemble has {', '.join(SUFFIXES)} files alone"
                    )
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, target.open("xb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
                target.chmod(0o644)
    except FileExistsError as error:
        raise _refused(file, "holds a name twice") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise _refused(file, f"cannot be read ({error})") from error


def _refused(file: Path, why: str) -> DataError:
    return DataError(
        f"{why}; expected an ensemble as `affekt models export` writes it; get the file again",
        code="not_exported",
        where=str(file),
    )
