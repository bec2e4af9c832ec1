"""All models and the fusion as one object: assembled from trained members, loaded, asked about a clip."""

from typing import TYPE_CHECKING

from affekt.names_on_use import names_on_use

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

# Models are imported by what answers, not by what reads manifests alone, as a server's door.
__getattr__ = names_on_use(
    __name__,
    {
        "answer": "Answer",
        "asking": "look_at score_index",
        "assembly": "assemble",
        "champion": "Clips Material prepare_and_score relabel",
        "ensemble": "Ensemble",
        "learned": "Learned contents_of",
        "manifest": "is_ensemble",
        "still_images": "StillImages score_images",
    },
)
