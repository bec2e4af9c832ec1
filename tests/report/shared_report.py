"""An evaluation to report on, and its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from affekt.fusion import FusionKey
from affekt.media.prepared import SkippedClip
from affekt.report.document import Evaluation
from affekt.report.evaluation import evaluate_table
from affekt.report.page import write_report
from affekt.report.report import Report
from affekt.score_table import ScoreTable
from affekt.settings import load_settings

SETTINGS = load_settings("small", ["evaluation.bootstrap=100"])
LABELS = ("angry", "happy", "sad")
MODELS = ("vgg", "c3d", "bilstm", "random_forest", "svc")


def evaluation(models: tuple[str, ...] = MODELS, **fused: str) -> Evaluation:
    """Thirty clips of three people; the fused vectors are the models' mean."""
    rng = np.random.default_rng(1)
    truth = np.arange(30) % 3
    scores = rng.dirichlet(np.ones(3), (30, len(models)))
    scores[np.arange(30), :, truth] += 0.1
    table = ScoreTable(
        tuple(f"clips/{i:02d}.mp4" for i in range(30)), LABELS, models, scores / scores.sum(axis=2, keepdims=True),
        truth, tuple("abc"[i // 10] for i in range(30)), ("val",) * 30,
    )  # fmt: skip
    mean = table.scores.mean(axis=1)
    names = fused.values() or ["average"]
    skipped = [SkippedClip("bad.mp4", "unreadable", "the file <b>ends</b> early")]
    fusions = {FusionKey.parse(name): mean for name in names}
    return evaluate_table(table, fusions, next(iter(names)), skipped, SETTINGS.evaluation)


def written(tmp_path: Path, **arguments: Any) -> str:
    write_report(tmp_path / "deep" / "report.html", Report(**arguments))
    return (tmp_path / "deep" / "report.html").read_text(encoding="utf-8")
