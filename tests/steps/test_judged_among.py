"""Among which labels clips of several data sets are judged where the model did not learn all that these have."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from affekt.dataset.several import joined
from affekt.fusion import FusionKey
from affekt.score_table import ScoreTable
from affekt.settings import load_settings
from affekt.steps.evaluate_model import evaluate_model

LABELS = ("angry", "happy", "sad")
MODULE = "affekt.steps.evaluate_model"


@pytest.fixture
def always_angry(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """A model of three labels that answers the first of them."""

    def score(ensemble, index, store, features=None):
        vectors = np.tile([[0.6, 0.3, 0.1]], (len(index), 1))
        names = tuple(row.clip for row in index)
        truth = np.array([LABELS.index(row.label) if row.label in LABELS else -1 for row in index])
        subjects = tuple(row.subject for row in index)
        return ScoreTable(names, LABELS, ("m",), vectors[:, None], truth, subjects, ("",) * len(names)), vectors

    monkeypatch.setattr(f"{MODULE}.score_index", score)
    monkeypatch.setattr(f"{MODULE}.face_of", lambda clip: b"")
    settings = load_settings("small", ["evaluation.bootstrap=100"])
    return SimpleNamespace(
        labels=LABELS, known=(), settings=settings, adapts=False, unlike=lambda scores: None, folder=tmp_path,
        manifest={"members": []},
    )  # fmt: skip


def test_a_set_of_which_one_label_alone_was_learned_is_judged_among_all(always_angry, sample_clips, tmp_path):
    with (sample_clips / "manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    one = [row for row in rows if row["label"] in ("angry", "sad")]
    two = [row for row in rows if row["label"] in ("happy", "fear")]
    for name, lines in (("one.csv", one), ("two.csv", two)):
        told = [f"{sample_clips / row['path']},{row['label']},{row['subject']}" for row in lines]
        (tmp_path / name).write_text("\n".join(["path,label,subject", *told]), encoding="utf-8")
    places = joined([str(tmp_path / "one.csv"), str(tmp_path / "two.csv")])
    found = evaluate_model(always_angry, places, tmp_path / "store", model="m").evaluation
    assert FusionKey.parse(found.chosen).method == always_angry.settings.fusion.method
    happy = found.by_attribute["dataset"]["two"]
    assert (happy.clips, happy.accuracy) == (3, 0.0)


def test_a_data_set_without_clips_of_the_split_is_told(always_angry, sample_clips, tmp_path, caplog):
    with (sample_clips / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] in ("angry", "sad")]
    for name, split in (("one.csv", "val"), ("two.csv", "")):
        told = [f"{sample_clips / row['path']},{row['label']},{row['subject']},{split}" for row in rows]
        (tmp_path / name).write_text("\n".join(["path,label,subject,split", *told]), encoding="utf-8")
    places = joined([str(tmp_path / "one.csv"), str(tmp_path / "two.csv")])
    evaluate_model(always_angry, places, tmp_path / "store", model="m", split="val")
    assert "two has no clip of the split val: no figure is of it" in caplog.text
