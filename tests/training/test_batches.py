"""Batches: each a pure function of seed, stage and iteration, drawn as the paper says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from affekt.media.even_frames import even_frames
from affekt.models.frames import even_windows, window_frames
from affekt.models.preprocessing import Preprocessing
from affekt.training.augmentation import Distortions
from affekt.training.picture_batches import FaceClip, FrameBatches, StillBatches, WindowBatches
from affekt.training.sequence_batches import SequenceBatches
from affekt.training.shuffled import Shuffled

SIZE = 16


def grey_clip(number: int, grey: int, frames: int, label: int, missing: tuple[int, ...] = ()) -> FaceClip:
    """A clip whose frame t is all of the grey level ``grey + t``."""
    faces = np.broadcast_to((grey + np.arange(frames, dtype=np.uint8))[:, None, None, None], (frames, SIZE, SIZE, 3))
    present = np.array([t for t in range(frames) if t not in missing])
    return FaceClip(f"clip{number}", faces, present, label)


def frame_batches(**changes: object) -> FrameBatches:
    images = np.full((30, SIZE, SIZE, 3), 250, np.uint8)
    clips = [grey_clip(n, 10 * n, 3 + 2 * n, n % 3) for n in range(6)]
    arguments: dict[str, object] = {
        "stage": "final", "seed": 1, "batch_size": 12, "image_share": 0.5, "balanced": False,
    }  # fmt: skip
    arguments.update(changes)
    return FrameBatches(images, [n % 3 for n in range(20)], np.arange(20), clips, Preprocessing(8), **arguments)  # type: ignore[arg-type]


def test_an_endless_sequence_takes_each_item_once_a_round() -> None:
    order = Shuffled([0] * 7, [1])
    rounds = [order.take(7 * turn, 7).tolist() for turn in range(3)]
    assert [sorted(items) for items in rounds] == [list(range(7))] * 3
    assert rounds[0] != rounds[1]


def test_any_stretch_of_the_endless_sequence_can_be_had_directly() -> None:
    order = Shuffled([0] * 7, [1])
    assert order.take(5, 9).tolist() == Shuffled([0] * 7, [1]).take(0, 14).tolist()[5:]


def test_balanced_drawing_takes_all_labels_equally_often() -> None:
    labels = [0] * 90 + [1] * 9 + [2]
    drawn = Shuffled(labels, [1], balanced=True).take(0, 300)
    assert Counter(labels[item] for item in drawn) == {0: 100, 1: 100, 2: 100}


def test_a_batch_depends_on_seed_stage_and_iteration_alone() -> None:
    first, second = frame_batches(), frame_batches()
    first.load(0), first.load(9)
    assert torch.equal(first.load(3).inputs, second.load(3).inputs)
    assert not torch.equal(first.load(3).inputs, first.load(4).inputs)
    assert not torch.equal(first.load(3).inputs, frame_batches(seed=2).load(3).inputs)
    assert not torch.equal(first.load(3).inputs, frame_batches(stage="fold1").load(3).inputs)


def test_identity_tells_other_data_and_other_drawing_apart() -> None:
    identities = {
        frame_batches(**changes).identity
        for changes in ({}, {"seed": 2}, {"stage": "fold1"}, {"image_share": 0.25}, {"balanced": True})
    }
    assert len(identities) == 5
    assert frame_batches().identity in identities


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.25, 3), (1.0, 12), (None, round(12 * 20 / (20 + 48)))])
def test_the_share_of_face_images_is_kept_in_every_batch(share: float | None, expected: int) -> None:
    batches = frame_batches(image_share=share)
    for iteration in range(5):
        assert (batches.load(iteration).inputs[:, 0, 0, 0, 0] == 250).sum() == expected


def test_clips_are_drawn_evenly_whatever_their_length() -> None:
    clips = [grey_clip(0, 0, 3, 0), grey_clip(1, 100, 100, 1)]
    batches = FrameBatches(
        None, [], np.zeros(0, int), clips, Preprocessing(8), stage="s", seed=0, batch_size=10, image_share=None,
        balanced=False,
    )  # fmt: skip
    labels = Counter(label for iteration in range(10) for label in batches.load(iteration).targets.tolist())
    assert labels == {0: 50, 1: 50}


def test_frames_without_a_face_are_never_drawn_and_labels_stay_with_their_clips() -> None:
    clips = [grey_clip(n, 40 * n, 10, n, missing=(0, 4, 5, 9)) for n in range(4)]
    batches = FrameBatches(
        None, [], np.zeros(0, int), clips, Preprocessing(8), stage="s", seed=0, batch_size=16, image_share=None,
        balanced=False,
    )  # fmt: skip
    for iteration in range(10):
        batch = batches.load(iteration)
        levels = batch.inputs[:, 0, 0, 0, 0].numpy().astype(int)
        assert (levels // 40 == batch.targets.numpy()).all()
        assert not set(levels % 40) & {0, 4, 5, 9}


def test_a_window_holds_consecutive_face_frames_with_one_crop() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (1, SIZE, SIZE, 3), dtype=np.uint8)
    still = FaceClip("still", np.repeat(picture, 30, axis=0), np.arange(30), 0)
    counting = grey_clip(1, 0, 40, 0, missing=(3, 20))
    batches = WindowBatches(
        [still, counting], Preprocessing(8), window=16, stage="s", seed=0, batch_size=2, balanced=False
    )
    for iteration in range(8):
        batch = batches.load(iteration)
        assert batch.inputs.shape == (2, 16, 8, 8, 1)
        for item in batch.inputs.numpy():
            levels = item[:, 0, 0, 0].astype(int)
            if len(set(levels)) > 1:
                positions = np.searchsorted(counting.frames, levels)
                assert (np.diff(positions) == 1).all()
            else:
                assert (item == item[:1]).all()
        assert batches.finish(batch, torch.device("cpu")).shape == (2, 3, 16, 8, 8)


def test_short_clips_fill_a_window_by_starting_again() -> None:
    assert window_frames(np.array([3, 5, 9]), 0, 8).tolist() == [3, 5, 9, 3, 5, 9, 3, 5]


def test_scored_windows_reach_from_the_first_frame_to_the_last() -> None:
    windows = even_windows(np.arange(50), 4, 16)
    assert [window[0] for window in windows] == [0, 11, 23, 34]
    assert windows[-1][-1] == 49


def test_a_clip_of_one_window_is_scored_once() -> None:
    assert len(even_windows(np.arange(9), 6, 16)) == 1


@pytest.mark.parametrize("frames", [1, 5, 40, 64, 100, 333])
def test_the_frames_of_half_as_many_steps_are_among_those_of_all(frames: int) -> None:
    numbers = np.arange(frames) * 2
    assert set(even_frames(numbers, 32)) <= set(even_frames(numbers, 64))
    assert len(even_frames(numbers, 64)) == 64


def test_on_an_accelerator_whole_pictures_travel_with_their_crops() -> None:
    here, there = frame_batches(), frame_batches(on_device=True)
    batch = there.load(2)
    assert batch.inputs.shape == (12, 1, SIZE, SIZE, 1)  # grey already, a third of the way
    assert batch.crops is not None
    device = torch.device("cpu")
    assert torch.allclose(there.finish(batch, device), here.finish(here.load(2), device), atol=0.03)


def still_batches(**changes: object) -> StillBatches:
    """Images whose brightness rises from left to right, and whose label is their number by three."""
    ramps = np.broadcast_to(10 * np.arange(SIZE)[:, None], (20, SIZE, SIZE, 3)) + np.arange(20)[:, None, None, None]
    numbers = np.arange(4, 20)
    arguments: dict[str, object] = {"window": 16, "stage": "base", "seed": 1, "batch_size": 8, "balanced": False}
    arguments.update(changes)
    return StillBatches(ramps.astype(np.uint8), [n % 3 for n in numbers], numbers, Preprocessing(8), **arguments)  # type: ignore[arg-type]


def test_a_still_image_travels_once_and_becomes_a_window() -> None:
    batches = still_batches()
    batch = batches.load(0)
    assert batch.inputs.shape == (8, 1, SIZE, SIZE, 1)
    assert batch.crops is not None and batch.crops.shape == (8, 16, 5)
    assert batches.finish(batch, torch.device("cpu")).shape == (8, 3, 16, 8, 8)


def test_a_still_image_of_one_frame_has_the_crop_that_a_drift_begins_with() -> None:
    single, window, device = still_batches(window=1), still_batches(), torch.device("cpu")
    frame = single.finish(single.load(3), device)
    assert frame.shape == (8, 3, 1, 8, 8)
    assert torch.equal(frame, window.finish(window.load(3), device)[:, :, :1])


def test_labels_stay_with_their_still_images() -> None:
    for iteration in range(4):
        batch = still_batches().load(iteration)
        assert (batch.inputs[:, 0, 0, 0, 0] % 3 == batch.targets).all()
        assert batch.inputs[:, 0, 0, 0, 0].min() >= 4  # those before are not to be drawn


def test_the_face_of_a_still_window_moves_evenly() -> None:
    batches = still_batches(batch_size=16)
    brightness = batches.finish(batches.load(0), torch.device("cpu")).mean(dim=(1, 3, 4))
    steps = brightness.diff(dim=1)
    assert (steps.abs().amax(dim=1) > 0).all()
    assert torch.allclose(steps, steps.mean(dim=1, keepdim=True), atol=0.01)


def test_still_windows_depend_on_seed_stage_and_iteration_alone() -> None:
    first, second = still_batches(), still_batches()
    first.load(0), first.load(9)
    device = torch.device("cpu")
    expected = second.finish(second.load(3), device)
    assert torch.equal(first.finish(first.load(3), device), expected)
    for other, iteration in ((first, 4), (still_batches(seed=2), 3), (still_batches(stage="fold1"), 3)):
        assert not torch.equal(other.finish(other.load(iteration), device), expected)


def test_some_items_of_a_still_batch_are_those_of_the_whole() -> None:
    batches, device = still_batches(), torch.device("cpu")
    whole, some = batches.load(2), batches.load(2, [1, 6])
    assert torch.equal(some.targets, whole.targets[[1, 6]])
    assert torch.equal(batches.finish(some, device), batches.finish(whole, device)[[1, 6]])


def test_balanced_still_windows_show_all_labels_equally_often() -> None:
    assert still_batches(balanced=True).label_shares[:4].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])
    assert still_batches().label_shares[:4].tolist() == pytest.approx([5 / 16, 6 / 16, 5 / 16, 0])


def test_identity_tells_other_still_images_and_other_drawing_apart() -> None:
    changed = ({}, {"seed": 2}, {"stage": "fold1"}, {"batch_size": 4}, {"balanced": True})
    assert len({still_batches(**changes).identity for changes in changed}) == 5
    images = np.zeros((20, SIZE, SIZE, 3), np.uint8)
    labels = [n % 3 for n in range(4, 20)]
    black = StillBatches(
        images, labels, np.arange(4, 20), Preprocessing(8), window=16, stage="base", seed=1, batch_size=8,
        balanced=False,
    )  # fmt: skip
    assert black.identity != still_batches().identity


def test_sequences_come_from_one_view_of_their_clip_in_order_of_time() -> None:
    steps = np.arange(20, dtype=np.float32)
    features = np.stack([np.stack([clip * 1000 + view * 100 + steps for view in range(2)]) for clip in range(4)])
    batches = SequenceBatches(
        features[..., None], [0, 1, 2, 3], list("abcd"), stage="s", seed=0, batch_size=4, balanced=False
    )
    for iteration in range(10):
        batch = batches.load(iteration)
        values = batch.inputs[:, :, 0]
        assert (values // 1000 == batch.targets[:, None]).all()
        assert (values % 1000 // 100 == values[:, :1] % 1000 // 100).all()
        times = values % 100
        assert (times.diff(dim=1) >= 0).all()
        assert ((times[:, -1] - times[:, 0]) >= SequenceBatches.SHORTEST * 20 - 2).all()


def test_an_accelerator_takes_the_same_sequences_by_their_numbers() -> None:
    features = np.random.default_rng(0).random((4, 2, 20, 3), np.float32)
    plain, held = (
        SequenceBatches(
            features, [0, 1, 2, 3], list("abcd"), stage="s", seed=0, batch_size=4, balanced=False, on_device=on_device
        )
        for on_device in (False, True)
    )
    for iteration in range(3):
        first, second = plain.load(iteration), held.load(iteration)
        assert second.inputs.dtype == torch.int64
        assert torch.equal(first.targets, second.targets)
        assert torch.equal(plain.finish(first, torch.device("cpu")), held.finish(second, torch.device("cpu")))


def test_what_is_erased_is_grey_and_nothing_else() -> None:
    found = frame_batches(distortions=Distortions(erasing=1.0))
    batch = found.load(0)
    inputs = found.finish(batch, torch.device("cpu"))
    left, top, wide, high = batch.crops[:, 6:].unbind(1)  # type: ignore[index]
    middle = (torch.arange(8) + 0.5) / 8
    across = (middle >= left[:, None]) & (middle < (left + wide)[:, None])
    along = (middle >= top[:, None]) & (middle < (top + high)[:, None])
    inside = (along[:, :, None] & across[:, None, :])[:, None].expand_as(inputs)
    assert inside.any() and (inputs[inside] == 0).all()
    assert (inputs[~inside] != 0).all()  # no picture here is of a grey of 128


def test_filling_a_batch_keeps_its_memory() -> None:
    first, second = (frame_batches(distortions=Distortions(mixup=0.4)).load(iteration) for iteration in (0, 1))
    held = first.cloned()
    places = [tensor.data_ptr() for tensor in held.tensors()]
    held.fill(second)
    assert [tensor.data_ptr() for tensor in held.tensors()] == places
    assert all(torch.equal(one, other) for one, other in zip(held.tensors(), second.tensors(), strict=True))
