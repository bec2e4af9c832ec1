"""A labelled set of four subjects for the protocols, and what trainings that are interrupted learn from."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from affekt.pipelines import kfp_adapter
from affekt.pipelines.forked_steps import ForkedSteps, possible
from tests.conftest import real_data
from tests.shared_real_clips import few_faces, rows, write_manifest

LABELS = ("angry", "disgust", "happy", "sad")
SUBJECTS = ("ann", "bob", "cid", "dee")


class _Shared(ForkedSteps):
    """A process to fork steps from that outlives the run which ends with it."""

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def one_process_to_fork_from() -> Iterator[None]:
    """All runs of a file fork their steps from one process: importing what steps import takes four CPU seconds."""
    if not possible():
        yield
        return
    shared = _Shared({})

    def made(environment: Mapping[str, str]) -> ForkedSteps:
        return shared

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kfp_adapter, "ForkedSteps", made)
        yield
    ForkedSteps.close(shared)


@pytest.fixture(scope="session")
def four_subjects(tmp_path_factory: pytest.TempPathFactory, sample_clips: Path) -> Path:
    """A CSV file of twelve sample clips of four labels, dealt out to four subjects."""
    with (sample_clips / "manifest.csv").open(newline="", encoding="utf-8") as file:
        found = [row for row in csv.DictReader(file) if row["label"] in LABELS]
    found.sort(key=lambda row: (row["label"], row["path"]))
    path = tmp_path_factory.mktemp("four") / "clips.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "subject", "split"])
        for number, row in enumerate(found):
            writer.writerow([sample_clips / row["path"], row["label"], SUBJECTS[number % 4], "train"])
    return path


@pytest.fixture(scope="session")
def clips_and_faces(
    tmp_path_factory: pytest.TempPathFactory, sample_clips: Path, sample_faces: Path
) -> tuple[Path, Path]:
    """Eighteen real clips of three speakers and some real faces; sample ones where the real data is not here."""
    data = real_data()
    if data is None:
        return sample_clips, sample_faces
    folder = tmp_path_factory.mktemp("real")
    return write_manifest(folder / "clips.csv", rows(data, ("01", "02", "05"))), few_faces(folder / "faces", data)
