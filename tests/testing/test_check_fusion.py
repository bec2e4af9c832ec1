"""Every installed fusion method keeps the contract of fusion methods, and the check sees it when one does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from affekt.extensions import FusionSpec, LabelledScores, fusion_names, fusion_specs
from affekt.testing import ConformanceError, check_fusion

QUICK = ("fusion.random_forest.trees=10", "fusion.adaboost.trees=10", "fusion.stacking.linear_c=[1]")


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch):
    """Call with a spec's parts to have it among the installed methods as ``mine``."""

    def offer(**parts) -> None:
        specs = {**fusion_specs(), "mine": FusionSpec("mine", "Mine", **parts)}
        monkeypatch.setattr("affekt.extensions.fusion.fusion_specs", lambda: specs)

    return offer


@pytest.mark.parametrize("name", fusion_names())
def test_every_installed_method_keeps_the_contract(name: str) -> None:
    check_fusion(name, QUICK)


def mean(probabilities: np.ndarray) -> np.ndarray:
    return np.nanmean(probabilities, axis=1)


def writing(probabilities: np.ndarray) -> np.ndarray:
    answers = mean(probabilities)
    probabilities[:] = 0
    return answers


def by_neighbours(probabilities: np.ndarray) -> np.ndarray:
    answers = mean(probabilities) + 0.1 * mean(probabilities).mean(axis=0)
    return answers / answers.sum(axis=1, keepdims=True)


@dataclass
class Counts:
    """Remembers where the rows of each label are; what it was fitted on before makes no difference to it."""

    centres: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        closeness = np.exp(-((x[:, None] - self.centres) ** 2).sum(axis=2) * 5)
        return closeness / closeness.sum(axis=1, keepdims=True)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"centres": self.centres}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Counts:
        return cls(arrays["centres"])


class Forgetful(Counts):
    """Loses on the way to the disk what it has learned."""

    def arrays(self) -> dict[str, np.ndarray]:
        return {"centres": np.zeros_like(self.centres)}


def centres(rows: LabelledScores) -> np.ndarray:
    return np.stack([rows.x[rows.y == label].mean(axis=0) for label in range(rows.labels)])


seen: list[np.ndarray] = []


def remembering(rows: LabelledScores, settings: object) -> Counts:
    seen.append(centres(rows))
    return Counts(np.mean([part for part in seen if part.shape == seen[-1].shape], axis=0))


def test_methods_that_keep_their_promises_pass(offered) -> None:
    offered(rule=mean)
    check_fusion("mine")
    offered(fit=lambda rows, settings: Counts(centres(rows)), kinds={"counts": Counts})
    check_fusion("mine")


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"rule": lambda p: 2 * mean(p)}, "probabilities that sum to one"),
        ({"rule": lambda p: mean(p)[:, :2]}, r"should give \[N, L\]"),
        ({"rule": lambda p: np.full((len(p), p.shape[2]), 1 / p.shape[2])}, "the label that it gave"),
        ({"rule": lambda p: p.mean(axis=1)}, "probabilities that sum to one"),
        ({"rule": writing}, "should not write into"),
        ({"rule": by_neighbours}, "the rows beside it"),
        ({"fit": remembering, "kinds": {"counts": Counts}}, "two fits of the same rows"),
        (
            {"fit": lambda rows, settings: Forgetful(centres(rows)), "kinds": {"forgetful": Forgetful}},
            "saved and loaded should answer equally",
        ),
        (
            {"fit": lambda rows, settings: Counts(0 * centres(rows)), "kinds": {"counts": Counts}},
            "far above chance",
        ),
    ],
)
def test_a_method_that_breaks_a_promise_is_told_which(offered, parts, says: str) -> None:
    offered(**parts)
    with pytest.raises(ConformanceError, match=f"^fusion method 'mine': .*{says}"):
        check_fusion("mine")
