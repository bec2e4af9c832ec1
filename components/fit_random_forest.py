"""Kubeflow component: fit the random forest on the eGeMAPS functionals."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def fit_random_forest(
    prepared: Input[Dataset], store: str, settings: str, run_id: str, tracking_uri: str, model: Output[Model]
) -> None:
    """Fit the random forest once for each fold and once on all training clips.

    Args:
        prepared: index of the prepared clips.
        store: root of the prepared store.
        settings: the run's settings as JSON.
        run_id: the parent MLflow run.
        tracking_uri: MLflow's tracking address.
        model: the classifier, its description, score table and confusion matrices.
    """
    from pathlib import Path

    from affekt.steps.step import step

    with step("random_forest", settings, tracking_uri=tracking_uri, run_id=run_id, group="random_forest") as this:
        from affekt.report.confusions import write_confusions
        from affekt.steps.train_member import Job, launch
        from affekt.storage import join

        job = Job(
            "random_forest",
            prepared=prepared.path,
            store=store,
            settings=settings,
            out=model.path,
            checkpoints=join(store, "checkpoints"),
        )
        launch(job, this.log)
        write_confusions(Path(model.path))
        this.keep(Path(model.path))
