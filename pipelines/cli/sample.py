"""``affekt sample``: write labelled sample clips."""

from __future__ import annotations

import argparse
from pathlib import Path

from affekt.samples.write import write_samples


def main(options: argparse.Namespace) -> int:
    """Write the clips and say where they are."""
    folder = write_samples(Path(options.folder), clips_per_label=options.clips_per_label, seed=options.seed)
    count = len(list((folder / "clips").iterdir()))
    print(f"{count} clips in {folder}; now: affekt train {folder}")
    return 0
