"""Kubeflow component: evaluate every model and every fusion on clips that none was fitted on."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Model, Output

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def evaluate(
    prepared: Input[Dataset],
    scores: Input[Dataset],
    ensemble: Input[Model],
    store: str,
    settings: str,
    run_id: str,
    tracking_uri: str,
    evaluation: Output[Artifact],
    report: Output[HTML],
    figures: Output[Metrics],
) -> None:
    """Write the paper's tables and figures for this data.

    Args:
        prepared: index of the prepared clips.
        scores: the score table and every fusion's answers.
        ensemble: the assembled ensemble.
        store: root of the prepared store.
        settings: the run's settings as JSON.
        run_id: the parent MLflow run.
        tracking_uri: MLflow's tracking address.
        evaluation: ``evaluation.json`` and the figures.
        report: the report as one HTML file.
        figures: accuracy of each model and fusion.
    """
    from pathlib import Path

    from affekt.steps.step import step

    with step("evaluation", settings, tracking_uri=tracking_uri, run_id=run_id, group="evaluation") as this:
        from affekt.report.wording import headline, main_figure, main_figures
        from affekt.steps.evaluate import evaluate

        found = evaluate(
            Path(prepared.path), Path(scores.path), Path(ensemble.path), store, this.settings, Path(evaluation.path)
        )
        Path(report.path).write_text(
            (Path(evaluation.path) / "report.html").read_text(encoding="utf-8"), encoding="utf-8"
        )
        for key, value in found.scalars().items():
            figures.log_metric(key, value)
        this.log(found.scalars())
        this.publish(main_figures(found), {"affekt.models": ",".join(found.models)}, headline=main_figure(found))
        this.keep(Path(evaluation.path))
        if (drawn := Path(evaluation.path) / "figure7").is_dir():
            this.keep(drawn)
        this.say(headline(found))
