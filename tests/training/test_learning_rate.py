"""The learning rate of an iteration, by its formulas (paper.md, section 4.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from affekt.training.loop import learning_rate


@dataclass(frozen=True)
class Schedule:
    """The part of a training schedule that decides the learning rate."""

    schedule: str = "step"
    learning_rate: float = 0.5
    warmup: int = 0
    iterations: int = 100
    step_every: int = 10
    step_factor: float = 0.1


@pytest.mark.parametrize(("iteration", "rate"), [(0, 0.5), (9, 0.5), (10, 0.05), (19, 0.05), (20, 0.005), (99, 0.5e-9)])
def test_steps(iteration: int, rate: float) -> None:
    assert learning_rate(Schedule(), iteration) == pytest.approx(rate)  # type: ignore[arg-type]


@pytest.mark.parametrize(("iteration", "rate"), [(0, 0.5), (25, 0.25 * (1 + math.sqrt(0.5))), (50, 0.25), (100, 0.0)])
def test_a_cosine_falls_to_zero(iteration: int, rate: float) -> None:
    assert learning_rate(Schedule("cosine"), iteration) == pytest.approx(rate)  # type: ignore[arg-type]


@pytest.mark.parametrize(("iteration", "share"), [(0, 0.25), (1, 0.5), (2, 0.75), (3, 1.0), (4, 1.0), (9, 1.0)])
@pytest.mark.parametrize("name", ["step", "cosine"])
def test_a_warm_up_is_linear_and_begins_above_zero(name: str, iteration: int, share: float) -> None:
    cold, warm = Schedule(name), Schedule(name, warmup=4)
    assert learning_rate(warm, iteration) == pytest.approx(share * learning_rate(cold, iteration))  # type: ignore[arg-type]


def test_a_warm_up_of_one_iteration_is_none() -> None:
    assert learning_rate(Schedule(warmup=1), 0) == 0.5  # type: ignore[arg-type]
