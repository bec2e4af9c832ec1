"""Several threads of one process prepare clips at once, and each gets what it would have got alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from affekt.media.prepare import prepare_file
from affekt.settings import MediaSettings
from tests.media.conftest import voiced


def test_clips_prepared_by_threads_are_those_prepared_alone(
    make_clip: Callable[..., Path],
    film: Callable[[str, np.ndarray], Path],
    astronaut: np.ndarray,
    settings: MediaSettings,
) -> None:
    clips = []
    for number in range(3):
        frames = np.repeat(astronaut[None, ::2, ::2], 16, axis=0)
        moved = np.stack([np.roll(frame, step * (number + 1), axis=1) for step, frame in enumerate(frames)])
        picture = film(f"thread{number}", moved)
        clips.append(make_clip(f"threads{number}.mkv", "-i", picture, *voiced(1.0, 120 + 40 * number), "-c:v", "copy"))
    alone = [prepare_file(clip, settings) for clip in clips]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda clip: prepare_file(clip, settings), clips * 4))

    for number, clip in enumerate(together):
        expected = alone[number % 3]
        for name in ("faces", "present", "boxes", "times", "functionals", "descriptors"):
            assert np.array_equal(getattr(clip, name), getattr(expected, name), equal_nan=True), name
