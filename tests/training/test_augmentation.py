"""Section 3.2: corner and centre crops with separately drawn sides, and mirror images."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
import torch

from affekt.models.preprocessing import Preprocessing
from affekt.training.augmentation import DRIFT, ERASED, Distortions, drifting_crops, random_crops


def smooth_picture(rng: np.random.Generator, size: int, channels: int = 3) -> np.ndarray:
    noise = rng.uniform(0, 255, (size // 8, size // 8, channels)).astype(np.float32)
    return cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def test_width_and_height_are_drawn_separately_from_the_papers_sides() -> None:
    crops = random_crops(np.random.default_rng(0), 2000, 256)
    assert {(w, h) for w, h in crops[:, 2:4].tolist()} == set(itertools.product((224, 192, 168), repeat=2))


def test_crops_lie_in_the_four_corners_and_in_the_centre() -> None:
    size = 256
    crops = random_crops(np.random.default_rng(0), 2000, size)
    right, bottom = size - crops[:, 2], size - crops[:, 3]
    places = {
        "left top": (crops[:, 0] == 0) & (crops[:, 1] == 0),
        "right top": (crops[:, 0] == right) & (crops[:, 1] == 0),
        "left bottom": (crops[:, 0] == 0) & (crops[:, 1] == bottom),
        "right bottom": (crops[:, 0] == right) & (crops[:, 1] == bottom),
        "centre": (crops[:, 0] == right // 2) & (crops[:, 1] == bottom // 2),
    }
    assert np.stack(list(places.values())).sum(axis=0).tolist() == [1] * len(crops)
    for name, where in places.items():
        assert where.mean() == pytest.approx(1 / 5, abs=0.04), name


def test_every_other_picture_is_mirrored() -> None:
    assert random_crops(np.random.default_rng(0), 2000, 256)[:, 4].mean() == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("size", [32, 48, 96, 97, 256])
def test_crops_stay_inside_pictures_of_any_size(size: int) -> None:
    crops = random_crops(np.random.default_rng(0), 500, size)
    assert (crops[:, :2] >= 0).all()
    assert (crops[:, :2] + crops[:, 2:4] <= size).all()


def test_the_same_seed_draws_the_same_crops() -> None:
    first, second = (random_crops(np.random.default_rng(7), 20, 96) for _ in range(2))
    assert np.array_equal(first, second)


def drifted(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Two hundred crops, and how they drift over sixteen frames."""
    rng = np.random.default_rng(5)
    crops = random_crops(rng, 200, size)
    return crops, drifting_crops(rng, crops, size, 16)


def test_a_drift_begins_with_its_crop_and_is_even() -> None:
    crops, moving = drifted(96)
    assert (crops.dtype.kind, moving.dtype) == ("i", np.float32)  # whole pixels, and between them
    assert np.array_equal(moving[:, 0], crops)
    assert np.abs(np.diff(moving, n=2, axis=1)).max() < 1e-4
    assert (np.abs(moving[:, -1, :4] - crops[:, :4]).max(axis=1) > 0).all()


@pytest.mark.parametrize("size", [48, 96, 256])
def test_a_drift_is_slight_and_stays_inside_the_picture(size: int) -> None:
    _, moving = drifted(size)
    edges = np.concatenate([moving[..., :2], moving[..., :2] + moving[..., 2:4]], axis=2)
    assert edges.min() >= 0 and edges.max() <= size + 1e-4
    assert np.abs(edges[:, -1] - edges[:, 0]).max() <= DRIFT * size + 1e-4


def test_each_edge_drifts_by_itself_and_evenly_far_to_either_side() -> None:
    size = 96
    crops = np.tile([32, 32, 32, 32, 0], (1000, 1))  # far from the border
    moving = drifting_crops(np.random.default_rng(3), crops, size, 16)
    edges = np.concatenate([moving[..., :2], moving[..., :2] + moving[..., 2:4]], axis=2)
    drift = (edges[:, -1] - edges[:, 0]) / (DRIFT * size)
    assert np.abs(drift).max() == pytest.approx(1, abs=0.01)
    assert drift.mean(axis=0) == pytest.approx(0, abs=0.07)
    assert drift.std(axis=0) == pytest.approx(1 / np.sqrt(3), abs=0.03)  # of a uniform distribution
    assert np.abs(np.corrcoef(drift, rowvar=False) - np.eye(4)).max() < 0.12


def test_a_drift_stops_at_the_border_of_the_picture() -> None:
    size = 96
    for corner, first, last in ((0, 0, 64), (32, 32, 96)):
        crops = np.tile([corner, corner, 64, 64, 0], (50, 1))
        ends = drifting_crops(np.random.default_rng(3), crops, size, 4)[:, -1]
        left_top, right_bottom = ends[:, :2], ends[:, :2] + ends[:, 2:4]
        border, at = (left_top, 0) if corner == 0 else (right_bottom, size)
        assert 0.3 < (border == at).mean() < 0.7  # half of them would leave it
        assert (left_top != first).any() and (right_bottom != last).any()


def test_grey_pictures_are_their_luminance_in_three_channels() -> None:
    rng = np.random.default_rng(0)
    picture = smooth_picture(rng, 32)
    preprocessing = Preprocessing(32, mean=(10.0, 20.0, 30.0), scale=0.5)
    on_host = preprocessing.to_input(torch.from_numpy(preprocessing.stored(picture)))
    on_device = preprocessing.to_input(torch.from_numpy(picture))
    luminance = torch.from_numpy(picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))
    for channel, mean in enumerate(preprocessing.mean):
        assert torch.allclose(on_device[channel], (luminance - mean) * 0.5, atol=1e-3)
    assert torch.allclose(on_host, on_device, atol=0.5)  # half a grey level by rounding


def test_colour_pictures_keep_their_channels_in_the_wanted_order() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[..., 0], picture[..., 2] = 200, 50  # red and blue
    preprocessing = Preprocessing(4, grey=False, order="bgr", mean=(1.0, 2.0, 3.0), scale=1.0)
    values = preprocessing.to_input(torch.from_numpy(preprocessing.stored(picture)))
    assert values[:, 0, 0].tolist() == [49.0, -2.0, 197.0]


def test_inputs_have_their_channels_last_in_memory() -> None:
    pixels = torch.zeros(2, 8, 8, 1, dtype=torch.uint8)
    assert Preprocessing(8).to_input(pixels).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("grey", [True, False])
def test_contrast_normalisation_takes_the_light_away(grey: bool) -> None:
    picture = smooth_picture(np.random.default_rng(0), 32)
    preprocessing = Preprocessing(32, grey=grey, contrast=True)
    bright, dark = (
        preprocessing.to_input(torch.from_numpy(preprocessing.stored(light.astype(np.uint8))))
        for light in (picture, picture * 0.4 + 20)
    )
    assert bright.shape == (3, 32, 32)
    assert float(bright.mean()) == pytest.approx(0, abs=1e-4) and float(bright.std()) == pytest.approx(1, abs=0.05)
    assert torch.allclose(bright, dark, atol=0.2)


def test_sides_can_be_chosen() -> None:
    crops = random_crops(np.random.default_rng(0), 100, 96, (0.9375, 0.875))
    assert {(w, h) for w, h in crops[:, 2:4].tolist()} == {(90, 90), (90, 84), (84, 90), (84, 84)}


def test_preprocessing_survives_json() -> None:
    preprocessing = Preprocessing(
        112, (0.9, 0.8), grey=False, order="bgr", mean=(1.5, 2.5, 3.5), scale=0.25, contrast=True
    )
    assert Preprocessing.from_dict(preprocessing.to_dict()) == preprocessing


def test_without_distortions_nothing_is_drawn() -> None:
    rng = np.random.default_rng(0)
    crops = random_crops(rng, 5, 48)
    state = rng.bit_generator.state
    assert Distortions().added(rng, crops) is crops
    assert Distortions().shares(rng, 5) is None
    assert rng.bit_generator.state == state


def test_angles_reach_to_either_side_and_every_frame_of_an_item_has_the_same() -> None:
    rng = np.random.default_rng(0)
    crops = drifting_crops(rng, random_crops(rng, 400, 48), 48, 3)
    added = Distortions(rotation=15).added(rng, crops)
    assert added.shape == (400, 3, 10)
    np.testing.assert_array_equal(added[..., :5], crops)
    angles = np.rad2deg(added[..., 5])
    assert -15 <= angles.min() < -13 and 13 < angles.max() <= 15
    np.testing.assert_array_equal(angles, angles[:, :1].repeat(3, axis=1))


def test_as_many_pictures_are_erased_as_the_probability_says() -> None:
    rng = np.random.default_rng(0)
    added = Distortions(erasing=0.3).added(rng, random_crops(rng, 2000, 48))
    sides = added[:, 8:]
    erased = (sides > 0).all(axis=1)
    assert erased.mean() == pytest.approx(0.3, abs=0.03)
    assert ((sides == 0).all(axis=1) | erased).all()
    assert sides[erased].min() >= ERASED[0] and sides[erased].max() <= ERASED[1]
    middles = added[:, 6:8] + sides / 2
    assert 0 <= middles.min() < 0.01 and 0.99 < middles.max() <= 1
    for both in (middles, sides[erased]):
        assert abs(np.corrcoef(both.T)[0, 1]) < 0.1  # drawn separately
    assert added.dtype == np.float32
    assert Distortions(rotation=0.5).moves_pixels


def test_an_items_own_share_is_at_least_a_half() -> None:
    shares = Distortions(mixup=0.4).shares(np.random.default_rng(0), 2000)
    assert shares is not None and shares.dtype == np.float32
    assert 0.5 <= shares.min() < 0.52 and shares.max() > 0.99
