"""The TorchServe archive of an ensemble: handler, model-config.yaml and the ensemble's files, and nothing else."""

from __future__ import annotations

import math
import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal

import yaml
from model_archiver.model_archiver_config import ModelArchiverConfig
from model_archiver.model_archiver_error import ModelArchiverError
from model_archiver.model_packaging_utils import ModelExportUtils

from affekt.ensemble.manifest import MANIFEST, read_manifest
from affekt.errors import AffektError
from affekt.serving.time_limits import MODEL_SECONDS, START_SECONDS

Format = Literal["no-archive", "zip-store"]
HANDLER = Path(__file__).with_name("handler.py")
CONFIG = "model-config.yaml"


def build_archive(
    ensemble: Path,
    out: Path,
    *,
    name: str = "affekt",
    version: str = "1",
    format: Format = "no-archive",
    file_name: str | None = None,
    workers: int = 1,
    job_queue_size: int = 100,
) -> Path:
    """Write the archive of an ensemble into the folder ``out``.

    ``no-archive`` is a folder that TorchServe reads in place (files are hard links where the disk allows it), for a
    local server and for images. ``zip-store`` is one uncompressed ``.mar`` file, for shipping: compressing weights
    takes most of a minute and saves nothing.

    Args:
        ensemble: folder of a saved ensemble.
        out: the model store; made where it is missing. What has the archive's name there is replaced.
        name: the model's name in TorchServe, as in ``/predictions/<name>``.
        version: the model's version in TorchServe; the registry's version number.
        file_name: name of the archive in ``out`` without suffix, where it is not ``name``; TorchServe reads it from
            the manifest, so versions of a model can lie side by side.
        workers: worker processes; each holds the ensemble once.
        job_queue_size: requests that wait before the next one is refused with 503.

    Returns:
        The archive: a folder, or a ``.mar`` file.

    Raises:
        DataError: the folder is no ensemble, a file of it does not match its digest, or a name leads out of it.
        AffektError: the name is not one that TorchServe takes.
    """
    manifest = read_manifest(ensemble)
    out.mkdir(parents=True, exist_ok=True)
    try:
        ModelExportUtils.validate_inputs(name, str(out))
    except ModelArchiverError as error:
        raise AffektError(
            "a model's name may have letters, digits, '_', '-' and '.' only", code="bad_name", where=name
        ) from error
    stem = file_name or name
    # The archiver's own packaging works in <temporary folder>/<name>, which it deletes first, whatever lies there.
    # So the files are laid out here, and the archiver writes its manifest and packs them.
    stage = Path(tempfile.mkdtemp(prefix=f".{stem}-", dir=out))
    try:
        shutil.copyfile(HANDLER, stage / HANDLER.name)
        limits = manifest["settings"]["media"]
        config = model_config(limits["timeout_seconds"], workers=workers, job_queue_size=job_queue_size)
        (stage / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        for file in (MANIFEST, *manifest["files"]):
            target = stage / "ensemble" / file
            target.parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(ensemble / file, target)
        described = ModelExportUtils.generate_manifest_json(
            ModelArchiverConfig(
                model_name=name, handler=HANDLER.name, version=version, config_file=CONFIG, archive_format=format
            )
        )
        if format == "zip-store":
            ModelExportUtils.archive(str(out), stage.name, str(stage), described, format)
            return _put(out / f"{stage.name}.mar", out / f"{stem}.mar")
        # Given the folder itself as the target, the archiver only adds its manifest.
        ModelExportUtils.archive(str(out), stage.name, str(stage), described, format)
        stage.chmod(0o755)  # mkdtemp's 0700 would hide the model from a server under another account
        return _put(stage, out / stem)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def model_config(timeout_seconds: float, *, workers: int = 1, job_queue_size: int = 100) -> dict[str, Any]:
    """What model-config.yaml says: how TorchServe runs the model.

    No batches: an answer is the work of one clip, and a batch would only make its first request wait for its last.
    """
    return {
        "minWorkers": workers,
        "maxWorkers": workers,
        "batchSize": 1,
        "maxBatchDelay": 0,
        # A worker over this time is killed with the requests that wait for it, so it is the last resort.
        "responseTimeout": math.ceil(timeout_seconds) + MODEL_SECONDS,
        "startupTimeout": START_SECONDS,
        "jobQueueSize": job_queue_size,
    }


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)


def _put(made: Path, target: Path) -> Path:
    """Move what was made to its place, where an older archive of that name may be."""
    if target.is_dir():
        shutil.rmtree(target)
    made.replace(target)
    return target
