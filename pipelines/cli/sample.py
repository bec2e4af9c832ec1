"""``affekt sample``: write labelled sample clips."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from affekt.counted import counted
from affekt.samples.write import write_samples


def main(options: argparse.Namespace) -> int:
    """Write the clips and say where they are."""
    folder = write_samples(Path(options.folder), clips_per_label=options.clips_per_label, seed=options.seed)
    count = len(list((folder / "clips").iterdir()))
    print(f"{counted(count, 'clips')} in {folder}; now: affekt train {shlex.quote(str(folder))}")
    return 0
