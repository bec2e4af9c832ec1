"""Kubeflow component: score many clips into one table with a registered model, or through a running server."""

from kfp import dsl
from kfp.dsl import Dataset, Metrics, Output

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def score(
    source: str,
    model: str,
    url: str,
    labels: str,
    kept: str,
    tracking_uri: str,
    table: Output[Dataset],
    figures: Output[Metrics],
) -> None:
    """Write a table with a row for each clip; a clip without an answer has a row with its error.

    Args:
        source: a folder, a prefix or ``@LIST``, a file with a name a line; local or ``s3://``.
        model: a registered model, name@champion or name/7.
        url: of a server to ask instead, whose key is read from AFFEKT_KEY; empty for the registered model.
        labels: those that can be right, where that is known, such as ``happy,sad``; empty for all.
        kept: ``s3://`` folder of what is worked out until the table is written, so that another pod goes on with it
            when this one dies; empty for none.
        tracking_uri: MLflow's tracking address.
        table: the table, Parquet.
        figures: rows, and how many of them have an answer.
    """
    from affekt.counted import counted
    from affekt.steps.step import step

    with step("score") as this:
        from affekt.steps.score_source import score_source

        among = [word for word in labels.split(",") if word.strip()]
        found = score_source(
            source, table.path, model=model, url=url, labels=among, kept=kept, tracking_uri=tracking_uri
        )
        table.metadata.update(found.to_dict())
        figures.log_metric("rows", float(found.rows))
        figures.log_metric("answered", float(found.answered))
        this.say(f"answered: {found.answered:,} of {counted(found.rows, 'rows')}")
