"""The MLflow side: runs and their figures, the model registry with its aliases, and the gate between versions."""

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
