"""``affekt settings``: every setting with its value, defaults, limits, meaning and origin."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from affekt.settings.reference import reference, shown


def main(options: argparse.Namespace) -> None:
    """Print the settings that the key stands for."""
    rows = reference(options.key, options.preset, options.overrides)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    for row in rows:
        print(f"{row.key} = {shown(row.value)}  ({row.origin})")
        print(f"    {row.meaning}")
        defaults = ", ".join(f"{preset} {shown(value)}" for preset, value in row.defaults.items())
        print(f"    expected: {row.expected}; defaults: {defaults}")
