"""A year that goes on after an interruption: what is done stays, a week that was cut off is done from its start."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from year_plan import Row, week
from year_verdicts import Outcome

#: What a week that is cut off may leave: prepared clips are the same whoever prepares them.
_STAYS = ("store", "kept")


class Kept:
    """The weeks that were done in a home, and the state of its registry behind the last of them.

    Args:
        home: of registry and store.
        clips: of which the weeks are made.
    """

    def __init__(self, home: Path, clips: dict[str, list[Row]]) -> None:
        self.home, self.clips, self.folder = home, clips, home / "kept"

    def done(self) -> tuple[list[Outcome], float, float]:
        """The weeks, with the seconds and the processor's seconds that they took; the home is as they left it."""
        if not (self.folder / "weeks.json").exists():
            if any(self._files()):
                raise SystemExit(f"{self.home}: holds something else than a year; name another folder")
            self.keep([], 0.0, 0.0)
        said = json.loads((self.folder / "weeks.json").read_text(encoding="utf-8"))
        there = set(said["files"])
        for path in list(self._files()):
            if str(path.relative_to(self.home)) not in there:
                path.unlink()
        for suffix in ("-wal", "-shm", "-journal"):
            (self.home / f"mlflow.db{suffix}").unlink(missing_ok=True)
        if said["weeks"]:
            shutil.copyfile(self.folder / said["database"], self.home / "mlflow.db")
        weeks = [Outcome(**{**one, "week": week(one["week"], self.clips)}) for one in said["weeks"]]
        return weeks, said["seconds"], said["processor"]

    def keep(self, weeks: list[Outcome], seconds: float, processor: float) -> None:
        """After a week."""
        self.folder.mkdir(exist_ok=True)
        database = f"mlflow-{len(weeks)}.db"
        with (
            closing(sqlite3.connect(self.home / "mlflow.db")) as now,
            closing(sqlite3.connect(self.folder / database)) as kept,
        ):
            now.backup(kept)
        text = json.dumps({
            "weeks": [{**asdict(one), "week": one.week.number} for one in weeks], "seconds": seconds,
            "processor": processor, "database": database,
            "files": sorted(str(path.relative_to(self.home)) for path in self._files()),
        })  # fmt: skip
        (self.folder / "weeks.json.new").write_text(text, encoding="utf-8")
        (self.folder / "weeks.json.new").replace(self.folder / "weeks.json")
        for older in self.folder.glob("mlflow-*.db"):
            if older.name != database:
                older.unlink()

    def _files(self) -> Iterator[Path]:
        """What weeks change."""
        for path in self.home.rglob("*"):
            if path.is_file() and path.relative_to(self.home).parts[0] not in _STAYS:
                yield path
