"""Crops at a network's input size: cut out, scaled and mirrored, on the processor as on an accelerator."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from affekt.models.crops import centre_crop, cropped, cropped_on_device
from affekt.training.augmentation import random_crops


def smooth_picture(rng: np.random.Generator, size: int, channels: int = 3) -> np.ndarray:
    noise = rng.uniform(0, 255, (size // 8, size // 8, channels)).astype(np.float32)
    return cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def test_centre_crop_is_the_centre() -> None:
    assert centre_crop(256).tolist() == [16, 16, 224, 224, 0]


def test_an_uneven_margin_is_greater_at_the_right_and_below() -> None:
    assert centre_crop(10, mirrored=True).tolist() == [0, 0, 9, 9, 1]


def test_a_crop_is_cut_out_and_mirrored() -> None:
    picture = np.arange(8 * 8 * 1, dtype=np.uint8).reshape(8, 8, 1)
    region = picture[1:5, 2:6]
    assert np.array_equal(cropped(picture, np.array([2, 1, 4, 4, 0]), 4), region)
    assert np.array_equal(cropped(picture, np.array([2, 1, 4, 4, 1]), 4), region[:, ::-1])


@pytest.mark.parametrize(("stored", "size"), [(256, 224), (96, 48), (256, 112), (48, 48)])
@pytest.mark.parametrize("channels", [1, 3])
def test_on_a_device_crops_are_those_of_the_cpu(stored: int, size: int, channels: int) -> None:
    rng = np.random.default_rng(3)
    pictures = np.stack([smooth_picture(rng, stored, channels).reshape(stored, stored, channels) for _ in range(12)])
    pictures = pictures.reshape(6, 2, stored, stored, channels)
    crops = random_crops(rng, 6, stored)
    expected = np.stack(
        [[cropped(frame, crop, size) for frame in item] for item, crop in zip(pictures, crops, strict=True)]
    )
    found = cropped_on_device(torch.from_numpy(pictures), torch.from_numpy(crops), size).numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1.01  # cv2 rounds to whole grey levels


@pytest.mark.parametrize("channels", [1, 3])
def test_each_frame_of_a_still_picture_is_its_own_crop(channels: int) -> None:
    rng = np.random.default_rng(4)
    pictures = np.stack([smooth_picture(rng, 96, channels).reshape(96, 96, channels) for _ in range(3)])
    crops = random_crops(rng, 12, 96).reshape(3, 4, 5)
    expected = np.stack(
        [[cropped(picture, crop, 48) for crop in item] for picture, item in zip(pictures, crops, strict=True)]
    )
    found = cropped_on_device(torch.from_numpy(pictures[:, None]), torch.from_numpy(crops), 48).numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1.01


def test_crops_are_cut_out_where_the_pictures_lie() -> None:
    # a device on which nothing is computed, but which refuses tensors of another
    pictures = torch.empty((2, 3, 32, 32, 1), dtype=torch.uint8, device="meta")
    found = cropped_on_device(pictures, torch.from_numpy(random_crops(np.random.default_rng(0), 2, 32)), 16)
    assert (found.device.type, found.dtype, tuple(found.shape)) == ("meta", torch.float32, (2, 3, 16, 16, 1))


def test_crops_may_be_numbers_of_any_precision() -> None:
    rng = np.random.default_rng(5)
    pictures, crops = torch.from_numpy(smooth_picture(rng, 48)[None, None]), random_crops(rng, 1, 48)
    exact, double = (cropped_on_device(pictures, torch.from_numpy(crops.astype(t)), 32) for t in (int, float))
    assert torch.equal(exact, double)


def test_a_region_turned_by_a_right_angle_is_the_picture_turned() -> None:
    picture = smooth_picture(np.random.default_rng(5), 48, 1).reshape(1, 1, 48, 48, 1)
    crop = torch.tensor([[0, 0, 48, 48, 0, np.pi / 2]], dtype=torch.float32)
    found = cropped_on_device(torch.from_numpy(picture), crop, 48)[0, 0, :, :, 0].numpy()
    assert np.abs(found - np.rot90(picture[0, 0, :, :, 0], 1)).max() < 0.01


def test_a_region_turned_by_nothing_is_the_region() -> None:
    rng = np.random.default_rng(6)
    pictures = torch.from_numpy(np.stack([smooth_picture(rng, 96, 1).reshape(1, 96, 96, 1) for _ in range(6)]))
    # Regions as large as the result and within the picture: no border is involved.
    crops = torch.from_numpy(random_crops(rng, 6, 96, (0.5,)).astype(np.float32))
    turned = torch.cat([crops, torch.zeros(6, 1)], dim=1)
    torch.testing.assert_close(
        cropped_on_device(pictures, turned, 48), cropped_on_device(pictures, crops, 48), atol=0.01, rtol=0
    )
