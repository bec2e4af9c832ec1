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
    import json
    from pathlib import Path

    from affekt.steps.step import step

    with step("registration", settings) as this:
        from affekt.registry import Tracking
        from affekt.registry import register as add
        from affekt.steps.evaluation_folder import read_evaluation

        found = read_evaluation(Path(evaluation.path)).figures
        facts = json.loads((Path(ensemble.path) / "ensemble.json").read_text(encoding="utf-8"))["facts"]
        metrics = {"accuracy": found.accuracy, "unweighted_average_recall": found.unweighted_average_recall}
        tags = {f"affekt.{key}": str(value) for key, value in facts.items()}
        tracking = Tracking(tracking_uri or None)
        version = add(tracking, Path(ensemble.path), name=name, run_id=run_id, metrics=metrics, tags=tags)
        this.say(f"{name}/{version}")
        return version
