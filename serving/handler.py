"""The TorchServe handler: a task of the door, or the bytes of a clip in, the JSON answer of the ensemble out.

This file is copied into the archive and imported by name, so it stands alone. It imports affekt inside
:meth:`EmotionHandler.initialize` and not above: TorchServe takes an ImportError while it imports a handler for a
handler that is not there, looks among its own, and reports that instead of the cause.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

#: Environment variables of a worker behind the door: the folder of clips, that of temporary files, and the file of the
#: word by which it knows the door. Such a worker takes names of clips alone, and no bytes.
INBOX, SCRATCH, SECRET = "AFFEKT_INBOX", "AFFEKT_SCRATCH", "AFFEKT_DOOR_SECRET"
#: And that of the file that is there while another version answers and this one is loaded.
BESIDE = "AFFEKT_BESIDE"
#: Folder for clips that came as bytes, to a server without the door.
CLIP_FOLDER = "AFFEKT_CLIP_FOLDER"


class EmotionHandler:
    """Answers batches of clips; a clip that cannot be used is an error of its own and of no other."""

    def initialize(self, context: Any) -> None:
        """Load the ensemble: ``ensemble/`` below the model folder, or the model folder itself."""
        from affekt import events  # its ImportError would be hidden
        from affekt.serving.predictor import Predictor, error_document, guarded  # as above

        beside = Path(os.environ.get(BESIDE) or os.devnull).is_file()
        folder = Path(context.system_properties["model_dir"])
        if (folder / "ensemble").is_dir():
            folder = folder / "ensemble"
        version = str(((context.manifest or {}).get("model") or {}).get("modelVersion", ""))
        model = {"name": context.model_name, "version": version}
        self._secret = Path(os.environ[SECRET]).read_text(encoding="ascii") if SECRET in os.environ else ""
        inbox, scratch = Path(os.environ.get(INBOX) or _clip_folder()), os.environ.get(SCRATCH)
        try:
            self._predictor = Predictor.load(
                folder, model, inbox, scratch=Path(scratch) if scratch else None, beside=beside
            )
        except Exception as error:
            events.write(events.Error.of(error), sys.stdout)  # the engine reads what workers say
            raise
        self._error, self._guarded = error_document, guarded
        self._max_bytes = self._predictor.ensemble.settings.media.max_bytes
        logger.info("serving %s version %s", context.model_name, version)

    def handle(self, data: Sequence[Mapping[str, Any]], context: Any) -> list[str]:
        """One JSON document for each request of the batch.

        Behind the door a request is a JSON document with the door's ``secret`` and the ``task``. Without the door it is
        the clip as the raw body or as the only field of a form. The document is the answer with ``model`` added, or
        ``{"error": {"code", "message"}}`` with status 400, 403, 413, 500 or 507.
        """
        answers: list[str] = []
        for position, row in enumerate(data):
            context.set_response_content_type(position, "application/json")
            status, document = self._of_door(row) if self._secret else self._of_clip(row)
            if status != 200:
                context.set_response_status(code=status, phrase=str(document["error"]["code"]), idx=position)
            answers.append(json.dumps(document, allow_nan=False))
        return answers

    def _of_door(self, row: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        try:
            asked = json.loads(_content(row) or b"")
            word, task = str(asked["secret"]), dict(asked["task"])
        except (ValueError, KeyError, TypeError):
            word, task = "", {}
        if not hmac.compare_digest(word.encode(), self._secret.encode()):
            return 403, self._error("not_the_door", "this server answers to its door alone")
        reply: tuple[int, dict[str, Any]] = self._predictor.reply(task)
        return reply

    def _of_clip(self, row: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        clip = _content(row)
        if clip is None:
            return 400, self._error(
                "no_clip",
                "expected the bytes of a video clip, as the raw body (Content-Type: application/octet-stream) "
                "or as the form field 'data'",
            )
        if len(clip) > self._max_bytes:
            most = f"{self._max_bytes:,}"
            return 413, self._error("too_large", f"of the clip's {len(clip):,} bytes at most {most} are taken")

        def answer() -> dict[str, Any]:
            with _clip_file(clip) as path:
                return {**self._predictor.ensemble.predict_file(path).to_dict(), "model": self._predictor.model}

        said: tuple[int, dict[str, Any]] = self._guarded(answer)
        return said


def _content(row: Mapping[str, Any]) -> bytes | bytearray | None:
    """The bytes of a request, or None where it holds none, or something else (text and JSON come decoded)."""
    values = [row[key] for key in ("body", "data") if key in row] or list(row.values())
    if len(values) == 1 and isinstance(values[0], bytes | bytearray) and values[0]:
        return values[0]
    return None


@contextmanager
def _clip_file(clip: bytes | bytearray) -> Iterator[Path]:
    """The clip as a file, in memory where there is room: decoders run as processes of their own and need a name."""
    handle, name = tempfile.mkstemp(prefix="affekt-clip-", dir=_folder_with_room(len(clip)))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(clip)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _clip_folder() -> Path:
    return Path(os.environ.get(CLIP_FOLDER, "/dev/shm"))


def _folder_with_room(size: int) -> Path:
    chosen = _clip_folder()
    # Containers often have 64 MiB of shared memory; half is left to those who need it.
    if chosen.is_dir() and os.access(chosen, os.W_OK) and shutil.disk_usage(chosen).free > 2 * size:
        return chosen
    return Path(tempfile.gettempdir())
