"""All models and the fusion as one object: assembled from trained members, loaded, asked about a clip."""

from affekt.ensemble.answer import Answer
from affekt.ensemble.asking import look_at, score_index
from affekt.ensemble.assembly import assemble, is_ensemble
from affekt.ensemble.champion import Clips, Material, prepare_and_score, relabel
from affekt.ensemble.ensemble import Ensemble
from affekt.ensemble.learned import Learned, contents_of
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
