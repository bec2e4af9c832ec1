"""Kubeflow component: how the clips are dealt out to parallel preparation steps."""

from typing import List  # noqa: UP035  kfp reads the annotation

from kfp import dsl
from kfp.dsl import Dataset, Input

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def plan_shards(clips: Input[Dataset], clips_per_shard: int) -> List[str]:  # noqa: UP006
    """Name the shards.

    Args:
        clips: the table of clips.
        clips_per_shard: the most clips that one preparation step takes.

    Returns:
        ``["0/3", "1/3", "2/3"]``: number and count of each shard.
    """
    from pathlib import Path

    from affekt.steps.step import step

    with step("plan_shards") as this:
        from affekt.counted import counted
        from affekt.dataset import ClipTable

        count = max(1, -(-len(ClipTable.read(Path(clips.path))) // clips_per_shard))
        this.say(f"{counted(count, 'shards')} of at most {counted(clips_per_shard, 'clips')}")
        return [f"{number}/{count}" for number in range(count)]
