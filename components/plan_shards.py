"""Kubeflow component: how the clips are dealt out to parallel preparation steps."""

from typing import List  # noqa: UP035  kfp reads the annotation

from kfp import dsl
from kfp.dsl import Dataset, Input

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def plan_shards(clips: Input[Dataset], clips_per_shard: int, run_id: str = "", tracking_uri: str = "") -> List[str]:  # noqa: UP006
    """Name the shards.

    Args:
        clips: the table of clips.
        clips_per_shard: the most clips that one preparation step takes, unless that would be more than 500 steps.
        run_id: the parent MLflow run; without one the step is in none.
        tracking_uri: MLflow's tracking address.

    Returns:
        ``["0/3", "1/3", "2/3"]``: number and count of each shard.
    """
    from pathlib import Path

    from affekt.steps.step import step

    with step("plan_shards", tracking_uri=tracking_uri, run_id=run_id) as this:
        from affekt.counted import counted
        from affekt.dataset import ClipTable

        clips_in_all = len(ClipTable.read(Path(clips.path)))
        size = max(clips_per_shard, -(-clips_in_all // 500))  # more tasks than that are too many for one workflow
        count = max(1, -(-clips_in_all // size))
        this.say(f"{counted(count, 'shards')} of at most {counted(size, 'clips')}")
        return [f"{number}/{count}" for number in range(count)]
