"""Shows a running pipeline: one line a step with its time, and below it what the step is at."""

from __future__ import annotations

import math
import shutil
import sys
import time
from typing import TextIO

from affekt import events
from affekt.errors import printable
from affekt.pipelines.cli.colours import painted
from affekt.progress import PLAIN_INTERVAL, heard, on_terminal

#: Width of the step's name.
_NAME = 15


class StepLines:
    """Called with each event of a run; on a terminal the line of what runs is rewritten in place.

    Steps run side by side: elsewhere a step's name stands before its lines where another spoke before it.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = on_terminal(self._stream)
        self._last: dict[str, str] = {}
        self._progress: dict[str, float] = {}
        self._spoke = ""

    def __call__(self, event: events.Event) -> None:
        match event:
            case events.Done(seconds=seconds):
                self._finish(event.step, f"{seconds:7.1f} s")
            case events.Text(text=said):
                text = printable(said, lines=True)
                self._last[event.step] = text
                self._show(event.step, text)
            case events.Progress():
                if self._live or time.monotonic() - self._progress.get(event.step, -math.inf) >= PLAIN_INTERVAL:
                    self._progress[event.step] = time.monotonic()
                    self._show(event.step, str(event))
            case events.Error():
                self._finish(event.step, "stopped" if event.stopped else "failed")

    def _show(self, step: str, text: str) -> None:
        if self._live:
            line = " ".join(text.split())
            self._write(f"\r\x1b[K{step:<{_NAME}}       …   {line}"[: shutil.get_terminal_size().columns + 3])
        else:
            name = "" if step == self._spoke else step
            self._spoke = step
            self._write(f"{name:<{_NAME}}           | {text}\n")

    def _finish(self, step: str, outcome: str) -> None:
        self._spoke = ""
        clear = "\r\x1b[K" if self._live else ""
        summary = self._last.get(step, "") if self._live else ""
        shown = painted(f"{outcome:>9}", "red", self._stream) if outcome == "failed" else f"{outcome:>9}"
        self._write(f"{clear}{step:<{_NAME}} {shown}  {summary}".rstrip() + "\n")

    def _write(self, text: str) -> None:
        if not heard():
            return
        self._stream.write(text)
        self._stream.flush()
