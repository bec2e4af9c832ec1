"""A few of the real clips and face images that lie beside the repository, for tests that train on them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

#: The columns of a manifest.
COLUMNS = ("path", "label", "subject", "split")


def rows(data: Path, speakers: Sequence[str], each: int = 1, source: str = "java_sed_av") -> list[dict[str, str]]:
    """Clips with their absolute paths: of each speaker and emotion the first ones.

    Args:
        data: the folder of real data.
        speakers: whose clips.
        each: how many of a speaker and an emotion.
        source: the set: ``java_sed_av`` (05 and 10 are evaluated on, the others learned from), ``java_sed_wav`` or
            ``ravdess_audio`` (voices alone).
    """
    folder = data / source
    known = sorted(manifest(folder), key=lambda row: row["path"])
    found = []
    for speaker in speakers:
        for label in sorted({row["label"] for row in known}):
            of_both = (row for row in known if (row["subject"], row["label"]) == (speaker, label))
            found += [{**row, "path": str(folder / row["path"])} for row in islice(of_both, each)]
    return found


def manifest(folder: Path) -> list[dict[str, str]]:
    """The rows of a set."""
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return [{column: row[column] for column in COLUMNS} for row in csv.DictReader(file)]


def voices(data: Path, learned: int, each: int) -> list[dict[str, str]]:
    """English voices: two of each emotion of six speakers to evaluate on, and some of others to learn from.

    Args:
        data: the folder of real data.
        learned: from how many speakers, of eight, is learned.
        each: how many of a speaker and an emotion are learned from.
    """
    known = sorted({row["subject"] for row in manifest(data / "ravdess_audio")})
    there = rows(data, known[6 : 6 + learned], each, "ravdess_audio")
    evaluated = rows(data, known[:6], 2, "ravdess_audio")
    return [{**row, "split": "train"} for row in there] + [{**row, "split": "val"} for row in evaluated]


def write_manifest(path: Path, found: Sequence[dict[str, str]]) -> Path:
    """A data set of these clips."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(found)
    return path


def few_faces(folder: Path, data: Path, each: int = 3) -> Path:
    """A folder of FER2013's images in both splits, so many of each label that the clips have too."""
    labels = {row["label"] for row in rows(data, ("01",))}
    for split in ("train", "val"):
        for label in sorted(labels):
            (folder / split / label).mkdir(parents=True)
            for image in islice(sorted((data / "fer2013" / split / label).iterdir()), each):
                (folder / split / label / image.name).symlink_to(image)
    return folder
