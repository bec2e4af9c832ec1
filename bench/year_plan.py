"""Fifty-two weeks of voice trainings: what each one is given, and what the gate must make of it."""

from __future__ import annotations

import csv
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

WEEKS = 52
#: A recipe is a model and its settings.
WEAK = ("random_forest", ("random_forest.trees=3",))
BETTER = ("svc", ())
#: So many people are there in week 1; then one comes every seven weeks, with a seventh of the clips each week.
STARTED_WITH, EVERY = 13, 7
_EVALUATED = 10
#: The label that is lost in a collapsed week.
LOST = "angry"
#: How the subject of a copied file begins.
_COPIED = "copied-"

SHUFFLED = (8, 19, 33, 47)
COLLAPSED = (2, 23, 37)
COPIES = (14, 42)
MOVED = (26,)
IDENTICAL = (12, 18, 34, 51)
KILLED = (16,)
ABSENT = (21,)
OVERLAPPING = (40,)
#: Somebody goes back to the first champion by hand before this week's training.
ROLLED_BACK = (28,)
#: From when on the better recipe is the usual one.
BETTER_FROM = 4


@dataclass(frozen=True)
class Row:
    """A clip of the data set."""

    path: str
    label: str
    subject: str
    split: str


@dataclass(frozen=True)
class Week:
    """One training: its kind, recipe and clips."""

    number: int
    kind: str
    recipe: tuple[str, tuple[str, ...]]
    rows: tuple[Row, ...]

    @property
    def people(self) -> tuple[int, int]:
        """How many are learned from, and how many are evaluated on."""
        return len({r.subject for r in self.rows if r.split == "train"}), len(
            {r.subject for r in self.rows if r.split == "val"}
        )

    def write(self, folder: Path) -> Path:
        """The manifest of the data set."""
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["path", "label", "subject", "split"])
            for row in self.rows:
                path = row.path
                if row.subject.startswith(_COPIED):
                    path = f"{row.subject}-{Path(path).name}"
                    shutil.copyfile(row.path, folder / path)
                table.writerow([path, row.label, row.subject, row.split])
        return folder


def corpus(folders: list[Path]) -> dict[str, list[Row]]:
    """All clips by person, in the order in which the people come; a person's split never changes."""
    found: dict[str, list[Row]] = {}
    for folder in folders:
        with (folder / "manifest.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                person = f"{folder.name}_{row['subject']}"
                path = str((folder / row["path"]).resolve())
                found.setdefault(person, []).append(Row(path, row["label"], person, ""))
    people = sorted(found)
    val = set(people[::3] + people[1::3])
    order = sorted(people, key=lambda person: random.Random(f"year {person}").random())
    # Some of both from the start.
    first = [p for p in order if p in val][:_EVALUATED] + [p for p in order if p not in val][
        : STARTED_WITH - _EVALUATED
    ]
    order = first + [person for person in order if person not in first]
    return {
        person: [Row(r.path, r.label, person, "val" if person in val else "train") for r in found[person]]
        for person in order
    }


def week(number: int, clips: dict[str, list[Row]]) -> Week:
    """What the training of a week is given."""
    kind = kind_of(number)
    if kind == "identical":
        before = week(number - 1, clips)
        return Week(number, kind, before.recipe, before.rows)
    people, part = divmod(number - 2 + EVERY, EVERY)
    there = list(clips)[: STARTED_WITH + people - 1]
    rows = [row for person in there for row in clips[person]]
    if there != list(clips)[: STARTED_WITH + people]:
        rows += [row for n, row in enumerate(clips[list(clips)[len(there)]]) if n % EVERY <= part]
    recipe = BETTER if number >= BETTER_FROM else WEAK
    if kind == "shuffled":
        labels = [row.label for row in rows if row.split == "train"]
        random.Random(number).shuffle(labels)
        rows = [Row(r.path, labels.pop(), r.subject, r.split) if r.split == "train" else r for r in rows]
    elif kind == "collapsed":
        # A better recipe, whose training clips of one label were given another by mistake.
        recipe = BETTER
        rows = [Row(r.path, "sad", *rest(r)) if r.split == "train" and r.label == LOST else r for r in rows]
    elif kind == "copies":
        there = [r for r in rows if r.split == "val"][:12]
        rows += [Row(r.path, r.label, f"{_COPIED}{r.subject}", "train") for r in there]
    elif kind == "moved":
        rows = [Row(r.path, r.label, r.subject, {"train": "val", "val": "train"}[r.split]) for r in rows]
    return Week(number, kind, recipe, tuple(rows))


def rest(row: Row) -> tuple[str, str]:
    """Subject and split."""
    return row.subject, row.split


def kind_of(number: int) -> str:
    """What is special about a week."""
    special = {
        "shuffled": SHUFFLED, "collapsed": COLLAPSED, "copies": COPIES, "moved": MOVED, "identical": IDENTICAL,
        "killed": KILLED, "absent server": ABSENT, "two at once": OVERLAPPING, "rolled back": ROLLED_BACK,
    }  # fmt: skip
    named = next((kind for kind, weeks in special.items() if number in weeks), "")
    if named:
        return named
    if number == 1:
        return "first"
    return "better recipe" if number == BETTER_FROM else "plain"
