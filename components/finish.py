"""Kubeflow component: close the parent MLflow run, however the pipeline ended, and tell who is to hear of it."""

from kfp import dsl
from kfp.dsl import PipelineTaskFinalStatus

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def finish(job: str, tracking_uri: str, status: PipelineTaskFinalStatus, notify: str = "") -> None:
    """Mark the parent run as finished, failed or killed.

    Args:
        job: identifier of the pipeline run, by which the parent run is found.
        tracking_uri: MLflow's tracking address.
        status: how the pipeline ended.
        notify: of a scheduled run, who hears of its end, as JSON.
    """
    from affekt.patience import at_most
    from affekt.steps.step import step

    # Where the server is gone for good, the step that failed of it has waited already.
    with step("finish") as this, at_most(120):
        from affekt.registry import Tracking, close_job
        from affekt.steps.tell_end import tell_end

        tracking, said = Tracking(tracking_uri or None), status.error_message or ""
        try:
            this.say(close_job(tracking, job, status.state, said))
        finally:
            if notify:
                tell_end(notify, tracking, job, status.state, said)
