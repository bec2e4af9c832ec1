"""``affekt models``: list, promote, roll back."""

from __future__ import annotations

import argparse
import json

from affekt.registry import Tracking, list_models, promote, rollback


def main(options: argparse.Namespace) -> int:
    """Do the chosen action."""
    tracking = Tracking()
    if options.action == "promote":
        print(f"{promote(options.ref, tracking).reference} is the champion")
        return 0
    if options.action == "rollback":
        print(f"{rollback(options.name, tracking, to=options.to).reference} is the champion")
        return 0
    found = list_models(tracking)
    if options.json:
        print(json.dumps({"models": [version.to_dict() for version in found]}, indent=2))
        return 0
    if not found:
        print("no model is registered yet; affekt train DATA registers one")
        return 0
    print(f"{'version':<20}{'aliases':<24}{'accuracy':>9}  created")
    for version in found:
        accuracy = version.metrics.get("accuracy")
        shown = "" if accuracy is None else f"{accuracy:.1%}"
        print(f"{version.reference:<20}{', '.join(version.aliases):<24}{shown:>9}  {version.created}")
    return 0
