"""Kubeflow component: train C3D on face images and windows of consecutive frames."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train_c3d(
    prepared: Input[Dataset],
    face_set: Input[Dataset],
    store: str,
    settings: str,
    run_id: str,
    tracking_uri: str,
    model: Output[Model],
) -> None:
    """Train the C3D once for each fold and once on all training clips.

    Args:
        prepared: index of the prepared clips.
        face_set: still face images, possibly none.
        store: root of the prepared store.
        settings: the run's settings as JSON.
        run_id: the parent MLflow run.
        tracking_uri: MLflow's tracking address.
        model: weights, description, learning curve, score table and confusion matrices.
    """
    from pathlib import Path

    from affekt.steps.step import step

    with step("c3d", settings, tracking_uri=tracking_uri, run_id=run_id, group="c3d") as this:
        from affekt.report.confusions import write_confusions
        from affekt.steps.train_member import Job, launch
        from affekt.storage import join

        job = Job(
            "c3d",
            prepared=prepared.path,
            faces=face_set.path,
            store=store,
            settings=settings,
            out=model.path,
            checkpoints=join(store, "checkpoints"),
        )
        launch(job, this.log)
        write_confusions(Path(model.path))
        this.keep(Path(model.path))
