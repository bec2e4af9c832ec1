"""The time of one file is over: in its decoding, in the search for faces, before its sound."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import MediaError
from affekt.media import prepare_file
from affekt.media.deadline import Deadline, check_time
from affekt.media.decode import decode
from affekt.media.faces import find_faces
from affekt.media.functionals import voice_of
from affekt.settings import MediaSettings

MakeClip = Callable[..., Path]


def test_a_file_has_the_time_of_the_settings(settings: MediaSettings) -> None:
    deadline = Deadline.of(replace(settings, timeout_seconds=60), "clip.mp4")
    assert deadline.ends - time.monotonic() == pytest.approx(60, abs=1)
    deadline.check("now")


def test_an_error_says_the_file_what_was_done_and_the_limit() -> None:
    with pytest.raises(MediaError, match=r"not done in time, while it slept; media\.timeout_seconds is 7") as found:
        Deadline(time.monotonic() - 1, 7, "clip.mp4").check("while it slept")
    assert (found.value.code, found.value.where) == ("timeout", "clip.mp4")


def test_a_file_whose_time_is_over_is_not_prepared(
    make_clip: MakeClip, pattern: list[str], settings: MediaSettings
) -> None:
    with pytest.raises(MediaError) as found:
        prepare_file(make_clip("plain.mp4", *pattern), settings, deadline=Deadline(time.monotonic(), 1, "x"))
    assert found.value.code == "timeout"


def test_the_search_for_faces_ends_where_the_time_does(
    film: Callable[[str, np.ndarray], Path], astronaut: np.ndarray, settings: MediaSettings
) -> None:
    frames = decode(film("deadline", np.stack([astronaut] * 40)), settings).frames
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        Deadline(time.monotonic() + (1 if asked < 5 else -1), 1, "x").check("while its faces were searched")

    with pytest.raises(MediaError, match="while its faces were searched"):
        find_faces(frames, settings, check=check)
    assert asked == 5


@pytest.mark.parametrize("left", [0.0, 0.5])
def test_opensmile_ends_where_the_time_does(left: float) -> None:
    noise = np.random.default_rng(0).normal(0, 3000, 400 * 16000).astype(np.int16)
    began = time.thread_time()
    with pytest.raises(TimeoutError):
        voice_of(noise, 16000, ends=time.monotonic() + left)
    assert time.thread_time() - began < left + 1  # all of it takes four seconds


def test_a_file_whose_time_ends_in_its_sound_says_so(
    make_clip: MakeClip, pattern: list[str], settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr("affekt.media.prepare.voice_of", late)
    with pytest.raises(MediaError, match="while its sound was listened to") as found:
        prepare_file(make_clip("plain.mp4", *pattern), settings)
    assert found.value.code == "timeout"


def test_a_held_deadline_is_looked_at_where_nobody_was_given_it() -> None:
    check_time()
    over = Deadline(time.monotonic() - 1, 7, "clip.mp4")
    with pytest.raises(MediaError, match="while vgg looked at it"), over.held("while vgg looked at it"):
        check_time()
    check_time()
