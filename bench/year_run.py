"""One training's steps, in this process: the functions of the pipeline's components, one after the other."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kfp import dsl

from affekt.components.collect import collect
from affekt.components.evaluate import evaluate
from affekt.components.finish import finish
from affekt.components.fit_fusion import fit_fusion
from affekt.components.gate import gate
from affekt.components.ingest import ingest
from affekt.components.prepare_shard import prepare_shard
from affekt.components.register import register
from affekt.components.static_signature import static_component
from affekt.components.train_model import train_model
from affekt.settings import load_settings
from affekt.steps.gate_outcome import GateOutcome


def train(data: Path, model: str, overrides: list[str], *, name: str, home: Path, uri: str, job: str) -> GateOutcome:
    """Train, register and decide, as the pipeline does.

    Args:
        data: folder of the data set.
        model: that is trained alone.
        overrides: of the settings.
        name: in the registry.
        home: the store lies below.
        uri: MLflow's tracking address.
        job: identifier of this training.

    Returns:
        What came of the gate.
    """
    folder = home / "runs" / job
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    def out(what: str, kind: Any = dsl.Dataset) -> Any:
        return kind(uri=str(folder / what))

    settings, store = load_settings("small", overrides).to_json(), str(home / "store")
    state = SimpleNamespace(state="FAILED", error_message="")
    with contextlib.redirect_stdout(io.StringIO()), finished(job, uri, state):
        clips = out("clips")
        run_id = ingest.python_func(
            data=str(data), settings=settings, name=name, job=job, tracking_uri=uri, clips=clips
        )
        run = {"settings": settings, "run_id": run_id, "tracking_uri": uri}
        part, prepared = out("part"), out("prepared")
        prepare_shard.python_func(clips=clips, shard="0/1", store=store, settings=settings, prepared=part)
        collect.python_func(clips=clips, parts=[part], prepared=prepared, counts=out("counts", dsl.Metrics), **run)
        member = out("model", dsl.Model)
        one = static_component(train_model, name=model, members=())
        one.python_func(member=model, prepared=prepared, store=store, model=member, **run)
        ensemble, scores = out("ensemble", dsl.Model), out("scores")
        fuse = static_component(fit_fusion, members=(model,))
        fuse.python_func(
            prepared=prepared, models=model, store=store, ensemble=ensemble, scores=scores, **{model: member}, **run
        )
        evaluation = out("evaluation", dsl.Artifact)
        evaluate.python_func(
            prepared=prepared, scores=scores, ensemble=ensemble, store=store, evaluation=evaluation,
            report=out("report", dsl.HTML), figures=out("figures", dsl.Metrics), **run,
        )  # fmt: skip
        version = register.python_func(ensemble=ensemble, evaluation=evaluation, name=name, **run)
        gate.python_func(
            prepared=prepared, scores=scores, ensemble=ensemble, evaluation=evaluation, name=name, version=version,
            store=store, decision=out("decision", dsl.Artifact), report=out("decided", dsl.HTML), clips=clips, **run,
        )  # fmt: skip
        state.state = "SUCCEEDED"
    found = GateOutcome.read(folder / "decision")
    shutil.rmtree(folder)
    return found


@contextlib.contextmanager
def finished(job: str, uri: str, state: SimpleNamespace) -> Iterator[None]:
    """The exit handler: the parent run is closed, however the steps end."""
    try:
        yield
    finally:
        finish.python_func(job=job, tracking_uri=uri, status=state)
