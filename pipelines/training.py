"""The training pipeline: labelled clips or images in, an evaluated, registered and perhaps promoted ensemble out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kfp import dsl

from affekt.components.collect import collect
from affekt.components.evaluate import evaluate
from affekt.components.finish import finish
from affekt.components.fit_fusion import fit_fusion
from affekt.components.gate import gate
from affekt.components.ingest import ingest
from affekt.components.ingest_images import ingest_images
from affekt.components.look import look
from affekt.components.plan_shards import plan_shards
from affekt.components.prepare_faces import prepare_faces
from affekt.components.prepare_shard import prepare_shard
from affekt.components.register import register
from affekt.components.static_signature import static_component
from affekt.components.train_model import train_model
from affekt.dataset import Unit
from affekt.extensions import members_needed, model_names, model_spec
from affekt.pipelines.placement import training_step
from affekt.pipelines.profiles.applying import on_cluster

#: Of the pipeline, scheduled or not.
NAME = "affekt-training"
_DESCRIPTION = "Train, evaluate, register and promote an ensemble that tells emotions from face and voice."
#: Shards that are prepared at the same time on a cluster.
PARALLEL_SHARDS = 8


def training_pipeline(
    models: Sequence[str] = (),
    *,
    unit: Unit = "clips",
    place: Callable[[Any], Any] = on_cluster,
    parallel_shards: int = PARALLEL_SHARDS,
    registered: bool = True,
    scheduled: bool = False,
) -> Callable[..., Any]:
    """The pipeline that trains the given models and those that they need.

    Args:
        models: the models to fuse; all that are installed by default.
        unit: what the data set holds. Still images are read and prepared in one step, and learned from alone; their
            settings are those that :func:`affekt.pipelines.job.settings_of` returns.
        place: says of a task where it runs; on this machine
            :func:`affekt.pipelines.placement.on_this_machine`.
        parallel_shards: how many shards are prepared at once.
        registered: whether the ensemble is registered and the gate decides on it; without, it is only evaluated.
        scheduled: whether the first step looks if there is anything to learn, and the last one tells of the end.

    Returns:
        A KFP pipeline with the parameters ``data, settings, name, faces, store, tracking_uri, clips_per_shard``;
        ``faces`` and ``clips_per_shard`` mean nothing to one of images. One that is scheduled has ``when`` and
        ``notify`` as well (:func:`affekt.components.look.look`, :func:`affekt.components.finish.finish`).
    """
    training = _Training(tuple(models) or model_names(), unit, place, parallel_shards, registered)
    # A constant of the tasks: backends do not replace the placeholder in the default of a parameter.
    job = dsl.PIPELINE_JOB_ID_PLACEHOLDER

    @dsl.pipeline(name=NAME, description=_DESCRIPTION)
    def affekt_training(
        data: str,
        settings: str,
        name: str = "affekt",
        faces: str = "",
        store: str = "",
        tracking_uri: str = "",
        clips_per_shard: int = 256,
    ) -> None:
        with dsl.ExitHandler(place(finish(job=job, tracking_uri=tracking_uri))):
            training.tasks(job, data, settings, name, faces, store, tracking_uri, clips_per_shard)

    @dsl.pipeline(name=NAME, description=_DESCRIPTION)
    def scheduled_training(
        data: str,
        settings: str,
        name: str = "affekt",
        faces: str = "",
        store: str = "",
        tracking_uri: str = "",
        clips_per_shard: int = 256,
        when: str = "",
        notify: str = "",
    ) -> None:
        with dsl.ExitHandler(place(finish(job=job, tracking_uri=tracking_uri, notify=notify))):
            asked = {"name": name, "store": store, "settings": settings, "job": job, "tracking_uri": tracking_uri}
            looked = place(look(data=data, when=when, **asked))
            with dsl.If(looked.output == "train", name="worth-while"):
                training.tasks(job, data, settings, name, faces, store, tracking_uri, clips_per_shard)

    made: Callable[..., Any] = scheduled_training if scheduled else affekt_training
    return made


@dataclass(frozen=True)
class _Training:
    """What a training pipeline is made for; attributes as the arguments of :func:`training_pipeline`."""

    models: tuple[str, ...]
    unit: Unit
    place: Callable[[Any], Any]
    parallel_shards: int
    registered: bool

    def tasks(
        self, job: str, data: Any, settings: Any, name: Any, faces: Any, store: Any, tracking_uri: Any, per_shard: Any
    ) -> None:
        """The tasks from the first look at the data to the gate, of the pipeline's inputs."""
        specs = [model_spec(each) for each in members_needed(self.models)]
        read = self.place(
            (ingest if self.unit == "clips" else ingest_images)(
                data=data, settings=settings, name=name, job=job, tracking_uri=tracking_uri
            )
        )
        run: dict[str, Any] = {"run_id": read.outputs["Output"], "tracking_uri": tracking_uri, "settings": settings}
        table: dict[str, Any] = {}
        images: dict[str, Any] = {}
        if self.unit == "images":
            prepared = read.outputs["prepared"]
        else:
            table["clips"] = read.outputs["clips"]
            shards = self.place(
                plan_shards(clips_per_shard=per_shard, run_id=run["run_id"], tracking_uri=tracking_uri, **table)
            )
            with dsl.ParallelFor(shards.output, parallelism=self.parallel_shards) as shard:
                # Without the run: kfp 2.17's local runner takes the loop's item for it, both being an "Output".
                part = self.place(
                    prepare_shard(
                        shard=shard, store=store, settings=settings, job=job, tracking_uri=tracking_uri, **table
                    )
                )
            merged = self.place(collect(parts=dsl.Collected(part.outputs["prepared"]), **table, **run))
            prepared = merged.outputs["prepared"]
            if any(spec.learns_from_images for spec in specs):
                images["face_set"] = self.place(prepare_faces(faces=faces, **run)).outputs["face_set"]

        trained: dict[str, Any] = {}
        for spec in specs:
            train = static_component(train_model, name=training_step(spec.name), members=spec.needs)
            given = {name: trained[name] for name in spec.needs} | (images if spec.learns_from_images else {})
            task = self.place(train(member=spec.name, prepared=prepared, store=store, **given, **run))
            trained[spec.name] = task.outputs["model"]

        fuse = static_component(fit_fusion, members=tuple(trained))
        fused = self.place(fuse(prepared=prepared, models=",".join(self.models), store=store, **trained, **run))
        ensemble, scores = fused.outputs["ensemble"], fused.outputs["scores"]
        evaluated = self.place(evaluate(prepared=prepared, scores=scores, ensemble=ensemble, store=store, **run))
        evaluation = evaluated.outputs["evaluation"]
        if self.registered:
            version = self.place(register(ensemble=ensemble, evaluation=evaluation, name=name, **run))
            self.place(
                gate(
                    prepared=prepared,
                    scores=scores,
                    ensemble=ensemble,
                    evaluation=evaluation,
                    name=name,
                    version=version.output,
                    store=store,
                    **table,
                    **run,
                )
            )
