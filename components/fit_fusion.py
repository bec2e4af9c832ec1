"""Kubeflow component: fit every fusion method on out-of-fold scores and assemble the ensemble."""

from kfp.dsl import Dataset, Input, Model, Output


def fit_fusion(
    prepared: Input[Dataset],
    models: str,
    store: str,
    settings: str,
    run_id: str,
    tracking_uri: str,
    ensemble: Output[Model],
    scores: Output[Dataset],
    **members: Input[Model],
) -> None:
    """Fuse the members' score vectors by every method; the one in the settings answers.

    Args:
        prepared: index of the prepared clips.
        models: names of the models to fuse, separated by commas.
        store: root of the prepared store.
        settings: the run's settings as JSON.
        run_id: the parent MLflow run.
        tracking_uri: MLflow's tracking address.
        ensemble: members, fusion and manifest in one folder.
        scores: the joined score table and every method's answers on unseen clips.
        members: the trained members: the models to fuse, and those that they need.
    """
    import shutil
    from pathlib import Path

    from affekt.steps.step import code_digest, step

    with step("fusion", settings, tracking_uri=tracking_uri, run_id=run_id, group="fusion") as this:
        from affekt.counted import counted
        from affekt.dataset.several import names_beside
        from affekt.ensemble import Learned
        from affekt.media import PreparedIndex
        from affekt.registry import Tracking, data_of
        from affekt.steps.fit_fusion import fit_fusions
        from affekt.steps.trial_clips import carry_trials
        from affekt.storage import file_digest
        from affekt.store import store_of

        folders = {name: Path(trained.path) for name, trained in members.items()}
        facts = {"data": file_digest(Path(prepared.path) / "index.csv"), "code": code_digest(), "run": run_id}
        index = PreparedIndex.read(Path(prepared.path))
        seen = (index, store_of(index, store, this.settings.media))
        names = names_beside(data_of(Tracking(tracking_uri or None), run_id))
        fused = fit_fusions(
            folders,
            models.split(","),
            this.settings,
            Path(ensemble.path),
            facts=facts,
            learned=Learned.of(index, names),
            seen=seen,
        )
        if index.unit == "clips":
            carry_trials(Path(ensemble.path))
        out = Path(scores.path)
        fused.write(out)
        (out / "history").mkdir(exist_ok=True)
        for name, folder in folders.items():
            if (folder / "history.csv").is_file():
                shutil.copyfile(folder / "history.csv", out / "history" / f"{name}.csv")
        this.keep(out)
        this.say(f"{counted(len(fused.answers.models), 'methods')} fitted, {fused.method} answers")
