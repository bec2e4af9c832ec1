"""A member's training as a value that can be handed to other processes and other machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Job:
    """One member's training, by the places of what it reads and writes: each a path or an ``s3://`` uri.

    Attributes:
        member: the name of the model.
        prepared: folder of the prepared index; one of images has them beside it.
        store: root of the prepared store.
        settings: the run's settings as JSON.
        out: the member's folder; below ``s3://`` it is there when the training is complete.
        checkpoints: root of the checkpoints.
        faces: folder of the face images, for a model that learns from them; empty for none.
        needs: folders of the trained members that it reads, by name.
        run_id: the parent MLflow run, by which the jobs of a run are told from those of others.
        tracking_uri: MLflow's tracking address, where processes that nobody listens to record their metrics.
    """

    member: str
    prepared: str
    store: str
    settings: str
    out: str
    checkpoints: str
    faces: str = ""
    needs: Mapping[str, str] = field(default_factory=dict)
    run_id: str = ""
    tracking_uri: str = ""
