"""``affekt doctor``: what this machine and this installation offer, and how to get what is missing."""

from __future__ import annotations

import argparse
import json
import sys

from affekt.pipelines.cli.colours import painted
from affekt.pipelines.doctor import MISSING, NOTE, OK, Finding, examine

_COLOURS = {OK: "green", NOTE: "yellow", MISSING: "red"}


def main(options: argparse.Namespace) -> int:
    """Print the findings, each once it is known; 1 when something is missing that is needed."""
    found: list[Finding] = []
    for finding in examine(imports=options.imports):
        if not options.json:
            _show(finding, new_group=not found or found[-1].group != finding.group)
        found.append(finding)
    fatal = [finding.name for finding in found if finding.fatal]
    if options.json:
        document = {"ok": not fatal, "missing": fatal, "findings": [finding.to_dict() for finding in found]}
        print(json.dumps(document, indent=2))
    elif fatal:
        print(f"\nnot ready: {', '.join(fatal)}")
    else:
        print("\nready: nothing is missing that training and answering on this machine need")
    return 1 if fatal else 0


def _show(finding: Finding, *, new_group: bool) -> None:
    if new_group:
        print(finding.group)
    state = painted(f"{finding.state:<8}", _COLOURS[finding.state], sys.stdout)
    remedy = f"\n{'':<34}-> {finding.remedy}" if finding.remedy else ""
    print(f"  {state}{finding.name:<24}{finding.text}{remedy}", flush=True)
