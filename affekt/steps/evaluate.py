"""Judges a trained ensemble on clips that nothing was fitted on, and writes the evaluation's folder with the report."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from affekt.ensemble.assembly import MANIFEST, read_manifest
from affekt.media import PreparedIndex
from affekt.models.vgg.explain import Explainer
from affekt.report.document import evaluate_table, of_images
from affekt.report.report import write_report
from affekt.report.thumbnails import thumbnail
from affekt.samples.write import SAMPLE_SOURCE
from affekt.score_table import ScoreTable
from affekt.settings import Settings, digest_of
from affekt.steps.fit_fusion import FACTS, reported_split
from affekt.storage import file_digest
from affekt.store import PreparedStore, store_of

EVALUATION = "evaluation.json"
SAMPLE_NOTICE = (
    "These are sample clips: an animated photograph with a synthetic voice. No figure here says anything about "
    "recognising people's emotions."
)


@dataclass(frozen=True)
class Evaluation:
    """An evaluation, its figures by name, and one sentence."""

    evaluation: dict[str, Any]
    figures: dict[str, float]
    summary: str


def evaluate(prepared: Path, scores: Path, ensemble: Path, store: str, settings: Settings, folder: Path) -> Evaluation:
    """Evaluate every model and fusion on the reported split; write ``evaluation.json`` and ``report.html``.

    Args:
        prepared: folder of the prepared index; of still images with the images themselves beside it.
        scores: folder with ``scores.csv`` and ``fused.csv``, as the fusion step writes it.
        ensemble: folder of the assembled ensemble.
        store: root of the prepared store, for thumbnails.
        settings: the run's settings.
        folder: where the evaluation goes.
    """
    index = PreparedIndex.read(prepared)
    table, fused = ScoreTable.read(scores / "scores.csv"), ScoreTable.read(scores / "fused.csv")
    what = json.loads((scores / FACTS).read_text(encoding="utf-8"))
    split = reported_split(fused)
    table, fused = table.split(split), fused.split(split)
    rows = {row.clip: row for row in index}
    names = sorted({name for clip in table.clips for name in rows[clip].attributes})
    images = index.unit == "images"
    fusions = {name: fused.scores[:, number] for number, name in enumerate(fused.models)}
    document = evaluate_table(
        table,
        {} if images else fusions,
        table.models[0] if images else settings.fusion.method,
        index.skipped,
        settings.evaluation,
        seed=settings.seed,
        attributes={name: [rows[clip].attributes.get(name, "") for clip in table.clips] for name in names},
        models_fused=what["models"],
        trials=what["trials"],
    )
    if images:
        document = of_images(document)
    document["split"] = split
    manifest = read_manifest(ensemble)
    facts = {
        "settings": settings.to_dict(),
        "digests": {**manifest["facts"], "settings": digest_of(settings), "ensemble": file_digest(ensemble / MANIFEST)},
        "packages": manifest["packages"],
        "sample": any(row.attributes.get("source") == SAMPLE_SOURCE for row in index),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / EVALUATION).write_text(json.dumps(document, indent=2), encoding="utf-8")
    (folder / "facts.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")
    if (scores / "history").is_dir():
        shutil.copytree(scores / "history", folder / "history", dirs_exist_ok=True)
    prepared_clips = store_of(index, store, settings.media)
    keep_faces(document, index, prepared_clips, folder / "faces")
    if "vgg" in manifest["members"]:
        _explain(ensemble / "members" / "vgg", index.select(split), prepared_clips, folder / "figure7")
    render(folder, folder / "report.html")
    figures = {
        "accuracy": document["accuracy"],
        "accuracy_low": document["accuracy_ci95"][0],
        "accuracy_high": document["accuracy_ci95"][1],
        "unweighted_average_recall": document["unweighted_average_recall"],
        "largest_class_share": document["largest_class_share"],
        **{f"accuracy_{name}": found["accuracy"] for name, found in document["models"].items()},
        **{
            f"accuracy_fusion_{name}": found["accuracy"]
            for name, found in document["fusion"].items()
            if "@" not in name
        },
        **{f"accuracy_person_{name}": found["accuracy"] for name, found in document["person"]["methods"].items()},
    }
    low, high = document["accuracy_ci95"]
    unseen = "unseen images" if images else f"clips of {len(set(table.subjects))} unseen subjects"
    summary = (
        f"accuracy {document['accuracy']:.1%} (95 % interval {low:.1%} to {high:.1%}) on {document['clips']} {unseen}; "
        f"largest class {document['largest_class_share']:.1%}"
    )
    return Evaluation(document, {key: float(value) for key, value in figures.items() if value is not None}, summary)


def render(folder: Path, path: Path, decision: dict[str, Any] | None = None) -> None:
    """Write the report of an evaluation's folder.

    Args:
        folder: what :func:`evaluate` wrote.
        path: the HTML file.
        decision: the gate's decision, where it has been made.
    """
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    document = json.loads((folder / EVALUATION).read_text(encoding="utf-8"))
    faces = {
        f"clip:{item['clip']}": file.read_bytes()
        for number, item in enumerate(document["worst"])
        if (file := folder / "faces" / f"{number:02d}.jpg").is_file()
    }
    drawn = {file.stem: file.read_bytes() for file in sorted((folder / "figure7").glob("*.png"))}
    write_report(
        path,
        evaluation=document,
        history={file.stem: file for file in sorted((folder / "history").glob("*.csv"))},
        settings=facts["settings"],
        digests=facts["digests"],
        title="affekt: training report",
        pictures={**faces, **drawn},
        decision=decision,
        notice=SAMPLE_NOTICE if facts["sample"] else None,
        created=facts["created"],
    )


def keep_faces(document: dict[str, Any], index: PreparedIndex, store: PreparedStore, folder: Path) -> None:
    """The middle face of each clip that the ensemble was most wrong about, as ``<number>.jpg``."""
    folder.mkdir(exist_ok=True)
    rows = {row.clip: row for row in index}
    for number, item in enumerate(document["worst"]):
        clip = store.get(rows[item["clip"]].key)
        frames = clip.face_frames
        if len(frames):
            picture = thumbnail(np.asarray(clip.faces[frames[len(frames) // 2]]))
            (folder / f"{number:02d}.jpg").write_bytes(picture)


def _explain(vgg: Path, index: PreparedIndex, store: PreparedStore, folder: Path) -> None:
    """Figure 7: what the VGG takes for each label, and where on a face of that label it looks."""
    folder.mkdir(exist_ok=True)
    explainer = Explainer.load(vgg)
    for label in explainer.labels:
        (folder / f"{label}, the network's own picture.png").write_bytes(explainer.class_model(label, iterations=20))
        clips = (store.get(row.key) for row in index if row.label == label and row.frames_with_face)
        clip = next(clips, None)
        if clip is not None:
            face = np.asarray(clip.faces[clip.face_frames[len(clip.face_frames) // 2]])
            (folder / f"{label}, on a face of the split.png").write_bytes(explainer.grad_cam(face, label))
