"""What is seen of a clip is there before its sound has been listened to, for whoever asks for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import MediaError
from affekt.media.prepare import prepare_file
from affekt.media.prepared import PreparedClip
from affekt.settings import MediaSettings
from tests.media.conftest import voiced


@pytest.fixture
def speaking(
    make_clip: Callable[..., Path], film: Callable[[str, np.ndarray], Path], astronaut: np.ndarray
) -> Callable[[np.ndarray], Path]:
    """A film of a picture, and a voice that lasts half a second: ``short_sound``."""

    def made(picture: np.ndarray) -> Path:
        silent = film(f"seen{picture.mean():.0f}", np.repeat(picture[None], 16, axis=0))
        return make_clip(f"{silent.stem}-voice.mkv", "-i", silent, *voiced(0.6, 150), "-c:v", "copy")

    return made


def test_all_but_the_voice_of_a_clip_is_seen_first(
    speaking: Callable[[np.ndarray], Path], astronaut: np.ndarray, settings: MediaSettings
) -> None:
    given: list[PreparedClip] = []
    clip = prepare_file(speaking(astronaut[::2, ::2]), settings, seen=given.append)
    (seen,) = given

    assert clip.voice and "short_sound" in clip.flags
    assert not seen.voice and not seen.functionals.size and not seen.descriptors.size and not seen.sound.samples.size
    assert seen.flags == tuple(flag for flag in clip.flags if flag != "short_sound")
    assert seen.details == clip.details and seen.faces is clip.faces
    assert all(np.array_equal(getattr(seen, name), getattr(clip, name)) for name in ("present", "boxes", "times"))


def test_a_clip_without_a_face_is_not_seen(
    speaking: Callable[[np.ndarray], Path], astronaut: np.ndarray, settings: MediaSettings
) -> None:
    given: list[PreparedClip] = []
    clip = prepare_file(speaking(np.full_like(astronaut[::2, ::2], 99)), settings, seen=given.append)
    assert clip.voice and "no_face" in clip.flags and not given


def test_an_error_of_who_looks_ends_the_preparation(
    speaking: Callable[[np.ndarray], Path], astronaut: np.ndarray, settings: MediaSettings
) -> None:
    def look(clip: PreparedClip) -> None:
        raise MediaError("was not done in time", code="timeout")

    with pytest.raises(MediaError, match="not done in time"):
        prepare_file(speaking(astronaut[::2, ::2]), settings, seen=look)
