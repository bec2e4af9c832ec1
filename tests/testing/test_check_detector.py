"""Every installed detector keeps the contract of detectors, and the check sees it when one does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affekt.extensions import DetectorSpec, detector_names, detector_spec
from affekt.media.boxes import Box, Found
from affekt.media.detectors.haar import Haar
from affekt.media.detectors.yunet import YuNet
from affekt.media.view import View
from affekt.testing import ConformanceError, check_detector


@pytest.mark.parametrize("name", [name for name in detector_names() if not detector_spec(name).weights])
def test_every_installed_detector_without_weights_keeps_the_contract(name: str) -> None:
    check_detector(name)


def test_yunet_keeps_the_contract(shared_data: Path) -> None:
    check_detector("yunet", shared_data / "models" / "yunet_n_640_640.onnx")


def test_weights_that_a_detector_needs_are_asked_for() -> None:
    with pytest.raises(ConformanceError, match="needs the weights of YuNet"):
        check_detector("yunet")


class Everywhere(Haar):
    def search(self, view: View) -> list[Found]:
        return [Found(Box(0, 0, *view.size), 1.0)]


class Blind(Haar):
    def search(self, view: View) -> list[Found]:
        return []


class Bare(Haar):
    def search(self, view: View) -> list[Found]:
        return [Found(Box(f.box.left, f.box.top, f.box.width / 2, f.box.height / 2), f.score) for f in self._all(view)]

    def _all(self, view: View) -> list[Found]:
        return super().search(view)


class Votes(Bare):
    def search(self, view: View) -> list[Found]:
        return [Found(found.box, found.score * 100) for found in self._all(view)]


class Doubtful(Haar):
    def confirms(self, view: View, found: Found) -> bool:
        return False


class Losing(Haar):
    def search_near(self, view: View, box: Box) -> Found | None:
        return None


class Painting(Haar):
    def search(self, view: View) -> list[Found]:
        found = super().search(view)
        for item in found:
            view.grey.flags.writeable = True
            view.grey[int(item.box.top)] = 0
        return found


class Tiring(Bare):
    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def search(self, view: View) -> list[Found]:
        self.asked += 1
        return [Found(found.box, found.score / self.asked) for found in self._all(view)]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (Everywhere, "in a black picture it should find no face"),
        (Blind, "should find the one face of a photograph"),
        (Bare, "should be that of the face"),
        (Votes, "a score from 0 to 1"),
        (Doubtful, "should confirm the face"),
        (Losing, "find the face again near its box"),
        (Painting, "leave the picture as it was"),
        (Tiring, "the same picture should always give the same faces"),
        (object, "should have a method search"),
    ],
)
def test_a_detector_that_breaks_a_promise_is_told_which(monkeypatch, kind: type, says: str) -> None:
    spec = DetectorSpec("mine", "Mine", lambda settings: kind())
    monkeypatch.setattr("affekt.testing.detector.detector_spec", lambda name: spec)
    with pytest.raises(ConformanceError, match=f"^detector 'mine': .*{says}"):
        check_detector("mine")


@pytest.mark.parametrize("size", [(16, 640), (32, 320), (4, 320), (640, 16)])
def test_yunet_answers_the_same_to_a_thin_picture_whatever_lies_in_memory(
    shared_data: Path, size: tuple[int, int]
) -> None:
    weights = str(shared_data / "models" / "yunet_n_640_640.onnx")
    network = YuNet(weights)
    random = np.random.default_rng(0)
    picture = random.integers(0, 255, (*size, 3), dtype=np.uint8)
    answers = []
    for _ in range(12):
        litter = [random.random(int(random.integers(1_000, 400_000)), np.float32) * 1e3 for _ in range(6)]
        del litter
        _, rows = network._detected(picture)
        answers.append(b"" if rows is None else rows.tobytes())
    assert len(set(answers)) == 1
