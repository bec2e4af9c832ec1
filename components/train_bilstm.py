"""Kubeflow component: train the Bi-LSTM on the fc6 features of a trained VGG."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train_bilstm(
    prepared: Input[Dataset],
    vgg: Input[Model],
    store: str,
    settings: str,
    run_id: str,
    tracking_uri: str,
    model: Output[Model],
) -> None:
    """Train the Bi-LSTM once for each fold, on that fold's VGG features, and once on all training clips.

    Args:
        prepared: index of the prepared clips.
        vgg: the trained VGG with those of its folds.
        store: root of the prepared store.
        settings: the run's settings as JSON.
        run_id: the parent MLflow run.
        tracking_uri: MLflow's tracking address.
        model: weights, description, learning curve, score table and confusion matrices.
    """
    from pathlib import Path

    from affekt.steps.step import step

    with step("bilstm", settings, tracking_uri=tracking_uri, run_id=run_id, group="bilstm") as this:
        from affekt.report.confusions import write_confusions
        from affekt.steps.train_member import Job, launch
        from affekt.storage import join

        job = Job(
            "bilstm",
            prepared=prepared.path,
            needs={"vgg": vgg.path},
            store=store,
            settings=settings,
            out=model.path,
            checkpoints=join(store, "checkpoints"),
        )
        launch(job, this.log)
        write_confusions(Path(model.path))
        this.keep(Path(model.path))
