"""``affekt pipeline``: the training pipeline as a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from affekt.extensions import model_names
from affekt.pipelines.cli.outputs import check_output
from affekt.pipelines.compile import compile_pipeline


def main(options: argparse.Namespace) -> int:
    """Compile the pipeline."""
    check_output(options.out)
    compile_pipeline(Path(options.out), (options.only,) if options.only else model_names())
    print(options.out)
    return 0
