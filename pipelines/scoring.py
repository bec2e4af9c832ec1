"""The scoring pipeline: clips in, a table with a row each out."""

from collections.abc import Callable
from typing import Any

from kfp import dsl

from affekt.components.score import score
from affekt.pipelines.profiles.applying import on_cluster


def scoring_pipeline(*, place: Callable[[Any], Any] = on_cluster) -> Callable[..., Any]:
    """The pipeline that scores the clips of a source.

    Args:
        place: says of a task where it runs, as of :func:`affekt.pipelines.training.training_pipeline`.

    Returns:
        A KFP pipeline with the parameters ``source, model, url, labels, kept, tracking_uri``, of which only the first
        has to be given.
    """

    @dsl.pipeline(
        name="affekt-scoring",
        description="Score many clips into one table with a registered ensemble, or through a running server.",
    )
    def affekt_scoring(
        source: str,
        model: str = "affekt@champion",
        url: str = "",
        labels: str = "",
        kept: str = "",
        tracking_uri: str = "",
    ) -> None:
        place(score(source=source, model=model, url=url, labels=labels, kept=kept, tracking_uri=tracking_uri))

    made: Callable[..., Any] = affekt_scoring
    return made
