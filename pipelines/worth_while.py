"""The first step of a training that starts by itself: is there anything to learn? If not, that is all it does."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from affekt.dataset import unit_of
from affekt.errors import UsageError
from affekt.home import home
from affekt.json_document import JsonDocument
from affekt.model_names import check_name
from affekt.pipelines.job import TrainingJob
from affekt.registry import Tracking, close_abandoned
from affekt.steps.news import News, find_news, keep_news
from affekt.steps.when import When

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Looked(JsonDocument):
    """What was found before a training.

    Attributes:
        name: in the registry.
        trains: whether the training is worth while.
        why: that, or what was too little, as a sentence.
        news: the counts.
        run_id: the MLflow run that says that there was nothing to do; ``""`` where there is a training.
        tracking_uri: where MLflow keeps it, without a login.
    """

    name: str
    trains: bool
    why: str
    news: News
    run_id: str
    tracking_uri: str


def look(job: TrainingJob, when: When, *, store: str = "") -> Looked:
    """Whether a training is worth while; where it is not, MLflow gets a finished run that says so.

    Args:
        job: that would start.
        when: what makes it worth while.
        store: root of the prepared store; default that of this machine.

    Raises:
        UsageError: the data are still images, of which it is not known what was learned from them.
        AffektError: the data set or the registry cannot be read.
    """
    if unit_of(job.data) == "images":
        raise UsageError("--when compares clips; for still images leave it out", code="usage")
    check_name(job.name)
    tracking = Tracking()
    for said in close_abandoned(tracking):
        logger.warning("%s", said)
    news = find_news(job.data, job.name, job.settings, when, store=store or str(home() / "store"), tracking=tracking)
    run_id = "" if news.worth_while else keep_news(news, when, job.name, job.data, tracking)
    return Looked(job.name, news.worth_while, news.sentence(when), news, run_id, tracking.shown)
