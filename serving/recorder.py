"""Keeps of each answered request what drift is told by, without media; only where a server is asked to.

``AFFEKT_RECORDS`` names the folder, local or ``s3://``, and ``AFFEKT_RECORDS_MIB`` how much it may hold (default 256):
the oldest files go first. Rows are written by a thread of their own, so that no answer waits and none fails for it.
What is not written when a server is killed, at most :data:`SECONDS` of it, is lost.
"""

from __future__ import annotations

import atexit
import logging
import os
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from affekt.counted import counted
from affekt.ensemble import Answer, Ensemble
from affekt.ensemble.trace import answered, trace
from affekt.errors import AffektError
from affekt.media import PreparedClip
from affekt.media.functionals import feature_set

logger = logging.getLogger(__name__)

FOLDER, MIB = "AFFEKT_RECORDS", "AFFEKT_RECORDS_MIB"
#: A file is written when it has so many rows, or when its first row is so many seconds old.
ROWS, SECONDS = 1000, 60.0
#: Rows that may wait while a file is written; beyond them rows are left out and counted.
_WAITING = 4 * ROWS


class Recorder:
    """Called with each clip and its answer.

    Args:
        names: of the functionals.
        digest: of the ensemble that answers.
        folder: where records go.
        most_bytes: that the folder may hold.
        rows: of a file.
        seconds: after which a file is written though it has fewer.
    """

    def __init__(
        self,
        names: Sequence[str],
        digest: str,
        folder: str,
        most_bytes: int,
        *,
        rows: int = ROWS,
        seconds: float = SECONDS,
    ) -> None:
        self._names, self._digest = names, digest
        self._folder, self._most_bytes = folder, most_bytes
        self._rows, self._seconds = rows, seconds
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue(_WAITING)
        self._left_out = 0
        self._thread = threading.Thread(target=self._work, name="affekt-records", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def __call__(self, clip: PreparedClip, answer: Answer) -> None:
        """Take down one answer; never raises."""
        try:
            now = datetime.now(UTC).replace(microsecond=0)
            facts = trace(clip, self._names) | answered(answer.probabilities)
            self._queue.put_nowait({"time": now, "model": self._digest, **facts})
        except queue.Full:
            self._left_out += 1
        except Exception:
            logger.exception("an answer was not recorded")

    def close(self) -> None:
        """Write what is left; later answers are not recorded."""
        atexit.unregister(self.close)
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(30)

    def _work(self) -> None:
        rows: list[dict[str, Any]] = []
        due = 0.0
        while True:
            try:
                row = self._queue.get(timeout=max(0.0, due - time.monotonic()) if rows else None)
            except queue.Empty:
                row = {}
            if row:
                rows.append(row)
                due = time.monotonic() + self._seconds if len(rows) == 1 else due
            if rows and (row is None or len(rows) >= self._rows or time.monotonic() >= due):
                self._write(rows)
                rows = []
            if row is None:
                return

    def _write(self, rows: list[dict[str, Any]]) -> None:
        from affekt.ensemble.records import put_records  # heavy: pandas, which a server without records does without

        try:
            put_records(self._folder, rows, most_bytes=self._most_bytes)
        except AffektError as error:
            logger.error("not recorded: %s: %s", counted(len(rows), "answers"), error)
        except Exception:
            logger.exception("not recorded: %s", counted(len(rows), "answers"))
        left_out, self._left_out = self._left_out, 0
        if left_out:
            logger.error("not recorded: %s, which came faster than can be written", counted(left_out, "answers"))


def recorder_of(ensemble: Ensemble, environment: Mapping[str, str] = os.environ) -> Recorder | None:
    """The recorder that the environment asks for; None where it asks for none.

    Raises:
        AffektError: ``AFFEKT_RECORDS_MIB`` is no number.
    """
    folder = environment.get(FOLDER, "")
    if not folder:
        return None
    text = environment.get(MIB) or "256"
    try:
        mib = float(text)
    except ValueError:
        mib = 0.0
    if not mib > 0:
        raise AffektError(f"{MIB} is {text!r}; expected a number of MiB", code="usage")
    names = feature_set(ensemble.settings.media.functionals).names
    return Recorder(names, ensemble.digest, folder, int(mib * 2**20))
