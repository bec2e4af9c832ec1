"""The figures of the report, drawn for real."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import cv2
import matplotlib
import numpy as np
import pytest

from affekt.dataset import LABELS
from affekt.report import figures
from affekt.report.thumbnails import thumbnail
from affekt.statistics.metrics import CalibrationBin

BINS = [CalibrationBin(0.3, 0.4, 4, confidence=0.35, accuracy=0.5)]


def history(path: Path, rows: list[str], columns: str = "model,step,loss,stage") -> Path:
    path.write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """Every figure in every form."""
    curve = history(
        tmp_path_factory.mktemp("history") / "history.csv", [f"vgg,{i},{2 - i / 100},all" for i in range(100)]
    )
    found: dict[str, dict[str, bytes]] = {}
    for form in ("svg", "png"):
        image = figures.learning_curve(curve, form=form)
        assert image is not None
        found[form] = {
            "confusion": figures.confusion_matrix(np.eye(7, dtype=int).tolist(), LABELS, form=form),
            "reliability": figures.reliability(BINS, form=form),
            "balance": figures.class_balance(dict.fromkeys(LABELS, 3), form=form),
            "curve": image,
        }
    return found


def test_svg_is_well_formed_and_png_opens(drawn: dict[str, dict[str, bytes]]) -> None:
    for image in drawn["svg"].values():
        assert ElementTree.fromstring(image).tag.endswith("svg")
    for image in drawn["png"].values():
        picture = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
        assert min(picture.shape[:2]) > 200


def test_figures_need_no_network_and_no_font(drawn: dict[str, dict[str, bytes]]) -> None:
    for image in drawn["svg"].values():
        assert b"<text" not in image
        assert not re.search(rb'href="http', image)


def test_the_same_figure_has_the_same_bytes() -> None:
    assert figures.class_balance({"happy": 1}) == figures.class_balance({"happy": 1})


def test_drawing_makes_no_folders_among_the_person_s_own(tmp_path: Path) -> None:
    code = "import os; from affekt.report import drawing; drawing.figures(); print(os.environ.get('MPLCONFIGDIR'))"
    mine, state = tmp_path / "mine", tmp_path / "state"
    mine.mkdir()
    environment = {"HOME": str(mine), "AFFEKT_HOME": str(state), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "None\n"
    assert list(mine.iterdir()) == []
    assert (state / "cache" / "matplotlib").is_dir()


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    before = dict(matplotlib.rcParams)
    figures.class_balance({"happy": 1})
    assert dict(matplotlib.rcParams) == before


def test_threads_may_draw() -> None:
    expected = figures.class_balance({"happy": 1, "sad": 2})
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: figures.class_balance({"happy": 1, "sad": 2}), range(4)))
    assert set(found) == {expected}


def test_clips_without_an_answer_are_a_column_of_their_own() -> None:
    plain = figures.confusion_matrix([[1, 0], [0, 1]], ("happy", "sad"), form="png")
    wider = figures.confusion_matrix([[1, 0], [0, 1]], ("happy", "sad"), no_answer=[0, 2], form="png")
    width = [cv2.imdecode(np.frombuffer(image, np.uint8), 0).shape[1] for image in (plain, wider)]
    assert width[1] > width[0]


def test_each_stage_of_a_history_is_a_line(tmp_path: Path) -> None:
    path = history(tmp_path / "h.csv", ["vgg,0,2.0,base", "vgg,10,1.5,base", "vgg,0,1.4,fold 0", "vgg,5,,fold 0"])
    assert figures.read_history(path) == {"base": ([0.0, 10.0], [2.0, 1.5]), "fold 0": ([0.0], [1.4])}


def test_a_history_without_stages_is_one_line(tmp_path: Path) -> None:
    path = history(tmp_path / "h.csv", ["0,2.0", "1,1.0", "2,nan"], columns="step,loss")
    assert figures.read_history(path) == {"": ([0.0, 1.0], [2.0, 1.0])}


def test_a_history_without_a_loss_draws_nothing(tmp_path: Path) -> None:
    assert figures.learning_curve(history(tmp_path / "h.csv", [], columns="step,accuracy")) is None


def test_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="svg or png"):
        figures.class_balance({"happy": 1}, form="gif")


def test_a_thumbnail_keeps_colours_and_is_small() -> None:
    red = np.zeros((256, 256, 3), dtype=np.uint8)
    red[..., 0] = 200
    data = thumbnail(red)
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (128, 128, 3)
    assert picture[64, 64].tolist() == pytest.approx([0, 0, 200], abs=6)  # OpenCV's order is blue, green, red
    assert len(data) < 4000


def test_a_small_face_is_not_enlarged() -> None:
    picture = cv2.imdecode(np.frombuffer(thumbnail(np.zeros((48, 40, 3), dtype=np.uint8)), np.uint8), 0)
    assert picture.shape == (48, 40)


@pytest.mark.parametrize("face", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_a_thumbnail_of_something_else_is_an_error(face: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        thumbnail(face)
