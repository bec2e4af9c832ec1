"""One command of affekt, of this code or of an earlier installation: what it takes, and what it says."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_COMMAND = """
import sys
try:
    from affekt.__main__ import main  # where the command stood before it had a room
except ImportError:
    from affekt.pipelines.cli import main
sys.argv[0] = 'affekt'
sys.exit(main())
"""


def run(code: Path | None, home: Path, arguments: list[str]) -> tuple[float, float, dict[str, Any]]:
    """Seconds, processor seconds of the whole tree, and the document of a command, run with this interpreter.

    Args:
        code: an installation's folder of packages (pip install --no-deps --target); None for this code.
        home: affekt's, a folder that is there.
        arguments: of the command, without ``--json``.

    Raises:
        SystemExit: it failed; its last words are told.
    """
    environment = {**os.environ, "AFFEKT_HOME": str(home)}
    environment.pop("OMP_NUM_THREADS", None)
    if code is not None:
        environment["PYTHONPATH"] = str(code.resolve())
    line = [sys.executable, "-c", _COMMAND, *arguments, "--json"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        done = subprocess.run(line, stdout=subprocess.PIPE, stderr=said, env=environment, cwd=home)
        took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            said.seek(0)
            words = said.read() + done.stdout.decode(errors="replace")  # the error is the document
            raise SystemExit(f"{arguments[0]} of {code or 'this code'}: status {done.returncode}\n{words[-2000:]}")
    return took, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, json.loads(done.stdout)
