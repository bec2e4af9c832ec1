"""Registers an evaluated ensemble with the evidence for it: figures, digests, revision, packages, its model card."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from affekt.ensemble.manifest import read_manifest
from affekt.errors import DataError
from affekt.pretrained import moonshine, resemblyzer
from affekt.pretrained.catalogue import CATALOGUE, published
from affekt.pretrained.collection import held, kept_names
from affekt.registry import Tracking, register
from affekt.registry.dataset import DATA, name_of
from affekt.report.model_card import CardFacts, licences_of, model_card
from affekt.revision import revision
from affekt.steps.evaluation_folder import read_evaluation, read_facts
from affekt.steps.step_image import IMAGE_VARIABLE

#: The tag of a version with the image that its training ran in; none where that was processes of a machine.
IMAGE = "affekt.image"


def _licences() -> dict[str, str]:
    """The licence of everything that models start from or read, by name; checkpoints may be kept under another one."""
    packages = {module.NAME: module.LICENCE for module in (resemblyzer, moonshine)}
    kept = {}
    for name in kept_names():
        with suppress(DataError):  # damaged: nothing started from it
            if (found := held(name)) is not None:
                kept[name] = published(found.checkpoint).licence
    return kept | {entry.name: entry.licence for entry in CATALOGUE} | packages


def register_ensemble(tracking: Tracking, ensemble: Path, evaluation: Path, *, name: str, run_id: str) -> int:
    """Register an ensemble; its card is the version's description, and a file of the run and beside the model.

    Args:
        tracking: where.
        ensemble: its folder.
        evaluation: the folder of its evaluation.
        name: under which it is registered.
        run_id: the run that made it; its tag ``affekt.data`` says where the data are.

    Returns:
        The version's number.
    """
    found, facts = read_evaluation(evaluation), read_facts(evaluation)
    manifest = read_manifest(ensemble)
    run = tracking.client.get_run(run_id)
    card = model_card(
        found,
        CardFacts(
            name=name,
            data=name_of(run.data.tags.get(DATA, "")),
            data_digest=str(manifest["facts"].get("data", "")),
            models=tuple(manifest["models"]),
            revision=revision(),
            packages=manifest["packages"],
            licences=licences_of(manifest, _licences()),
            sample=facts.sample,
        ),
    )
    tracking.client.log_text(run_id, card, "model-card.md")
    tracking.client.set_tag(run_id, "mlflow.source.git.commit", revision())
    tags = {f"affekt.{key}": value for key, value in manifest["facts"].items()} | {
        "affekt.revision": revision(),
        "affekt.packages": json.dumps(manifest["packages"], sort_keys=True),
        **({IMAGE: image} if (image := os.environ.get(IMAGE_VARIABLE)) else {}),
        "affekt.size_bytes": sum(path.stat().st_size for path in ensemble.rglob("*") if path.is_file()),
    }
    figures = found.figures
    metrics = {"accuracy": figures.accuracy, "unweighted_average_recall": figures.unweighted_average_recall}
    return register(tracking, ensemble, name=name, run_id=run_id, metrics=metrics, tags=tags, card=card)
