"""Labelled clips: what they are, where they come from, how they are split and checked."""

from typing import TYPE_CHECKING

from affekt.names_on_use import names_on_use

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

# What reads data sets is imported by what trains and checks, not by what answers, which asks for labels alone.
__getattr__ = names_on_use(
    __name__,
    {
        "clips": "SPLITS Clip ClipTable Unit table_of",
        "faces": "FaceImage read_faces unit_of",
        "image_splits": "assign_image_splits repeated_across_splits",
        "labels": "LABELS canonical_label in_order",
        "problems": "Problem",
        "protocols": "PROTOCOLS Fold check_protocol protocol_folds",
        "source": "Source load_clips read_source",
        "splits": "assign_splits check_sides subject_folds",
    },
)
