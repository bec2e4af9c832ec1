"""What a server's start waits for: neither its door nor whoever starts it imports what only its workers need."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("numpy", "cv2", "openvino", "torch", "mlflow", "pandas", "sklearn", "scipy", "opensmile", "boto3", "botocore")


@pytest.mark.parametrize("module", ["affekt.serving.door.process", "affekt.serving.server"])
def test_neither_the_door_nor_who_starts_it_imports_what_workers_compute_with(module):
    script = f"import json, sys, {module}; print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == []
