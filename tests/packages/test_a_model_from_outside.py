"""A model in a package of its own: nothing of affekt is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PACKAGE = "affekt-descriptors"


@pytest.fixture(scope="module")
def python(with_packages: Callable[..., Any], home: Path) -> Any:
    return with_packages(home, PACKAGE)


def test_it_keeps_the_contract(python):
    done = python("-c", "from affekt.testing import check_model; check_model('descriptors')")
    assert done.returncode == 0, done.stderr


def test_its_settings_are_checked_as_all_others_are(python, sample_clips):
    done = python("-m", "affekt", "train", sample_clips, "--set", "descriptors.penalti=1")
    assert done.returncode == 1
    assert "did you mean descriptors.penalty?" in done.stderr


def test_it_can_be_chosen_by_its_name(python):
    assert "descriptors" in python("-m", "affekt", "train", "--help").stdout
