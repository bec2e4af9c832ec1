"""The training of one visual member: its stages one after the other, what they report, and the files it leaves."""

from __future__ import annotations

import csv
import dataclasses
import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.models.hardware import Hardware
from affekt.models.member import Scored
from affekt.models.model_folder import save_model
from affekt.progress import Progress
from affekt.score_table import ScoreTable
from affekt.training.checkpoints import Checkpoints, Stage
from affekt.training.distributed import World
from affekt.training.face_clips import FaceClips
from affekt.training.given import Given
from affekt.training.loop import train
from affekt.training.out_of_fold import Fold, accuracies, score_table
from affekt.training.throughput import COLUMNS

logger = logging.getLogger(__name__)


class MemberTraining:
    """The training of one member: its stages one after the other, what they report, and the files it leaves.

    Of several processes all train and score; the first one reports and writes.
    """

    def __init__(self, given: Given) -> None:
        given.out.mkdir(parents=True, exist_ok=True)
        settings = given.settings
        self.world = World.here()
        self.member, self.settings, self.labels, self.out = given.member, settings, given.labels, given.out
        self.given, self.clips = given, FaceClips(given)
        self.log = given.log if self.world.first else None
        self.checkpoints = Checkpoints(given.checkpoints or given.out / "checkpoints")
        self.hardware = Hardware.choose(settings.device, settings.precision, settings.compile)
        self.on_accelerator = self.hardware.device.type != "cpu"
        self.scores: dict[int, np.ndarray | None] = {}
        self._history: list[dict[str, Any]] = []
        self._facts: dict[str, float] = {}

    def train(self, network: Any, batches: Any, group: Any, name: str, key: str, *, lasting: bool = False) -> None:
        """Train a stage in place, from its checkpoint where it has one."""
        stage = Stage(f"{self.member} {name}", key, self.settings.seed, self.checkpoints, lasting)
        for row in train(network, batches, group, stage, self.hardware, self.log):
            self._history.append({"model": self.member, "stage": key, **row})
        self._write_history()

    def note(self, key: str, figures: dict[str, float]) -> None:
        """Keep figures of a stage for ``model.json`` and report them."""
        self._facts.update({f"{key}_{name}": value for name, value in figures.items()})
        if figures and self.log:
            self.log({f"{key}.{name}": value for name, value in figures.items()}, 0)
        for name, value in figures.items():
            logger.info("%s %s: %s %.3f", self.member, key, name, value)

    def save(self, fold: Fold, network: Any, preprocessing: Any, group: Any, facts: dict[str, Any]) -> None:
        """Write the network of a fold, with its description."""
        if not self.world.first:
            return
        settings = {**dataclasses.asdict(group), "seed": self.settings.seed}
        save_model(
            fold.folder(self.out), self.member, network, labels=self.labels, preprocessing=preprocessing,
            settings=settings, facts={**facts, **(self._facts if fold.final else {})},
        )  # fmt: skip

    def save_base(self, name: str, network: Any, preprocessing: Any, group: Any) -> None:
        """Write the network that all folds start from, below the member's folder."""
        if self.world.first:
            settings = {**dataclasses.asdict(group), "seed": self.settings.seed}
            told = {"labels": self.labels, "preprocessing": preprocessing, "settings": settings}
            save_model(self.out / name, self.member, network, **told)

    def score(self, fold: Fold, scorer: Callable[[PreparedClip], Scored]) -> None:
        """Score the fold's rows, each process some of them; a clip without a face gets None."""
        self.score_rows(fold, lambda row, clip: scorer(clip))

    def score_rows(self, fold: Fold, scorer: Callable[[int, PreparedClip], Scored]) -> None:
        """The same by a scorer that asks for the number of the row, too."""
        mine: dict[int, np.ndarray | None] = {}
        rows = fold.scores[self.world.rank :: self.world.size]
        with Progress(f"{self.member} {fold.name}: scores", len(rows)) as progress:
            for row in rows:
                known = self.given.index.rows[row].frames_with_face > 0
                mine[int(row)] = scorer(int(row), self.clips.prepared(row)).vector if known else None
                progress.advance()
        for scores in self.world.gathered(mine):
            self.scores.update(scores)

    def finish(self, table: ScoreTable | None = None) -> ScoreTable:
        """Write the score table, that of the scored clips by default, report accuracies, remove the checkpoints."""
        table = score_table(self.given, self.scores) if table is None else table
        if not self.world.first:
            return table
        table.write(self.out / "scores.csv")
        figures = accuracies(table)
        if figures and self.log:
            self.log(figures, 0)
        logger.info("%s: %s", self.member, ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
        self.checkpoints.clear()
        return table

    def _write_history(self) -> None:
        if not self.world.first:
            return
        with (self.out / "history.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["model", "stage", *COLUMNS])
            writer.writeheader()
            for row in self._history:
                writer.writerow(
                    {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()}
                )
