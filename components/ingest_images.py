"""Kubeflow component: read still face images that are to be learned from alone, open the parent MLflow run."""

from kfp import dsl
from kfp.dsl import Dataset, Output

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def ingest_images(
    data: str,
    settings: str,
    name: str,
    job: str,
    tracking_uri: str,
    prepared: Output[Dataset],
) -> str:
    """Read, check, split and pack the face images of ``data``, and open the parent run.

    Args:
        data: folder, archive or CSV file of labelled face images.
        settings: the run's settings as JSON.
        name: under which the model will be registered.
        job: identifier of this pipeline run.
        tracking_uri: MLflow's tracking address; empty for the default below ``AFFEKT_HOME``.
        prepared: index of the images, and the images with their labels and splits beside it.

    Returns:
        The id of the parent MLflow run.
    """
    from collections import Counter
    from pathlib import Path

    from affekt.steps.step import code_digest, step

    with step("ingest", settings) as this:
        from affekt.counted import counted
        from affekt.dataset import read_faces
        from affekt.registry import Tracking, check_registry, log_dataset, open_job
        from affekt.store.images import prepare_images

        tracking = Tracking(tracking_uri or None)
        check_registry(tracking, name)
        tags = {"affekt.data": data, "affekt.code": code_digest()}
        run_id = open_job(tracking, name, job, this.settings.flat(), tags)
        this.opened(tracking, run_id)
        index = prepare_images(read_faces(data), this.settings, Path(prepared.path), source=data)
        splits = Counter(row.split for row in index)
        counts = ", ".join(f"{count} {split}" for split, count in splits.items())
        this.say(f"{counted(len(index), 'face images')} ({counts}), {counted(len(index.labels), 'labels')}")
        log_dataset(tracking, run_id, index)
        return run_id
