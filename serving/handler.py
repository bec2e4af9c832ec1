"""The TorchServe handler: the bytes of a clip in, the JSON answer of the ensemble out.

This file is copied into the archive and imported by name, so it stands alone. It imports affekt inside
:meth:`EmotionHandler.initialize` and not above: TorchServe takes an ImportError while it imports a handler for a
handler that is not there, looks among its own, and reports that instead of the cause.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

#: Clips over a limit; all other faults of a clip are 400.
TOO_MUCH = frozenset({"too_large", "too_long", "too_many_pixels", "timeout"})
#: Start of the name of a clip's file, before the worker's process id. The file is there while the clip is worked on and
#: gone before its answer is sent; a server that drains looks for such files.
CLIP_PREFIX = "affekt-clip-"


class EmotionHandler:
    """Answers batches of clips; a clip that cannot be used is an error of its own and of no other."""

    def initialize(self, context: Any) -> None:
        """Load the ensemble: ``ensemble/`` below the model folder, or the model folder itself."""
        from affekt.ensemble import Ensemble  # TorchServe would hide its ImportError, as said above
        from affekt.errors import AffektError  # likewise
        from affekt.serving.recorder import recorder_of  # likewise

        folder = Path(context.system_properties["model_dir"])
        if (folder / "ensemble").is_dir():
            folder = folder / "ensemble"
        for stale in clips_in_work(_clip_folder(), alive=False):
            stale.unlink(missing_ok=True)
        self._refusal = AffektError
        self._ensemble = Ensemble.load(folder)
        self._ensemble.listener = recorder_of(self._ensemble)
        self._max_bytes = self._ensemble.settings.media.max_bytes
        version = str(((context.manifest or {}).get("model") or {}).get("modelVersion", ""))
        self._model = {"name": context.model_name, "version": version, "digest": self._ensemble.digest}
        logger.info("serving %s version %s", context.model_name, version)

    def handle(self, data: Sequence[Mapping[str, Any]], context: Any) -> list[str]:
        """One JSON document for each request of the batch.

        A request is the clip as the raw body or as the only field of a form. The document is the prediction with
        ``model`` added, or ``{"error": {"code", "message"}}`` with status 400, 413, 500 or 507.
        """
        answers: list[str] = []
        for position, row in enumerate(data):
            context.set_response_content_type(position, "application/json")
            status, document = self._answer(row)
            if status != 200:
                context.set_response_status(code=status, phrase=str(document["error"]["code"]), idx=position)
            answers.append(json.dumps(document, allow_nan=False))
        return answers

    def _answer(self, row: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        try:
            clip = _clip_bytes(row)
            if clip is None:
                return 400, _error(
                    "no_clip",
                    "expected the bytes of a video clip, as the raw body (Content-Type: application/octet-stream) "
                    "or as the form field 'data'",
                )
            if len(clip) > self._max_bytes:
                most = f"{self._max_bytes:,}"
                return 413, _error("too_large", f"of the clip's {len(clip):,} bytes at most {most} are taken")
            with _clip_file(clip) as path:
                answer = self._ensemble.predict_file(path)
            document = {**answer.to_dict(), "model": self._model}
            json.dumps(document, allow_nan=False)
            return 200, document
        except self._refusal as error:
            return (413 if error.code in TOO_MUCH else 400), _error(error.code, error.message)
        except MemoryError:
            logger.exception("out of memory with one clip")
            return 507, _error("out_of_memory", "the server has too little memory for this clip")
        except Exception:
            logger.exception("one clip failed")
            return 500, _error("internal", "the server failed with this clip; its log has the cause")


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _clip_bytes(row: Mapping[str, Any]) -> bytes | bytearray | None:
    """The clip of a request, or None where it holds none, or something else (text and JSON come decoded)."""
    values = [row[key] for key in ("body", "data") if key in row] or list(row.values())
    if len(values) == 1 and isinstance(values[0], bytes | bytearray) and values[0]:
        return values[0]
    return None


@contextmanager
def _clip_file(clip: bytes | bytearray) -> Iterator[Path]:
    """The clip as a file, in memory where there is room: decoders run as processes of their own and need a name."""
    handle, name = tempfile.mkstemp(prefix=f"{CLIP_PREFIX}{os.getpid()}-", dir=_folder_with_room(len(clip)))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(clip)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def clips_in_work(folder: Path, *, alive: bool = True) -> list[Path]:
    """The files of clips that a living worker is busy with, or those that a dead one left behind."""
    found = []
    for path in folder.glob(f"{CLIP_PREFIX}*"):
        owner = path.name.removeprefix(CLIP_PREFIX).split("-")[0]
        if owner.isdigit() and _is_alive(int(owner)) == alive:
            found.append(path)
    return found


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _clip_folder() -> Path:
    return Path(os.environ.get("AFFEKT_CLIP_FOLDER", "/dev/shm"))


def _folder_with_room(size: int) -> Path:
    chosen = _clip_folder()
    # Containers often have 64 MiB of shared memory; half is left to those who need it.
    if chosen.is_dir() and os.access(chosen, os.W_OK) and shutil.disk_usage(chosen).free > 2 * size:
        return chosen
    return Path(tempfile.gettempdir())
