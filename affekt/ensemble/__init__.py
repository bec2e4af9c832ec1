"""All models and the fusion as one object: assembled from trained members, loaded, asked about a clip."""

from affekt.ensemble.assembly import assemble, file_digest
from affekt.ensemble.challenge import Challenger, challenge
from affekt.ensemble.champion import prepare_and_score, relabel
from affekt.ensemble.ensemble import Answer, Ensemble
from affekt.ensemble.fusing import Fused, fit_fusions, reported_split
from affekt.ensemble.judging import Judgement, judge, render
from affekt.ensemble.pooling import FoldScores, pool
from affekt.ensemble.still_images import StillImages, score_images
from affekt.ensemble.trial import Trial

__all__ = [
    "Answer",
    "Challenger",
    "Ensemble",
    "FoldScores",
    "Fused",
    "Judgement",
    "StillImages",
    "Trial",
    "assemble",
    "challenge",
    "file_digest",
    "fit_fusions",
    "judge",
    "pool",
    "prepare_and_score",
    "relabel",
    "render",
    "reported_split",
    "score_images",
]
