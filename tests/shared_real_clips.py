"""A few of the real clips and face images that lie beside the repository, for tests that train on them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

#: The columns of a manifest.
COLUMNS = ("path", "label", "subject", "split")


def rows(data: Path, speakers: Sequence[str], each: int = 1) -> list[dict[str, str]]:
    """Clips of Javanese speech with their absolute paths: of each speaker and emotion the first ones.

    Args:
        data: the folder of real data.
        speakers: whose clips; 05 and 10 are evaluated on, the others learned from.
        each: how many of a speaker and an emotion.
    """
    folder = data / "java_sed_av"
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        known = sorted(csv.DictReader(file), key=lambda row: row["path"])
    found = []
    for speaker in speakers:
        for label in sorted({row["label"] for row in known}):
            of_both = (row for row in known if (row["subject"], row["label"]) == (speaker, label))
            found += [{**row, "path": str(folder / row["path"])} for row in islice(of_both, each)]
    return found


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
