"""What can be added to affekt without touching it: each kind is a spec, found by the entry points of its group."""

from affekt.extensions.detector import DetectorSpec, detector_names, detector_spec
from affekt.extensions.found import EXTENSIONS, extension, extension_names, extensions, named, offered_by
from affekt.extensions.fusion import FusionSpec, LabelledScores, fusion_names, fusion_spec, fusion_specs, fusions_for
from affekt.extensions.layout import FileFacts, LayoutSpec, Tree, layout_specs
from affekt.extensions.model import (
    ModelSpec,
    Resources,
    members_needed,
    model_names,
    model_spec,
    model_specs,
    models_named,
    only_images,
)

__all__ = [
    "EXTENSIONS",
    "DetectorSpec",
    "FileFacts",
    "FusionSpec",
    "LabelledScores",
    "LayoutSpec",
    "ModelSpec",
    "Resources",
    "Tree",
    "detector_names",
    "detector_spec",
    "extension",
    "extension_names",
    "extensions",
    "fusion_names",
    "fusion_spec",
    "fusion_specs",
    "fusions_for",
    "layout_specs",
    "members_needed",
    "model_names",
    "model_spec",
    "model_specs",
    "models_named",
    "named",
    "offered_by",
    "only_images",
]
