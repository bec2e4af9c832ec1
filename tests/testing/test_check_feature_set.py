"""Every installed feature set keeps the contract of feature sets, and the check sees it when one does not."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.extensions import extension_names
from affekt.testing import ConformanceError, check_feature_set


@pytest.mark.parametrize("name", extension_names("feature set"))
def test_every_installed_feature_set_keeps_the_contract(name: str) -> None:
    check_feature_set(name)


class Spectrum:
    """The loudness of the low and of the high half of the spectrum; each hundredth of a second the loudness."""

    names = ("low", "high")
    frame_names = ("loudness",)

    def __call__(self, sound: np.ndarray, sample_rate: int) -> np.ndarray:
        powers = np.abs(np.fft.rfft(sound)) ** 2
        return np.log(np.array([part.mean() for part in np.array_split(powers, 2)]) + 1e-9).astype(np.float32)

    def frames(self, sound: np.ndarray, sample_rate: int) -> np.ndarray:
        step = sample_rate // 100
        parts = sound[: len(sound) // step * step].reshape(-1, step)
        return np.asarray((parts**2).mean(axis=1, keepdims=True), np.float32)


class Twice(Spectrum):
    names = ("low", "low")


class More(Spectrum):
    names = ("low", "high", "middle")


class Double(Spectrum):
    def __call__(self, sound, sample_rate):
        return super().__call__(sound, sample_rate).astype(np.float64)


class Nothing(Spectrum):
    def __call__(self, sound, sample_rate):
        return np.full(2, np.nan, np.float32)


class Fragile(Spectrum):
    def __call__(self, sound, sample_rate):
        if not sound.any():
            raise ZeroDivisionError("silence")
        return super().__call__(sound, sample_rate)


class Deaf(Spectrum):
    def __call__(self, sound, sample_rate):
        return np.zeros(2, np.float32)


class Scaling(Spectrum):
    def __call__(self, sound, sample_rate):
        sound /= 2
        return super().__call__(sound, sample_rate)


class Drifting(Spectrum):
    calls = 0

    def __call__(self, sound, sample_rate):
        self.calls += 1
        return super().__call__(sound, sample_rate) + np.float32(self.calls)


class Sparse(Spectrum):
    def frames(self, sound, sample_rate):
        return super().frames(sound, sample_rate)[::5]


class Hasty(Spectrum):
    def together(self, sound, sample_rate, ends):
        return self(sound, sample_rate), self.frames(sound, sample_rate)[:-1]


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch):
    def offer(kind: type) -> None:
        monkeypatch.setattr("affekt.testing.feature_set.extension", lambda group, name: kind)

    return offer


def test_a_feature_set_that_keeps_its_promises_passes(offered) -> None:
    offered(Spectrum)
    check_feature_set("mine")


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (Twice, "names, each of them once"),
        (More, r"should give float32 \[3\]"),
        (Double, r"should give float32 \[2\].*float64"),
        (Nothing, "the values of a voice should be numbers"),
        (Fragile, "silence should not make it fail"),
        (Deaf, "two different voices"),
        (Scaling, "leave the sound as it was"),
        (Drifting, "whatever came before it"),
        (Sparse, "a row each 0.01 s"),
        (Hasty, "one pass should give"),
    ],
)
def test_a_feature_set_that_breaks_a_promise_is_told_which(offered, kind: type, says: str) -> None:
    offered(kind)
    with pytest.raises(ConformanceError, match=f"^feature set 'mine': .*{says}"):
        check_feature_set("mine")
