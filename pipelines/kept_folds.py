"""The folds of a protocol as they are kept: each a folder named by a digest of all that its outcome depends on."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from affekt import events
from affekt.dataset import Fold
from affekt.errors import AffektError, rebuilt
from affekt.pipelines.job import TrainingJob
from affekt.pipelines.run import artifact, run_pipeline
from affekt.pipelines.runners import Containers, Processes
from affekt.steps.evaluation_folder import FIGURE7, REPORT
from affekt.steps.pool_folds import FoldScores
from affekt.steps.step import code_digest
from affekt.storage import appearing, file_digest, is_remote, list_entries, open_local

#: The clips of a fold, in a folder of their own, since containers see the folder of their data read-only.
CLIPS = "input/clips.csv"
_PREPARED, _SCORES, _DONE = "prepared", "scores", "fold.json"


def fold_keys(job: TrainingJob, folds: Sequence[Fold], digests: Mapping[str, str]) -> dict[str, str]:
    """The digest under which each fold's outcome is kept, by the fold's name."""
    common = [job.settings.to_json(), list(job.models), _listing(job.faces), code_digest()]
    keys = {}
    for fold in folds:
        rows = [
            [clip.id, digests[clip.id], clip.label, clip.subject, clip.split, clip.attributes] for clip in fold.table
        ]
        text = json.dumps([rows, *common], sort_keys=True)
        keys[fold.name] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return keys


def _listing(faces: str) -> list[Any]:
    """What tells one set of face images from another: names and sizes in a folder, the content of a single file."""
    if not faces:
        return []
    if is_remote(faces) or Path(faces).is_dir():
        return sorted([entry.path, entry.size] for entry in list_entries(faces))
    with open_local(faces) as path:
        return [file_digest(path)]


def is_done(place: Path) -> bool:
    """Whether a fold's folder holds its whole outcome."""
    return (place / _DONE).is_file()


def train_fold(
    job: TrainingJob, fold: Fold, place: Path, say: events.Listener, runner: Processes | Containers
) -> float:
    """Run the pipeline on a fold and keep what its evaluation needs; the models are removed. Returns the seconds."""
    shutil.rmtree(place, ignore_errors=True)  # of a run that was interrupted
    (place / CLIPS).parent.mkdir(parents=True)
    fold.table.write(place / CLIPS)
    of_fold = replace(job, data=str(place / CLIPS), name=f"{job.name} {fold.name}")
    try:
        run = run_pipeline(of_fold, place / "run", say=say, runner=runner, registered=False)
    except AffektError as error:
        where = f"fold {fold.name!r}" + (f", {error.where}" if error.where else "")
        raise rebuilt(type(error).__name__, error.message, error.code, where) from error
    shutil.copytree(artifact(run.folder, "collect", "prepared"), place / _PREPARED)
    shutil.copytree(artifact(run.folder, "fit-fusion", "scores"), place / _SCORES)
    shutil.copyfile(artifact(run.folder, "evaluate", "report"), place / REPORT)
    if (drawn := artifact(run.folder, "evaluate", "evaluation") / FIGURE7).is_dir():
        shutil.copytree(drawn, place / FIGURE7)
    shutil.rmtree(run.folder / "artifacts")  # two networks of 100 million parameters a fold fill a disk
    with appearing(place / _DONE) as part:
        part.write_text(json.dumps({"name": fold.name, "seconds": run.seconds}), encoding="utf-8")
    return run.seconds


def kept_fold(fold: Fold, place: Path, run_id: str | None) -> FoldScores:
    """What is kept of a fold, for the pooled evaluation; ``run_id`` is its MLflow run."""
    facts = json.loads((place / _DONE).read_text(encoding="utf-8"))
    return FoldScores(
        fold.name,
        fold.held_out,
        fold.reported,
        tuple(clip.id for clip in fold.table.select(split=fold.reported)),
        place / _PREPARED,
        place / _SCORES,
        figure7=place / FIGURE7 if (place / FIGURE7).is_dir() else None,
        seconds=facts["seconds"],
        run_id=run_id,
        report=str(place / REPORT),
    )


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the protocol's folder: two processes would remove each other's folds."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AffektError(
                "another process runs this protocol on the same clips; wait for it", code="busy", where=str(folder)
            ) from error
        yield
