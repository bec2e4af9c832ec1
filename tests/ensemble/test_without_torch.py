"""An ensemble of models of the voice alone answers without the library of networks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from affekt.steps.fit_fusion import fit_fusions
from tests.conftest import Trained

ASK = """
import json, sys
from affekt.ensemble import Ensemble
ensemble = Ensemble.load(sys.argv[1])
answer = ensemble.predict_file(sys.argv[2])
print(json.dumps({"models": list(answer.models), "torch": "torch" in sys.modules}))
"""


def test_an_ensemble_of_the_voice_alone_imports_no_torch(
    tiny_run: Trained, sample_clips: Path, tiny_settings, tmp_path: Path
) -> None:
    names = ("random_forest", "svc")
    fit_fusions({name: tiny_run.members[name] for name in names}, names, tiny_settings, tmp_path / "ensemble")
    clip = sorted((sample_clips / "clips").iterdir())[0]
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(tmp_path / "ensemble"), str(clip)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {"models": list(names), "torch": False}
