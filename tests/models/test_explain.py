"""Grad-CAM and class models say something about the network that they explain."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from affekt.models.hardware import Hardware
from affekt.models.preprocessing import Preprocessing
from affekt.models.vgg.explain import Explainer
from affekt.models.vgg.member import VggMember
from affekt.models.vgg.network import VGG16, initialise

LABELS = ("angry", "happy", "neutral")
SIZE = 40


def explainer(input_size: int = 48, *, batch_norm: bool = False) -> Explainer:
    torch.manual_seed(0)
    network = VGG16(width=0.05, input_size=input_size, classes=len(LABELS), batch_norm=batch_norm)
    initialise(network)
    return Explainer(network, Preprocessing(input_size), LABELS)


def face() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)


def picture_of(png: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    return picture


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("input_size", [32, 48, 112])
def test_heat_lies_on_the_part_of_the_face_that_the_network_sees(input_size: int, batch_norm: bool) -> None:
    heats = np.stack([explainer(input_size, batch_norm=batch_norm).heat(face(), label) for label in LABELS])
    assert heats.shape == (3, SIZE, SIZE)
    assert heats.min() == 0 and heats.max() == pytest.approx(1)
    assert (heats[:, 0] == 0).all()  # outside the centre crop


def test_heat_without_a_label_is_about_the_networks_own_answer() -> None:
    explaining = explainer()
    scorer = VggMember(
        explaining.network, explaining.preprocessing, Hardware.choose("cpu"), labels=LABELS, frames_per_clip=1,
        mirror=False,
    )  # fmt: skip
    answer = LABELS[int(scorer.look(face()[None], mirrored=False)[1].argmax())]
    assert np.array_equal(explaining.heat(face()), explaining.heat(face(), answer))


def test_grad_cam_is_a_picture_of_the_face_with_the_heat_over_it() -> None:
    assert picture_of(explainer().grad_cam(face())).shape == (SIZE, SIZE, 3)


def test_a_class_model_is_a_picture_that_the_network_takes_for_the_label() -> None:
    explaining = explainer()
    whole = Preprocessing(48, crops=(1.0,))  # class models show all that the network sees
    scorer = VggMember(
        explaining.network, whole, Hardware.choose("cpu"), labels=LABELS, frames_per_clip=1, mirror=False
    )

    def probability(picture: np.ndarray, label: str) -> float:
        pictures = np.repeat(picture[None, :, :, None], 3, axis=3)
        return float(scorer.look(pictures, mirrored=False)[1][0, 0, LABELS.index(label)])

    models = {label: picture_of(explaining.class_model(label, iterations=60)) for label in LABELS}
    for label in LABELS:
        assert max(LABELS, key=lambda other: probability(models[other], label)) == label
