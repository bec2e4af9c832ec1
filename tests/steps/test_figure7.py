"""Figure 7 shows whatever models say that they can be explained, and no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affekt.extensions import model_spec
from affekt.media import PreparedIndex
from affekt.steps import evaluation_folder
from affekt.steps.evaluation_folder import FIGURE7, draw_figure7
from affekt.store.entries import Store


class Drawing:
    """An explainer of a model that nobody of affekt's has written."""

    labels = ("happy", "sad")

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def class_model(self, label: str, *, iterations: int) -> bytes:
        return f"{self.folder.name} {label}".encode()

    def grad_cam(self, face: np.ndarray, label: str) -> bytes:
        return b""


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_settings):
    """Call with the models that can be explained and the ensemble's members: the pictures by name."""

    def draw(explained: set[str], members: tuple[str, ...]) -> dict[str, bytes]:
        explain = f"{__name__}:Drawing"
        monkeypatch.setattr(
            evaluation_folder,
            "model_spec",
            lambda name: replace(model_spec(name), explain=explain if name in explained else ""),
        )
        store = Store(tmp_path / "store", tiny_settings.media)
        draw_figure7(tmp_path, {name: tmp_path / name for name in members}, PreparedIndex(()), store)
        return {file.stem: file.read_bytes() for file in (tmp_path / FIGURE7).glob("*")}

    return draw


def test_a_model_that_is_explained_is_drawn_whatever_its_name(drawn):
    assert drawn({"svc"}, ("svc", "vgg")) == {
        "happy, the network's own picture": b"svc happy",
        "sad, the network's own picture": b"svc sad",
    }


def test_of_several_models_each_picture_names_its_own(drawn):
    names = set(drawn({"vgg", "c3d"}, ("vgg", "c3d")))
    assert names == {
        f"{model}, {label}, the network's own picture"
        for model in ("VGG", "Convolutional 3D")
        for label in Drawing.labels
    }


def test_without_such_a_model_there_is_no_figure(drawn):
    assert drawn(set(), ("svc", "vgg")) == {}
