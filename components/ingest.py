"""Kubeflow component: read the labelled clips of a data set, split them by subject, open the parent MLflow run."""

from kfp import dsl
from kfp.dsl import Dataset, Output

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def ingest(data: str, settings: str, name: str, job: str, tracking_uri: str, clips: Output[Dataset]) -> str:
    """Read and check the clips of ``data``, and open the parent run.

    Args:
        data: folder, CSV file or ``s3://`` address of the labelled clips.
        settings: the run's settings as JSON.
        name: under which the ensemble will be registered.
        job: identifier of this pipeline run.
        tracking_uri: MLflow's tracking address; empty for the default below ``AFFEKT_HOME``.
        clips: the table of clips, CSV.

    Returns:
        The id of the parent MLflow run.
    """
    from pathlib import Path

    from affekt.steps.step import code_digest, step

    with step("ingest", settings) as this:
        from affekt.checks import refuse_few_people
        from affekt.counted import counted
        from affekt.dataset import assign_splits, check_sides, load_clips
        from affekt.registry import Tracking, check_registry, open_job

        tracking = Tracking(tracking_uri or None)
        check_registry(tracking, name)
        tags = {"affekt.data": data, "affekt.code": code_digest()}
        run_id = open_job(tracking, name, job, this.settings.flat(), tags)
        this.opened(tracking, run_id)
        rule = this.settings
        table = assign_splits(
            load_clips(data, leave_out_unlabelled=rule.leave_out_unlabelled),
            val_share=rule.val_share,
            seed=rule.seed,
            allow_shared_subjects=rule.allow_shared_subjects,
        )
        check_sides(table)
        refuse_few_people(table, rule.fusion)
        table.write(Path(clips.path))
        this.say(
            f"{counted(len(table), 'clips')}, {counted(len(table.labels), 'labels')}, "
            f"{counted(len(table.subjects), 'subjects')}"
        )
        return run_id
