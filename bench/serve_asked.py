"""A process that answers one clip for each line it is given, and says what that took: of this code, or of other code.

    python bench/serve_asked.py MODEL CLIP [CODE]

CODE is the root of another commit's tree, what whose ``pyproject.toml`` offers as entry points is offered here; or a
folder in which another commit is installed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage


def of_other_code(code: Path) -> None:
    """From now on ``affekt`` is that of another tree, or of a folder in which it is installed."""
    sys.path.insert(0, str(code))
    if not (code / "pyproject.toml").is_file():
        return
    offered = tomllib.loads((code / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    lines = []
    for group, names in offered.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in names.items())]
    folder = Path(tempfile.mkdtemp(prefix="affekt-bench-"), "affekt-0.1.0.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: affekt\nVersion: 0.1.0\n", encoding="utf-8")
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.path.insert(1, str(folder.parent))


def cpu() -> float:
    """Processor seconds of this process and of those that it started and that have ended."""
    return sum(used.ru_utime + used.ru_stime for used in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))


def main() -> None:
    """Load, say how long that took, and answer."""
    if len(sys.argv) > 3:
        of_other_code(Path(sys.argv[3]))
    began = time.perf_counter()
    from affekt.ensemble import Ensemble  # of whichever code

    ensemble = Ensemble.load(Path(sys.argv[1]))
    print(json.dumps({"seconds": time.perf_counter() - began, "cpu": cpu(), "label": ""}), flush=True)
    for _ in sys.stdin:
        before, began = cpu(), time.perf_counter()
        answer = ensemble.predict_file(Path(sys.argv[2]))
        said = {"seconds": time.perf_counter() - began, "cpu": cpu() - before, "label": answer.label}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
