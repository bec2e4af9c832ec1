"""Kubeflow component: prepare one shard of the clips into the store."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def prepare_shard(
    clips: Input[Dataset],
    shard: str,
    store: str,
    settings: str,
    prepared: Output[Dataset],
    job: str = "",
    tracking_uri: str = "",
) -> None:
    """Decode each clip once; keep its face crops and functionals in the store.

    Args:
        clips: the table of all clips.
        shard: ``number/count`` of the part to prepare.
        store: root of the prepared store, a path or ``s3://`` address.
        settings: the run's settings as JSON.
        prepared: index of the shard's clips, and what was skipped.
        job: identifier of the pipeline run, whose MLflow run names a shard that failed; without one no run does.
        tracking_uri: MLflow's tracking address.
    """
    from pathlib import Path

    from affekt.steps.step import step

    with step(f"prepare[{shard}]", settings, job=job, tracking_uri=tracking_uri) as this:
        from affekt.counted import counted
        from affekt.dataset import ClipTable
        from affekt.registry import check_store
        from affekt.store.entries import Store
        from affekt.store.preparing import prepare_clips

        check_store(store)  # before clips are decoded for hours
        number, count = map(int, shard.split("/"))
        table = ClipTable.read(Path(clips.path)).shard(number, count)
        index = prepare_clips(table, Store(store, this.settings.media))
        index.write(Path(prepared.path))
        this.say(f"{len(index)} of {counted(len(table), 'clips')} prepared, {counted(len(index.skipped), 'remarks')}")
