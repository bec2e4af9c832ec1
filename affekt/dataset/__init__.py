"""Labelled clips: what they are, where they come from, how they are split and checked."""

from affekt.dataset.check import CheckReport, check_source
from affekt.dataset.clips import SPLITS, Clip, ClipTable, table_of
from affekt.dataset.faces import FaceImage, read_faces
from affekt.dataset.labels import LABELS, canonical_label, in_order
from affekt.dataset.problems import Problem
from affekt.dataset.source import Source, load_clips, read_source
from affekt.dataset.splits import assign_splits, subject_folds

__all__ = [
    "LABELS",
    "SPLITS",
    "CheckReport",
    "Clip",
    "ClipTable",
    "FaceImage",
    "Problem",
    "Source",
    "assign_splits",
    "canonical_label",
    "check_source",
    "in_order",
    "load_clips",
    "read_faces",
    "read_source",
    "subject_folds",
    "table_of",
]
