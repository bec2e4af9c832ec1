"""Kubeflow component: fit the random forest on the eGeMAPS functionals."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def fit_random_forest(
    prepared: Input[Dataset], store: str, settings: str, run_id: str, tracking_uri: str, model: Output[Model]
) -> None:
    """Fit the random forest once for each fold and once on all training clips.

    Args:
        prepared: index of the prepared clips.
        store: root of the prepared store.
        settings: the run's settings as JSON.
        run_id: the parent MLflow run.
        tracking_uri: MLflow's tracking address.
        model: the classifier, its description, score table and confusion matrices.
    """
    from pathlib import Path

    from affekt.steps.step import step

    with step("random_forest", settings, tracking_uri=tracking_uri, run_id=run_id, group="random_forest") as this:
        from affekt.media import PreparedIndex
        from affekt.report.confusions import write_confusions
        from affekt.store.entries import Store
        from affekt.training.voice import fit_audio

        index, out = PreparedIndex.read(Path(prepared.path)), Path(model.path)
        fit_audio("random_forest", index, Store(store, this.settings.media), this.settings, index.labels, out, this.log)
        write_confusions(out)
        this.keep(out)
