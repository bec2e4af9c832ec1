"""Kubeflow component: put the ensemble into the MLflow model registry."""

from kfp import dsl
from kfp.dsl import Artifact, Input, Model

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def register(
    ensemble: Input[Model], evaluation: Input[Artifact], name: str, settings: str, run_id: str, tracking_uri: str
) -> int:
    """Register the ensemble as a new version, the challenger.

    Args:
        ensemble: the assembled ensemble.
        evaluation: its evaluation.
        name: under which it is registered.
        settings: the run's settings as JSON.
        run_id: the parent MLflow run.
        tracking_uri: MLflow's tracking address.

    Returns:
        The version's number.
    """
    from pathlib import Path

    from affekt.steps.step import step

    with step("registration", settings, tracking_uri=tracking_uri, run_id=run_id) as this:
        from affekt.registry import Tracking
        from affekt.steps.register import register_ensemble

        tracking = Tracking(tracking_uri or None)
        version = register_ensemble(tracking, Path(ensemble.path), Path(evaluation.path), name=name, run_id=run_id)
        this.say(f"{name}/{version}")
        return version
