"""The pipeline for still images alone: labelled faces in, a judged, registered and perhaps promoted VGG out."""

from collections.abc import Callable
from typing import Any

from kfp import dsl

from affekt.components.evaluate import evaluate
from affekt.components.finish import finish
from affekt.components.fit_fusion import fit_fusion
from affekt.components.gate import gate
from affekt.components.ingest_faces import ingest_faces
from affekt.components.register import register
from affekt.components.static_signature import static_component
from affekt.components.train_model import train_model
from affekt.pipelines.placement import on_cluster, training_step


def face_pipeline(*, place: Callable[[Any], Any] = on_cluster) -> Callable[..., Any]:
    """The pipeline that trains the VGG on still images (paper.md, section 4.3.2, without the clips).

    Args:
        place: says of a task where it runs; on this machine
            :func:`affekt.pipelines.placement.on_this_machine`.

    Returns:
        A KFP pipeline with the parameters ``data, settings, name, job, store, tracking_uri``. The settings are those
        that :func:`affekt.pipelines.still_images.settings_for_faces` returns.
    """

    @dsl.pipeline(
        name="affekt-face-training",
        description="Train, judge, register and promote a model that tells emotions from still images of faces.",
    )
    def affekt_face_training(
        data: str,
        settings: str,
        name: str = "affekt",
        job: str = dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        store: str = "",
        tracking_uri: str = "",
    ) -> None:
        with dsl.ExitHandler(place(finish(job=job, tracking_uri=tracking_uri))):
            read = place(ingest_faces(data=data, settings=settings, name=name, job=job, tracking_uri=tracking_uri))
            images = read.outputs["images"]
            run: dict[str, Any] = {"run_id": read.outputs["Output"], "tracking_uri": tracking_uri, "settings": settings}
            train = static_component(train_model, name=training_step("vgg"))
            vgg = place(train(member="vgg", prepared=read.outputs["clips"], face_set=images, store=store, **run))
            fuse = static_component(fit_fusion, members=["vgg"])
            fused = place(fuse(prepared=images, models="vgg", vgg=vgg.outputs["model"], **run))
            ensemble, scores = fused.outputs["ensemble"], fused.outputs["scores"]
            judged = place(evaluate(prepared=images, scores=scores, ensemble=ensemble, store=store, **run))
            evaluation = judged.outputs["evaluation"]
            registered = place(register(ensemble=ensemble, evaluation=evaluation, name=name, **run))
            place(
                gate(
                    clips=images,
                    scores=scores,
                    ensemble=ensemble,
                    evaluation=evaluation,
                    name=name,
                    version=registered.output,
                    store=store,
                    faces=data,
                    **run,
                )
            )

    made: Callable[..., Any] = affekt_face_training
    return made
