"""Shows a running pipeline: one line a step with its time, and below it what the step is at."""

from __future__ import annotations

import re
import shutil
import sys
from typing import TextIO

from affekt.steps.step import DONE

_ENDED = re.compile(rf"^{DONE} ([\d.]+) s$")
#: Width of the step's name.
_NAME = 15


class StepLines:
    """Called with step and text; on a terminal the line of the running step is rewritten in place."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._last: dict[str, str] = {}

    def __call__(self, step: str, text: str) -> None:
        if ended := _ENDED.match(text):
            self._finish(step, f"{float(ended[1]):7.1f} s")
            return
        self._last[step] = text
        if self._live:
            self._write(f"\r\x1b[K{step:<{_NAME}}       …   {text}"[: shutil.get_terminal_size().columns + 3])
        else:
            self._write(f"{'':<{_NAME}}           | {text}\n")

    def _finish(self, step: str, seconds: str) -> None:
        clear = "\r\x1b[K" if self._live else ""
        summary = self._last.get(step, "") if self._live else ""
        self._write(f"{clear}{step:<{_NAME}} {seconds}  {summary}".rstrip() + "\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
