"""Feature sets of other packages, values that cannot be told, and an interrupt while openSMILE works."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import SettingsError
from affekt.media.functionals import Egemaps, _interrupt_later, check_feature_set, feature_set, offers_frames, voice_of
from affekt.media.wanted import unwanted, wanted

RATE = 16000
TONE = np.full(2 * RATE, 1000, np.int16)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked_up_anew: None) -> Callable[[str, str], str]:
    """A way to install a feature set ``own`` whose values and whose frames are these expressions, if any."""

    def installed(values: str, frames: str = "") -> str:
        lines = ["import numpy as np", "class Own:", "    names = ('first', 'second')"]
        lines += ["    def __call__(self, sound, sample_rate):", f"        return np.array({values}, np.float32)"]
        if frames:
            lines += ["    frame_names = ('level', 'rate', 'one')", "    def frames(self, sound, sample_rate):"]
            lines += [f"        return np.array({frames}, np.float32)"]
        (tmp_path / "own_features.py").write_text("\n".join(lines) + "\n")
        metadata = tmp_path / "own_features-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: own_features\nVersion: 1\n")
        (metadata / "entry_points.txt").write_text("[affekt.functionals]\nown = own_features:Own\n")
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        monkeypatch.delitem(sys.modules, "own_features", raising=False)
        feature_set.cache_clear()
        return "own"

    return installed


def test_values_and_frames_of_another_set_are_those_that_it_says_of_the_samples(install) -> None:
    name = install("[sound.max(), sample_rate]", "[[sound.max(), sample_rate, 1]] * 4")
    voice = voice_of(TONE, RATE, name)
    assert voice.functionals.tolist() == [np.float32(1000 / 32768), RATE]
    assert voice.descriptors.tolist() == [[np.float32(1000 / 32768), RATE, 1]] * 4
    assert (voice.usable, voice.flags) == (True, ())


@pytest.mark.parametrize(
    ("values", "frames"),
    [("[np.nan, 1]", ""), ("[1, np.inf]", "[[1, 2, 3]]"), ("[1, 2]", "[[1, 2, 3], [1, np.nan, 3]]")],
)
def test_a_value_that_cannot_be_told_makes_the_sound_unusable(install, values: str, frames: str) -> None:
    voice = voice_of(TONE, RATE, install(values, frames))
    assert (voice.usable, voice.flags) == (False, ("unusable_sound",))
    assert (voice.functionals.tolist(), voice.functionals.dtype) == ([0, 0], np.float32)
    assert (voice.descriptors.shape, voice.descriptors.dtype) == ((0, 3 if frames else 0), np.float32)


@pytest.mark.parametrize(("frames", "offered"), [("[[1, 2, 3]]", True), ("", False)])
def test_a_set_offers_frames_if_it_names_them(install, frames: str, offered: bool) -> None:
    assert offers_frames(install("[1, 2]", frames)) is offered
    asked = feature_set.cache_info()
    assert offers_frames("egemaps") is True
    assert feature_set.cache_info() == asked  # openSMILE is not loaded for it


def test_a_set_that_nobody_installed_is_refused_before_any_is_loaded() -> None:
    check_feature_set("egemaps")
    with pytest.raises(SettingsError, match=r"media\.functionals: no feature set 'mine'; there (is|are) .*egemaps"):
        check_feature_set("mine")
    with pytest.raises(SettingsError):
        offers_frames("mine")


def test_of_too_little_sound_opensmile_tells_nothing() -> None:
    values = Egemaps()(np.zeros(400, np.float32), RATE)
    assert values.shape == (88,) and values.dtype == np.float32
    assert np.isnan(values).any()


def test_values_and_frames_of_opensmile_are_those_of_one_pass() -> None:
    egemaps, noise = Egemaps(), np.random.default_rng(0).normal(0, 0.1, RATE // 2).astype(np.float32)
    values, frames = egemaps.together(noise, RATE)
    np.testing.assert_array_equal(egemaps(noise, RATE), values)
    np.testing.assert_array_equal(egemaps.frames(noise, RATE), frames)


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Interrupts as Python begins with them, also where a shell runs the tests in its background and ignores them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_an_interrupt_waits_until_the_work_is_done_and_comes_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    done = False
    with pytest.raises(KeyboardInterrupt), _interrupt_later():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done = True
    assert done
    assert signal.getsignal(signal.SIGINT) is before
    with _interrupt_later():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("interrupts")
def test_whether_an_interrupt_came_is_told_as_often_as_it_is_asked() -> None:
    with pytest.raises(KeyboardInterrupt), _interrupt_later() as came:
        assert came is not None and not came()
        signal.raise_signal(signal.SIGINT)
        assert came() and came()
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.usefixtures("interrupts")
def test_an_interrupt_that_would_not_end_the_work_is_not_told() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with _interrupt_later() as came:
        assert came is None
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.usefixtures("interrupts")
def test_a_descriptor_for_signals_of_another_part_of_the_program_stays() -> None:
    ours, others = socket.socketpair()
    others.setblocking(False)
    signal.set_wakeup_fd(others.fileno())
    try:
        with _interrupt_later() as came:
            assert came is None
            assert signal.set_wakeup_fd(others.fileno()) == others.fileno()
    finally:
        assert signal.set_wakeup_fd(-1) == others.fileno()
        ours.close()
        others.close()


def test_a_failure_of_the_work_gives_the_interrupt_back_too() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="no sound"), _interrupt_later():
        raise ValueError("no sound")
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_leaves_signals_alone() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with _interrupt_later():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


@pytest.mark.usefixtures("interrupts")
def test_an_interrupt_ends_the_library_wherever_it_is() -> None:
    rng = np.random.default_rng(0)
    sound = rng.uniform(-0.5, 0.5, 16000 * 240).astype(np.float32)
    egemaps, begun = Egemaps(), time.monotonic()
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        egemaps.together(sound, 16000)
    assert time.monotonic() - begun < 2.0  # four minutes of sound take several
    values, _ = egemaps.together(sound[: 16000 * 2], 16000)
    assert np.isfinite(values).all()


def test_sound_that_nobody_waits_for_any_more_is_listened_to_no_further() -> None:
    sound = np.random.default_rng(3).normal(0, 0.1, 60 * RATE).astype(np.float32)
    egemaps = Egemaps()
    with pytest.raises(KeyboardInterrupt), ThreadPoolExecutor(1) as beside, wanted():
        listening = beside.submit(copy_context().run, egemaps.together, sound, RATE)
        raise KeyboardInterrupt
    assert isinstance(listening.exception(), TimeoutError)
    assert unwanted() is None
