"""Labelled clips: what they are, where they come from, how they are split and checked."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affekt.dataset.clips import SPLITS, Clip, ClipTable, Unit, table_of
    from affekt.dataset.faces import FaceImage, read_faces, unit_of
    from affekt.dataset.image_splits import assign_image_splits, repeated_across_splits
    from affekt.dataset.labels import LABELS, canonical_label, in_order
    from affekt.dataset.problems import Problem
    from affekt.dataset.protocols import PROTOCOLS, Fold, check_protocol, protocol_folds
    from affekt.dataset.source import Source, load_clips, read_source
    from affekt.dataset.splits import assign_splits, check_sides, subject_folds

__all__ = [
    "LABELS",
    "PROTOCOLS",
    "SPLITS",
    "Clip",
    "ClipTable",
    "FaceImage",
    "Fold",
    "Problem",
    "Source",
    "Unit",
    "assign_image_splits",
    "assign_splits",
    "canonical_label",
    "check_protocol",
    "check_sides",
    "in_order",
    "load_clips",
    "protocol_folds",
    "read_faces",
    "read_source",
    "repeated_across_splits",
    "subject_folds",
    "table_of",
    "unit_of",
]

_MODULES = {
    "LABELS": "labels",
    "PROTOCOLS": "protocols",
    "SPLITS": "clips",
    "Clip": "clips",
    "ClipTable": "clips",
    "FaceImage": "faces",
    "Fold": "protocols",
    "Problem": "problems",
    "Source": "source",
    "Unit": "clips",
    "assign_image_splits": "image_splits",
    "assign_splits": "splits",
    "canonical_label": "labels",
    "check_protocol": "protocols",
    "check_sides": "splits",
    "in_order": "labels",
    "load_clips": "source",
    "protocol_folds": "protocols",
    "read_faces": "faces",
    "read_source": "source",
    "repeated_across_splits": "image_splits",
    "subject_folds": "splits",
    "table_of": "clips",
    "unit_of": "faces",
}


def __getattr__(name: str) -> Any:
    """What reads data sets is imported by what trains and checks, not by what answers, which asks for labels alone."""
    if name in _MODULES:
        return getattr(import_module(f"affekt.dataset.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
