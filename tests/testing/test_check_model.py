"""Every installed model keeps the contract of models, and the check sees it when one does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affekt.extensions import model as listing
from affekt.extensions import model_names, model_spec
from affekt.models.member import Scored
from affekt.score_table import ScoreTable
from affekt.testing import ConformanceError, check_model
from affekt.training.given import Given

SMALL = (
    "vgg.width=0.02", "vgg.input_size=32", "vgg.batch_size=8", "vgg.base_iterations=2", "vgg.iterations=3",
    "vgg.frames_per_clip=4", "vgg.learning_rate=0.05",
    "c3d.width=0.02", "c3d.input_size=32", "c3d.batch_size=3", "c3d.base_iterations=2", "c3d.iterations=2",
    "c3d.windows_per_clip=1",
    "bilstm.hidden=4", "bilstm.time_steps=8", "bilstm.batch_size=4", "bilstm.iterations=3",
    "joint.projection=4", "joint.hidden=4", "joint.time_steps=8", "joint.batch_size=4", "joint.iterations=3",
    "random_forest.trees=10", "random_forest.min_samples_split=2", "svc.c_candidates=[0.1]",
)  # fmt: skip


@pytest.mark.parametrize("name", model_names())
def test_every_installed_model_keeps_the_contract(name: str, encoders: tuple[str, ...]) -> None:
    check_model(name, (*SMALL, *encoders))


def changed(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Given, ScoreTable], ScoreTable], name: str = "svc"
) -> None:
    """Let the model's training give another table than it should."""
    from affekt.training import voice

    original = voice.train_svc
    monkeypatch.setattr(voice, "train_svc", lambda given: change(given, original(given)))


def with_scores(table: ScoreTable, scores: np.ndarray) -> ScoreTable:
    return ScoreTable(table.clips, table.labels, table.models, scores, table.truth, table.subjects, table.splits)


def leaking(given: Given, table: ScoreTable) -> ScoreTable:
    scores = table.scores.copy()
    for row, truth in enumerate(table.truth):
        if table.available[row, 0] and table.splits[row] == "train":
            scores[row, 0] = 0.9 * scores[row, 0] + 0.1 * np.eye(len(table.labels))[truth]
    return with_scores(table, scores)


calls = iter(range(1000))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (leaking, "should not reach that person's own out-of-fold scores"),
        (lambda given, table: with_scores(table, table.scores * 2), "should sum to one"),
        (lambda given, table: table.rows(np.arange(len(table)) > 0), "a row for every clip"),
        (lambda given, table: with_scores(table, np.nan_to_num(table.scores, nan=1 / 3)), "and has a score"),
        (
            lambda given, table: with_scores(table, np.roll(table.scores, next(calls) % 2, axis=2)),
            "equal scores to the last bit|answer as the score table says",
        ),
    ],
)
def test_a_model_that_breaks_a_promise_is_told_which(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Given, ScoreTable], ScoreTable], says: str
) -> None:
    changed(monkeypatch, change)
    with pytest.raises(ConformanceError, match=says):
        check_model("svc", SMALL)


def test_a_member_that_answers_without_what_it_looks_at_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from affekt.models import voice

    original = voice.load

    def load(folder: Path, needs: Any, hardware: Any) -> Any:
        member = original(folder, needs, hardware)
        answer = member.score
        member.score = lambda clip, needed=None: answer(clip) if clip.voice else Scored(np.full(3, 1 / 3))  # type: ignore[method-assign]
        return member

    monkeypatch.setattr(voice, "load", load)
    with pytest.raises(ConformanceError, match="lacks what it looks at, and is answered"):
        check_model("svc", SMALL)


def test_a_member_of_faces_that_listens_all_the_same_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from affekt.models.vgg import member as module

    original = module.load

    def load(folder: Path, needs: Any, hardware: Any) -> Any:
        member = original(folder, needs, hardware)
        answer = member.score
        member.score = lambda clip, needed=None: answer(clip) if clip.voice else Scored(np.eye(3)[0], {})  # type: ignore[method-assign]
        return member

    monkeypatch.setattr(module, "load", load)
    with pytest.raises(ConformanceError, match="answer as well while the voice is listened to"):
        check_model("vgg", SMALL)


def test_a_member_of_voices_that_looks_all_the_same_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from affekt.models import voice

    original = voice.load

    def load(folder: Path, needs: Any, hardware: Any) -> Any:
        member = original(folder, needs, hardware)
        answer = member.score
        member.score = lambda clip, needed=None: answer(clip) if len(clip.times) else Scored(np.eye(3)[0], {})  # type: ignore[method-assign]
        return member

    monkeypatch.setattr(voice, "load", load)
    with pytest.raises(ConformanceError, match="answer as well while faces are searched"):
        check_model("svc", SMALL)


@pytest.mark.parametrize(
    ("drawn", "says"),
    [
        (lambda: b"GIF89a", "should be PNG files"),
        (lambda: b"\x89PNG\r\n\x1a\n%d" % next(calls), "should be the same each time"),
    ],
)
def test_an_explainer_that_breaks_a_promise_is_told_which(
    monkeypatch: pytest.MonkeyPatch, drawn: Callable[[], bytes], says: str
) -> None:
    class Drawing:
        labels = ("angry", "happy", "neutral")

        def __init__(self, folder: Path) -> None:
            self.grad_cam = self.class_model = lambda *_, **__: drawn()

    monkeypatch.setattr("affekt.testing.model.named", lambda reference, what: Drawing)
    explained = dataclasses.replace(model_spec("svc"), explain="anything")
    monkeypatch.setattr("affekt.testing.model.model_spec", lambda name: explained)
    with pytest.raises(ConformanceError, match=f"^model 'svc': what its explainer draws for angry {says}"):
        check_model("svc", SMALL)


def test_an_unknown_model_lists_those_that_there_are() -> None:
    with pytest.raises(listing.DataError, match="unknown model 'wav2vec'; expected one of vgg"):
        check_model("wav2vec")


def test_a_models_order_follows_its_needs() -> None:
    names = model_names()
    assert all(names.index(needed) < names.index(name) for name in names for needed in model_spec(name).needs)
