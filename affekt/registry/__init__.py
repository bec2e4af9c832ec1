"""The MLflow side: runs and their figures, the model registry with its aliases, and the gate between versions."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_MODULES = {
    "ChildRun": "tracking",
    "Decision": "decision",
    "ModelVersion": "models",
    "ScoreVectors": "score_vectors",
    "Tracking": "tracking",
    "check_registry": "writable",
    "check_store": "writable",
    "close_abandoned": "jobs",
    "close_job": "jobs",
    "data_of": "dataset",
    "decide": "gate",
    "list_models": "models",
    "log_dataset": "dataset",
    "name_failed": "jobs",
    "open_job": "jobs",
    "promote": "champions",
    "read_history": "history",
    "register": "registering",
    "resolve": "models",
    "rollback": "champions",
    "status_after": "tracking",
    "version_of": "models",
}


def __getattr__(name: str) -> Any:
    """What registers and promotes is imported by what does so, not by what finds a model, as a server's start."""
    if name in _MODULES:
        return getattr(import_module(f"affekt.registry.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
