"""``affekt gate power``: what the gate would find on a data set, before anything is trained."""

from __future__ import annotations

import argparse
import json

from affekt.counted import of_whom
from affekt.pipelines.cli.remarks import remark
from affekt.registry import Tracking
from affekt.settings import load_settings
from affekt.steps.gate_power import GatePower, gate_power

#: Of 100 clips, those that just one of champion and challenger gets right, where nothing else is said.
_DISAGREEMENT = 30


def main(options: argparse.Namespace) -> int:
    """Print what is found, as sentences and a table."""
    settings = load_settings(options.preset, options.overrides)
    share = (options.disagreement or _DISAGREEMENT) / 100
    found = gate_power(options.data, Tracking(), options.name, settings, disagreement=share)
    if options.disagreement and found.could.over != "champion":
        remark(f"affekt: {found.name} has no champion to disagree with; --disagreement changes nothing")
    if options.json:
        print(json.dumps(found.to_dict(), indent=2))
    else:
        show(found)
    return 0


def show(found: GatePower) -> None:
    """Print it for people."""
    could = found.could
    whom = f"{found.name}/{found.champion}" if found.champion else "chance: there is no champion yet"
    print(f"challenger {found.number} of {whom}")
    clips = of_whom(could.clips, could.subjects, could.unnamed, kind="known subjects")
    print(f"{clips} in {found.split} decide", end="")
    print(f"; {found.left_out} do not count, as the champion learned from their subjects" if found.left_out else "")
    print(could.told())
    print(f"\n{'gain, points':>14}  found, times of 100")
    for gain, share in could.found.items():
        print(f"{gain:>14}  {100 * share:>5.0f}  {'#' * round(30 * share)}")
    taken = f"people's own gains scatter by {100 * could.scatter:.0f} points"
    if could.over == "champion":
        taken = (
            f"just one of the two is right on {100 * could.disagreement:.0f} of 100 clips (--disagreement), and {taken}"
        )
    print(f"\nTaken for granted: {taken}. A chance of a false promotion of {100 * could.level:.2g} of 100 is spent.")
