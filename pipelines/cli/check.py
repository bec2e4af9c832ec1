"""``affekt check``: everything that is wrong with a data set."""

from __future__ import annotations

import argparse
import json

from affekt.checks.findings import check_source


def main(options: argparse.Namespace) -> int:
    """Print the findings; 1 when there are errors."""
    report = check_source(options.data)
    print(json.dumps(report.to_dict(), indent=2) if options.json else report.to_text())
    return 0 if report.ok else 1
