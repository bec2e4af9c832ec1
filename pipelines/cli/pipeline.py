"""``affekt pipeline``: the training pipeline as a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from affekt.members import MEMBERS
from pipelines.compile import compile_pipeline


def main(options: argparse.Namespace) -> int:
    """Compile the pipeline."""
    compile_pipeline(Path(options.out), (options.only,) if options.only else MEMBERS)
    print(options.out)
    return 0
