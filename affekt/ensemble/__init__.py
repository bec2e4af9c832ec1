"""All models and the fusion as one object: assembled from trained members, loaded, asked about a clip."""

from affekt.ensemble.assembly import assemble, file_digest
from affekt.ensemble.challenge import Challenger, challenge
from affekt.ensemble.champion import prepare_and_score, relabel
from affekt.ensemble.ensemble import Answer, Ensemble
from affekt.ensemble.fusing import Fused, fit_fusions, reported_split
from affekt.ensemble.judging import Judgement, judge, render

__all__ = [
    "Answer",
    "Challenger",
    "Ensemble",
    "Fused",
    "Judgement",
    "assemble",
    "challenge",
    "file_digest",
    "fit_fusions",
    "judge",
    "prepare_and_score",
    "relabel",
    "render",
    "reported_split",
]
