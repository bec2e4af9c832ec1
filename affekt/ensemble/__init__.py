"""All models and the fusion as one object: assembled from trained members, loaded, asked about a clip."""

from affekt.ensemble.assembly import assemble
from affekt.ensemble.champion import prepare_and_score, relabel
from affekt.ensemble.ensemble import Answer, Ensemble
from affekt.ensemble.still_images import StillImages, score_images

__all__ = [
    "Answer",
    "Ensemble",
    "StillImages",
    "assemble",
    "prepare_and_score",
    "relabel",
    "score_images",
]
