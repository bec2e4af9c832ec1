"""What ``affekt serve --follow`` does beside the server: whatever version its model comes to mean is deployed."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from affekt.errors import as_affekt_error
from affekt.pipelines.cli.deploy import answer_with
from affekt.registry import Tracking, version_of
from affekt.serving.running import RunningServer

if TYPE_CHECKING:
    from affekt.errors import AffektError

#: Seconds between two looks, and between two tries of a version that fails: at first, and at most.
LOOK, _MOST = 30.0, 960.0


class Following:
    """Looks again and again what a reference means.

    Args:
        reference: of the model, as ``affekt@champion``.
        version: that the server answers with.
        server: that is kept on it.
        now: the time, in seconds.
    """

    def __init__(
        self, reference: str, version: str, server: RunningServer, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.reference, self.version, self.server, self._now = reference, version, server, now
        self._failed, self._again, self._pause = "", 0.0, LOOK

    def run(self, stop: threading.Event) -> None:
        """Look until it is over."""
        while not stop.wait(LOOK):
            self.look(stop)

    def look(self, stop: threading.Event) -> None:
        """Look once, and deploy what is meant where that is another version; whatever fails, the server answers on.

        A version that does not load, or fails its trials, is tried again after longer and longer pauses.
        """
        meant = None
        try:
            tracking = Tracking()
            meant = version_of(self.reference, tracking)
            if meant is None or meant == self.version or (meant == self._failed and self._now() < self._again):
                return
            answer_with(self.reference, tracking, self.server)
        except Exception as error:  # the registry may fail with anything
            if not stop.is_set():  # else it is the end of the server that failed it
                self._tell(as_affekt_error(error), meant)
            return
        self.version, self._failed = meant, ""
        print(f"now answers with version {meant}", flush=True)

    def _tell(self, error: AffektError, meant: str | None) -> None:
        later = ""
        if meant is not None and error.code in ("model_failed", "trial_failed"):
            self._pause = min(2 * self._pause, _MOST) if meant == self._failed else 2 * LOOK
            self._failed, self._again = meant, self._now() + self._pause
            later = f"; it is tried again in {self._pause / 60:.0f} min"
        version = "" if meant is None else f"version {meant}: "
        text = f"affekt: {self.reference} could not be followed: {version}{error}{later}"
        print(text, file=sys.stderr, flush=True)
