"""Kubeflow component: train one model, whichever it is."""

from typing import Optional

from kfp.dsl import Dataset, Input, Model, Output


def train_model(
    member: str,
    prepared: Input[Dataset],
    store: str,
    settings: str,
    run_id: str,
    tracking_uri: str,
    model: Output[Model],
    face_set: Optional[Input[Dataset]] = None,  # noqa: UP045  kfp reads the annotation
    **needs: Input[Model],
) -> None:
    """Train a model once for each fold and once on all training clips.

    Args:
        member: its name.
        prepared: index of the prepared clips.
        store: root of the prepared store.
        settings: the run's settings as JSON.
        run_id: the parent MLflow run.
        tracking_uri: MLflow's tracking address.
        model: what answers, its description, learning curve, score table and confusion matrices.
        face_set: still face images, for a model that learns from them.
        needs: the trained members that it reads, with those of their folds.
    """
    from pathlib import Path

    from affekt.steps.step import step

    with step(member, settings, tracking_uri=tracking_uri, run_id=run_id, group=member) as this:
        from affekt.report.confusions import write_confusions
        from affekt.steps.train_member import launch
        from affekt.steps.training_job import Job
        from affekt.storage import join

        job = Job(
            member,
            prepared=prepared.path,
            faces=face_set.path if face_set else "",
            needs={name: trained.path for name, trained in needs.items()},
            store=store,
            settings=settings,
            out=model.path,
            checkpoints=join(store, "checkpoints"),
            run_id=run_id,
            tracking_uri=tracking_uri,
        )
        launch(job, this.log)
        write_confusions(Path(model.path))
        this.keep(Path(model.path))
