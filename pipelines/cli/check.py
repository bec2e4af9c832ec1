"""``affekt check``: everything that is wrong with a data set."""

from __future__ import annotations

import argparse
import json

from affekt.checks.findings import check_source
from affekt.progress import told_when_slow


def main(options: argparse.Namespace) -> int:
    """Print the findings; 1 when there are errors."""
    with told_when_slow(f"reading {options.data}"):
        report = check_source(options.data)
    print(json.dumps(report.to_dict(), indent=2) if options.json else report.to_text())
    return 0 if report.ok else 1
