"""All models and the fusion as one object: assembled from trained members, loaded, asked about a clip."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affekt.ensemble.answer import Answer
    from affekt.ensemble.asking import look_at, score_index
    from affekt.ensemble.assembly import assemble
    from affekt.ensemble.champion import Clips, Material, prepare_and_score, relabel
    from affekt.ensemble.ensemble import Ensemble
    from affekt.ensemble.learned import Learned, contents_of
    from affekt.ensemble.manifest import is_ensemble
    from affekt.ensemble.still_images import StillImages, score_images

__all__ = [
    "Answer",
    "Clips",
    "Ensemble",
    "Learned",
    "Material",
    "StillImages",
    "assemble",
    "contents_of",
    "is_ensemble",
    "look_at",
    "prepare_and_score",
    "relabel",
    "score_images",
    "score_index",
]

_MODULES = {
    "Answer": "answer",
    "Clips": "champion",
    "Ensemble": "ensemble",
    "Learned": "learned",
    "Material": "champion",
    "StillImages": "still_images",
    "assemble": "assembly",
    "contents_of": "learned",
    "is_ensemble": "manifest",
    "look_at": "asking",
    "prepare_and_score": "champion",
    "relabel": "champion",
    "score_images": "still_images",
    "score_index": "asking",
}


def __getattr__(name: str) -> Any:
    """Models are imported by what answers, not by what reads manifests alone, as a server's door."""
    if name in _MODULES:
        return getattr(import_module(f"affekt.ensemble.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
