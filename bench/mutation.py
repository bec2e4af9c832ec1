"""Small changes to the code that decides something, one at a time: do the tests of its own room notice each of them?

    python bench/mutation.py [--room ROOM]... [--sample N] [--again] [--out docs/benchmarks]

For each room, mutmut changes the modules named below in a copy of the tree (an operator, a number, an argument, a
condition ...) and runs the tests of that room. A change that no test notices is a survivor, and has to be argued in one
line in `docs/benchmarks/mutation-survivors.tsv`; the report names the figures. After tests were added, `--again` tries
what survived alone, and what a run that was cut off had not come to; `--sample N` tries N changes of a room, drawn at
random. The status is 1 if less than 95 % of the changes to a module are noticed (of a sample: to its room), or if a
survivor is not argued.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

from mutation_rooms import ROOMS, installed, label_of, path_of
from mutation_rules import RULES
from mutation_tree import ROOT, SEED, WORK, Mutant, run, sampled
from record import add_out, header, publish

LEAST = 0.95
SURVIVORS = ROOT / "docs" / "benchmarks" / "mutation-survivors.tsv"


def main() -> None:
    """Run the rooms and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--room", action="append", choices=sorted(ROOMS), help="one room; without it, all")
    parser.add_argument("--sample", type=int, help="only so many changes of each room, drawn at random")
    parser.add_argument("--again", action="store_true", help="only what survived in the last run, with today's tests")
    add_out(parser)
    arguments = parser.parse_args()
    rows = _rows((arguments.out or SURVIVORS.parent) / "mutation.md")
    argued, failed = _argued(), False
    for name in arguments.room or ROOMS:
        commit = subprocess.run(["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, cwd=ROOT)
        mutants = run(name, sample=arguments.sample, again=arguments.again)
        for entry in ROOMS[name].modules:
            module, label = path_of(entry), label_of(entry)
            found = [mutant for mutant in mutants if mutant.module == module]
            rows[label] = _row(label, found, _changes(WORK / name, module), commit.stdout.strip() or "none")
            survived = [mutant.key for mutant in found if mutant.status == "survived"]
            unargued = [key for key in survived if key not in argued]
            failed |= bool(unargued)
            if not sampled(WORK / name):
                failed |= _too_many(found)
            for key in unargued:
                print("not argued:", *key, sep="\t")
            for key in sorted(argued - set(survived)):
                if key[0] == entry and not sampled(WORK / name):
                    print("argued, but no survivor:", *key, sep="\t")
        failed |= _too_many(mutants)
    publish(_report(rows), arguments.out, "mutation.md")
    sys.exit(failed)


def _too_many(mutants: list[Mutant]) -> bool:
    return sum(mutant.status == "survived" for mutant in mutants) > (1 - LEAST) * len(mutants)


def _argued() -> set[tuple[str, str, str]]:
    if not SURVIVORS.is_file():
        return set()
    with SURVIVORS.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {(row[0], row[1], row[2]) for row in rows if row and row[3:] and row[3].strip()}


def _rows(path: Path) -> dict[str, str]:
    """The rows of an earlier report by module: a run of one room leaves the others as they are."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return {match[1]: match[0] for match in re.finditer(r"^\| `([^`]+)` \|.*\|$", text, re.MULTILINE)}


def _changes(tree: Path, module: str) -> str:
    """For the changes of a module in the report: `` of N`` where a part of them was drawn."""
    meta = json.loads((tree / "mutants" / f"{installed(module)}.meta").read_text(encoding="utf-8"))
    return f" of {len(meta['exit_code_by_key'])}" if sampled(tree) else ""


def _row(label: str, found: list[Mutant], of: str, commit: str) -> str:
    count = {status: sum(mutant.status == status for mutant in found) for status in ("killed", "survived", "timeout")}
    share = (len(found) - count["survived"]) / max(1, len(found))
    return (
        f"| `{label}` | {len(found)}{of} | {count['killed']} | {count['timeout']} | {count['survived']} | "
        f"{share:.1%} | {commit} | {date.today()} |"
    )


def _report(rows: dict[str, str]) -> str:
    order = [label_of(module) for room in ROOMS.values() for module in room.modules]
    return "\n".join(
        [
            *header("Small changes to what decides, and whether tests notice", "mutmut", "pytest", "numpy", "torch"),
            "Each module is changed in one place at a time, and the tests of its own room run. A change is killed when "
            "a test fails, a timeout when the tests come to no end, and has survived when all pass. What survived is "
            "argued line by line in [mutation-survivors.tsv](mutation-survivors.tsv). Commit and date of a row are "
            f'those of its run. Where a row says "N of M", a sample of its room was tried, drawn with the seed {SEED}.',
            "",
            "| module | changes | killed | timeout | survived | noticed | commit | date |",
            "|---|---:|---:|---:|---:|---:|---|---|",
            *(rows[label] for label in order if label in rows), "",
            "Not tried, by rule:", "",
            *(f"- {rule}" for rule in RULES), "",
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main()
