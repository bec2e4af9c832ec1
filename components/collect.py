"""Kubeflow component: bring the prepared shards together and check how much was lost."""

from typing import List  # noqa: UP035  kfp reads the annotation

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def collect(
    clips: Input[Dataset],
    parts: Input[List[Dataset]],  # noqa: UP006
    settings: str,
    run_id: str,
    tracking_uri: str,
    prepared: Output[Dataset],
    counts: Output[Metrics],
) -> None:
    """Merge the shards' indices in the order of the clip table, and refuse copies on both sides of a split.

    Args:
        clips: the table of all clips.
        parts: the index of each shard.
        settings: the run's settings as JSON.
        run_id: the parent MLflow run.
        tracking_uri: MLflow's tracking address.
        prepared: index of all clips, and what was skipped.
        counts: clips, usable clips, remarks.
    """
    from pathlib import Path

    from affekt.steps.step import step

    with step("prepare", settings, tracking_uri=tracking_uri, run_id=run_id, group="media") as this:
        from affekt.checks import refuse_copies
        from affekt.counted import counted
        from affekt.dataset import ClipTable
        from affekt.media import PreparedIndex, check_skipped
        from affekt.registry import Tracking, log_dataset

        table = ClipTable.read(Path(clips.path))
        order = [clip.id for clip in table]
        index = PreparedIndex.merge((PreparedIndex.read(Path(part.path)) for part in parts), order)
        refuse_copies(table, {row.clip: row.key for row in index})  # a key follows from a file's content
        index.write(Path(prepared.path))
        figures = {
            "clips": len(order),
            "clips_prepared": len(index),
            "clips_without_face": sum(row.frames_with_face == 0 for row in index),
            "clips_without_voice": sum(not row.voice for row in index),
            "frames": sum(row.frames for row in index),
            "frames_with_face": sum(row.frames_with_face for row in index),
            "remarks": len(index.skipped),
        }
        for key, value in figures.items():
            counts.log_metric(key, value)
        this.log(figures)
        this.keep(Path(prepared.path))
        log_dataset(Tracking(tracking_uri or None), run_id, index)
        words = (key.partition("_") for key in figures)
        said = (
            f"{counted(n, what)} {more}".strip() for n, (what, _, more) in zip(figures.values(), words, strict=True)
        )
        this.say(", ".join(said).replace("_", " "))
        check_skipped(index, this.settings.media)
