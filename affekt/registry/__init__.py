"""The MLflow side: runs and their figures, the model registry with its aliases, and the gate between versions."""

from typing import TYPE_CHECKING

from affekt.names_on_use import names_on_use

if TYPE_CHECKING:
    from affekt.registry.champions import promote, rollback
    from affekt.registry.dataset import data_of, log_dataset
    from affekt.registry.decision import Decision
    from affekt.registry.gate import decide
    from affekt.registry.history import read_history
    from affekt.registry.jobs import close_abandoned, close_job, name_failed, open_job
    from affekt.registry.models import ModelVersion, list_models, resolve, version_of
    from affekt.registry.registering import register
    from affekt.registry.score_vectors import ScoreVectors
    from affekt.registry.tracking import ChildRun, Tracking, status_after
    from affekt.registry.writable import check_registry, check_store

__all__ = [
    "ChildRun",
    "Decision",
    "ModelVersion",
    "ScoreVectors",
    "Tracking",
    "check_registry",
    "check_store",
    "close_abandoned",
    "close_job",
    "data_of",
    "decide",
    "list_models",
    "log_dataset",
    "name_failed",
    "open_job",
    "promote",
    "read_history",
    "register",
    "resolve",
    "rollback",
    "status_after",
    "version_of",
]

# What registers and promotes is imported by what does so, not by what finds a model, as a server's start.
__getattr__ = names_on_use(
    __name__,
    {
        "champions": "promote rollback",
        "dataset": "data_of log_dataset",
        "decision": "Decision",
        "gate": "decide",
        "history": "read_history",
        "jobs": "close_abandoned close_job name_failed open_job",
        "models": "ModelVersion list_models resolve version_of",
        "registering": "register",
        "score_vectors": "ScoreVectors",
        "tracking": "ChildRun Tracking status_after",
        "writable": "check_registry check_store",
    },
)
