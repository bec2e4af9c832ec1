"""Faces with a margin around them: of which frames, what they show, and the same from a file and from a store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from affekt.media.decode import decode
from affekt.media.faces import crop, find_faces
from affekt.media.prepare import prepare_file
from affekt.settings import MediaSettings
from affekt.store.entries import Store
from tests.store.same_clip import same_clip

Film = Callable[[str, np.ndarray], Path]


@pytest.fixture
def wide(settings: MediaSettings) -> MediaSettings:
    return replace(settings, wide_size=80, wide_margin=0.3, wide_frames=4)


@pytest.fixture(scope="session")
def portrait(film: Film, astronaut: np.ndarray) -> Path:
    """Ten frames, the face in the middle of 320 x 240."""
    scene = cv2.warpAffine(astronaut, np.array([[0.6, 0, 20], [0, 0.6, 40]]), (320, 240), borderValue=(120, 120, 120))
    return film("wide", np.repeat(scene[None], 10, axis=0))


def test_evenly_spaced_frames_have_one_with_the_margin_around_the_box(portrait: Path, wide: MediaSettings) -> None:
    clip = prepare_file(portrait, replace(wide, picture_quality=0))
    assert clip.wide is not None
    assert clip.wide.frames.tolist() == [0, 2, 5, 7]
    left, top, width, height = clip.boxes[5].astype(float)
    centre, side = (left + width / 2, top + height / 2), (width * height) ** 0.5
    expected = crop(decode(portrait, wide).frames, 5, centre, side * 1.6, 80)
    assert np.abs(np.asarray(clip.wide.pictures[2]).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("frames", [1, 3, 16])
def test_a_frame_has_one_only_once(portrait: Path, wide: MediaSettings, frames: int) -> None:
    clip = prepare_file(portrait, replace(wide, wide_frames=frames))
    assert clip.wide is not None
    assert len(clip.wide.pictures) == len(np.unique(clip.wide.frames)) == min(frames, 10)


def test_beyond_the_edge_of_the_frame_its_border_is_repeated(
    film: Film, astronaut: np.ndarray, wide: MediaSettings
) -> None:
    cut = np.ascontiguousarray(astronaut[:320, 176:496])  # the face begins at the left edge
    clip = prepare_file(film("edge", np.repeat(cut[None], 4, axis=0)), replace(wide, wide_margin=0.6))
    assert clip.wide is not None and len(clip.wide.frames) == 4
    left, _, width, height = clip.boxes[0].astype(float)
    side = 2.2 * (width * height) ** 0.5
    outside = int((side / 2 - (left + width / 2)) / side * 80) - 2
    assert outside > 8
    columns = np.asarray(clip.wide.pictures[0])[:, :outside].astype(int)
    assert np.abs(columns - columns[:, :1]).max() < 40  # JPEG trembles
    assert columns.mean() > 20  # and no black bar


@pytest.mark.parametrize("quality", [0, 90])
def test_the_store_gives_the_same_pictures_as_the_file(
    portrait: Path, wide: MediaSettings, tmp_path: Path, quality: int
) -> None:
    settings = replace(wide, picture_quality=quality)
    store = Store(tmp_path, settings)
    key = store.key(portrait)
    store.put(key, prepare_file(portrait, settings))
    assert same_clip(store.get(key), prepare_file(portrait, settings))
    store.pack()
    assert same_clip(store.get(key), prepare_file(portrait, settings))


def test_the_face_crops_are_those_without(portrait: Path, settings: MediaSettings, wide: MediaSettings) -> None:
    clip = prepare_file(portrait, settings)
    assert clip.wide is None
    assert same_clip(replace(prepare_file(portrait, wide), wide=None), clip)


def test_a_clip_without_a_face_has_none(film: Film, wide: MediaSettings) -> None:
    frames = decode(film("grey", np.full((6, 120, 160, 3), 120, np.uint8)), wide).frames
    found = find_faces(frames, wide)
    assert not found.present.any() and not found.cut_wide(0).any() and found.cut_wide(0).shape == (80, 80, 3)
