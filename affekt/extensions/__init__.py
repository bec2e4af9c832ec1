"""What can be added to affekt without touching it: each kind is a spec, found by the entry points of its group."""

from affekt.extensions.found import EXTENSIONS, extensions, named, offered_by
from affekt.extensions.model import ModelSpec, Resources, members_needed, model_names, model_spec, model_specs

__all__ = [
    "EXTENSIONS",
    "ModelSpec",
    "Resources",
    "extensions",
    "members_needed",
    "model_names",
    "model_spec",
    "model_specs",
    "named",
    "offered_by",
]
