"""Kubeflow component: look whether there is anything to learn, before a training that starts by itself."""

from kfp import dsl

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def look(data: str, when: str, name: str, store: str, settings: str, job: str, tracking_uri: str) -> str:
    """Compare the data set with what the champion learned from; nothing is fetched.

    Args:
        data: folder, CSV file or ``s3://`` address of the labelled clips.
        when: what makes a training worth while, as JSON; empty where every start trains.
        name: of the champion in the registry.
        store: root of the prepared store, which knows the contents of what was prepared before.
        settings: the run's settings as JSON.
        job: identifier of this pipeline run.
        tracking_uri: MLflow's tracking address.

    Returns:
        ``train``, or ``nothing``: MLflow has a finished run then that says why.
    """
    import json

    from affekt.steps.step import step

    with step("look", settings) as this:
        if not when:
            this.say("every start trains")
            return "train"
        from affekt.registry import Tracking
        from affekt.steps.news import find_news, keep_news
        from affekt.steps.when import When

        asked, tracking = When.of(json.loads(when)), Tracking(tracking_uri or None)
        news = find_news(data, name, this.settings, asked, store=store, tracking=tracking)
        this.say(news.sentence(asked))
        if news.worth_while:
            return "train"
        keep_news(news, asked, name, data, tracking, job=job)
        return "nothing"
