"""Kubeflow component: decide on evidence whether the challenger becomes the champion."""

from typing import Optional

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Model, Output

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def gate(
    prepared: Input[Dataset],
    scores: Input[Dataset],
    ensemble: Input[Model],
    evaluation: Input[Artifact],
    name: str,
    version: int,
    store: str,
    settings: str,
    run_id: str,
    tracking_uri: str,
    decision: Output[Artifact],
    report: Output[HTML],
    clips: Optional[Input[Dataset]] = None,  # noqa: UP045  kfp reads the annotation
) -> bool:
    """Compare challenger and champion on the same clips, ask the challenger in a real TorchServe, promote or keep.

    Args:
        prepared: index of what the challenger was evaluated on.
        scores: the score table and every fusion's answers.
        ensemble: the challenger.
        evaluation: its evaluation.
        name: under which it is registered.
        version: the challenger's version.
        store: root of the prepared store.
        settings: the run's settings as JSON.
        run_id: the parent MLflow run.
        tracking_uri: MLflow's tracking address.
        decision: the decision with its reasons and figures, JSON.
        report: the report with the decision.
        clips: the table of all clips, if it is clips.

    Returns:
        Whether the challenger was promoted.
    """
    from pathlib import Path

    from affekt.steps.step import step

    with step("gate", settings, tracking_uri=tracking_uri, run_id=run_id, group="gate") as this:
        from affekt.dataset import ClipTable
        from affekt.dataset.several import names_beside
        from affekt.ensemble import Clips, Material, StillImages, contents_of
        from affekt.media import PreparedIndex
        from affekt.registry import Tracking, data_of
        from affekt.score_table import ScoreTable
        from affekt.serving.check import check_serving
        from affekt.steps.evaluation_folder import read_evaluation, render
        from affekt.steps.gate_outcome import GateOutcome
        from affekt.steps.run_gate import Challenger, run_gate

        index = PreparedIndex.read(Path(prepared.path))
        fused = ScoreTable.read(Path(scores.path) / "fused.csv")
        tracking = Tracking(tracking_uri or None)
        called = names_beside(data_of(tracking, run_id))
        candidate = Challenger(name, version, Path(ensemble.path), fused, contents_of(index), called)
        if index.unit == "images":
            material: Material = StillImages.read(index.source)
        else:
            assert clips is not None, "an index of clips comes with their table"
            material = Clips(ClipTable.read(Path(clips.path)), store)
        found = run_gate(
            tracking,
            candidate,
            material,
            settings=this.settings,
            check=check_serving if this.settings.gate.check_serving else None,
            run_id=run_id,
        )
        evaluated = read_evaluation(Path(evaluation.path))
        outcome = GateOutcome.of(found, evaluated, name=name, version=version, run_id=run_id)
        outcome.write(Path(decision.path))
        render(Path(evaluation.path), Path(report.path), outcome)
        tags = {
            "affekt.model": f"{name}/{version}",
            "affekt.promoted": found.promote,
            "affekt.reason": found.reasons[0],
        }
        files = {"decision.json": Path(decision.path), "report.html": Path(report.path)}
        this.publish(tags=tags, files=files)
        for reason in found.reasons:
            this.say(reason)
        this.say(f"{name}/{version} {'is now the champion' if found.promote else 'stays a challenger'}")
        return found.promote
