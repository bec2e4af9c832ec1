"""Which models `affekt train` trains with an audio feature set of somebody else's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from affekt.extensions import model_names, model_specs
from affekt.pipelines.job import models_that_can_hear

WITHOUT = tuple(name for name, spec in model_specs().items() if not spec.needs_descriptors)

SETS = (
    "import numpy as np\n"
    "class Loudness:\n"
    "    names = ('rms',)\n"
    "    def __call__(self, sound, sample_rate):\n"
    "        return np.array([np.sqrt((sound ** 2).mean())], np.float32)\n"
    "class Framed(Loudness):\n"
    "    frame_names = ('sample',)\n"
    "    def frames(self, sound, sample_rate):\n"
    "        return sound[:: sample_rate // 100, None]\n"
)


ALL = model_names()


@pytest.mark.usefixtures("looked_up_anew")
@pytest.mark.parametrize(("name", "models"), [("loudness", WITHOUT), ("framed", ALL), ("egemaps", ALL)])
def test_without_descriptors_models_that_need_them_are_left_out(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    models: tuple[str, ...],
) -> None:
    (tmp_path / "sets_of_tests.py").write_text(SETS)
    metadata = tmp_path / "sets_of_tests-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: sets-of-tests\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[affekt.functionals]\nloudness = sets_of_tests:Loudness\nframed = sets_of_tests:Framed\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    assert models_that_can_hear(ALL, name) == models
    assert ("without joint" in caplog.text) == (models == WITHOUT)
