"""The pages with the timelines of videos: tried before the work, written once the answers are shown."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from affekt.errors import AffektError, as_affekt_error, naming
from affekt.pipelines.cli.outputs import check_output
from affekt.pipelines.cli.remarks import remark
from affekt.storage import is_remote


class Timelines:
    """Pages beside videos. One that cannot be written is told at once, and keeps no answer from being given.

    Attributes:
        lost: why the pages of some videos cannot be written, by the names of the videos.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.lost: dict[str, AffektError] = {}
        for name in dict.fromkeys(names):
            if is_remote(name):
                remark(f"{name}: no page with the timeline, which stands beside a video of this machine")
            elif Path(name).is_file():
                self._tell(name, lambda page: check_output(str(page)))

    def write(self, results: Sequence[Mapping[str, Any]], model: str) -> None:
        """Write a page for each video with windows among the answers.

        Args:
            results: the answers, with ``from`` and ``to``.
            model: the reference that answered.
        """
        from affekt.report.timeline import write_timeline  # heavy: jinja2, and only --every needs it

        for name in dict.fromkeys(result["file"] for result in results if "from" in result):
            if is_remote(name) or name in self.lost:
                continue
            windows = [result for result in results if result["file"] == name and "from" in result]
            if self._tell(name, lambda page: write_timeline(page, Path(name), windows, model)):  # noqa: B023  at once
                remark(f"timeline: {_page(name)}")

    def _tell(self, name: str, act: Any) -> bool:
        """Whether something could be done to the page of a video; if not, say why."""
        try:
            with naming(_page(name)):
                act(_page(name))
        except OSError as error:
            self.lost[name] = as_affekt_error(error)
            print(f"affekt: {self.lost[name]}", file=sys.stderr)
            return False
        return True


def _page(name: str) -> Path:
    return Path(f"{name}.html")
