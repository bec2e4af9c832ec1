"""Leave-one-speaker-out of the whole ensemble on prepared clips, the networks of several speakers at once on one GPU.

It does what `affekt train DATA --protocol leave_one_subject_out` does, with the same functions, settings and folds, but
without Kubeflow and MLflow, which a bare GPU host may not have, and not one fold after the other:

    python bench/leave_one_out.py networks --prepared DIR --store DIR --faces DIR --out RUN --jobs 7 [--set KEY=VALUE]
    python bench/leave_one_out.py evaluate --prepared DIR --store DIR --out RUN [--set KEY=VALUE] [--report DIR]

`networks` trains the networks and what reads them for each speaker and leaves their score tables and learning curves;
`evaluate` fits those that only hear, the heads on published encoders and every fusion, pools the held-out clips and
writes the report. A model whose published encoder is not here sits out, as it does in a training. With `--models` only
these are trained and fused; where none of them is a network, `networks` has nothing to do. With `--against` the report
compares the answers with those of another RUN that was evaluated.
PREPARED and STORE are what preparing the clips left, FACES is a packed set of face images, which voices do not need.
DATA in place of PREPARED is prepared here; of voices alone one command is enough:

    python bench/leave_one_out.py evaluate --data DATA --models random_forest,svc,voice_embedding,speech_embedding
        --store DIR --out RUN
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import logging
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from record import header, publish

from affekt.dataset import load_clips
from affekt.extensions import members_needed, model_names, model_spec, model_specs
from affekt.fusion import FusionKey
from affekt.media import FaceSet, PreparedIndex
from affekt.report.document import Evaluation
from affekt.score_table import ScoreTable
from affekt.settings import Settings, load_settings
from affekt.statistics import Figures, Paired, compare_paired
from affekt.store.entries import Store
from affekt.store.preparing import prepare_clips

#: What `networks` tells of itself to `evaluate`.
NETWORKS_FACTS = "networks.json"
#: How long the networks of a fold took; there once they are all trained.
SECONDS = "seconds.json"
#: In a RUN that was evaluated: the overrides of its settings, and the folder of the pooled clips.
OVERRIDES, POOLED = "overrides.json", "pooled"


def main() -> None:
    """Train or evaluate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("part", choices=["networks", "evaluate"])
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--prepared", type=Path, help="folder of a prepared set")
    given.add_argument("--data", help="clips, which are prepared first as far as the store does not hold them")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--faces", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", default="", help="one speaker, in this process")
    parser.add_argument("--models", type=lambda text: tuple(text.split(",")), default=model_names())
    parser.add_argument("--kept", action="store_true", help="what lies in RUN is not trained again")
    parser.add_argument("--against", type=Path, help="another RUN, of the same clips")
    parser.add_argument("--report", type=Path, help="folder for the Markdown report; without it, it is only printed")
    parser.add_argument("--file", default="leave-one-speaker-out.md", help="its name there")
    arguments = parser.parse_args()
    settings = load_settings(arguments.preset, arguments.overrides)
    if arguments.data:
        index = prepare_clips(load_clips(arguments.data), Store(arguments.store, settings.media))
        arguments.prepared = arguments.out / "prepared"
        index.write(arguments.prepared)
    index = PreparedIndex.read(arguments.prepared)
    speakers = sorted({row.subject for row in index})
    if arguments.part == "evaluate":
        publish(evaluate(index, speakers, settings, arguments), arguments.report, arguments.file)
    elif arguments.only:
        train_networks(index, arguments.only, settings, arguments)
    else:
        train_all(speakers, settings, arguments)


def fold_of(index: PreparedIndex, speaker: str) -> PreparedIndex:
    """The clips of one speaker as ``test``, all others as ``train``."""
    rows = (dataclasses.replace(row, split="test" if row.subject == speaker else "train") for row in index)
    return PreparedIndex(tuple(rows), index.skipped)


def train_all(speakers: list[str], settings: Settings, arguments: argparse.Namespace) -> None:
    """A process for each speaker, so many at a time; the first stages, which all share, before them."""
    import torch

    from affekt.models.hardware import Hardware

    started = time.monotonic()
    if arguments.faces:
        train_first_stages(PreparedIndex.read(arguments.prepared), settings, arguments)
    first = time.monotonic() - started
    there = [each for each in speakers if arguments.kept and (arguments.out / each / SECONDS).is_file()]
    waiting, running = [each for each in speakers if each not in there], {}
    command = [sys.executable, *sys.argv]
    while waiting or running:
        while waiting and len(running) < arguments.jobs:
            speaker = waiting.pop(0)
            running[speaker] = subprocess.Popen([*command, "--only", speaker])
        for speaker, process in list(running.items()):
            if process.poll() is not None:
                del running[speaker]
                print(f"{speaker}: code {process.returncode}, {time.monotonic() - started:.0f} s", flush=True)
        time.sleep(0.5)
    hardware = Hardware.choose(settings.device, settings.precision)
    cuda = hardware.device.type == "cuda"
    facts = {
        "device": torch.cuda.get_device_name() if cuda else f"{os.cpu_count()} CPU cores",
        "versions": f"Python {platform.python_version()}, torch {version('torch')}",
        "first_stages_seconds": round(first),
        "seconds": round(time.monotonic() - started),
        "folds_there": len(there),
    }
    (arguments.out / NETWORKS_FACTS).write_text(json.dumps(facts), encoding="utf-8")


def train_first_stages(index: PreparedIndex, settings: Settings, arguments: argparse.Namespace) -> None:
    """The stages on face images alone, whose checkpoints all folds find."""
    from affekt.training.given import Given, train_member

    faces, store = FaceSet.read(arguments.faces), Store(arguments.store, settings.media)
    two = sorted({row.subject for row in index})[:2]
    few = PreparedIndex(tuple(dataclasses.replace(row, split="train") for row in index if row.subject in two))
    checkpoints = str(arguments.store / "checkpoints")
    for name in [name for name, spec in model_specs().items() if spec.learns_from_images]:
        if settings.models[name].base_iterations:
            short = settings.with_group(name, iterations=1)
            out, told = arguments.out / "first" / name, log(name, "first")
            train_member(
                Given(name, few, store, short, index.labels, out, faces=faces, log=told, checkpoints=checkpoints)
            )


def train_networks(index: PreparedIndex, speaker: str, settings: Settings, arguments: argparse.Namespace) -> None:
    """The networks of one speaker's fold."""
    import torch

    from affekt.training.given import Given
    from affekt.training.sitting_out import train_or_sit_out

    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // max(1, arguments.jobs)))
    fold, store = fold_of(index, speaker), Store(arguments.store, settings.media)
    faces = FaceSet.read(arguments.faces) if arguments.faces else None
    out, checkpoints = arguments.out / speaker, str(arguments.store / "checkpoints")
    started = time.monotonic()
    for name in networks_of(arguments.models):
        if arguments.kept and (out / name / "scores.csv").is_file():
            continue
        train_or_sit_out(
            Given(
                name, fold, store, settings, index.labels, out / name, faces=faces,
                needs={needed: out / needed for needed in model_spec(name).needs},
                log=log(name, speaker), checkpoints=checkpoints,
            )
        )  # fmt: skip
    (out / SECONDS).write_text(json.dumps(time.monotonic() - started))


def networks_of(models: tuple[str, ...]) -> list[str]:
    """Of the models and those that they read, the networks and what reads them; no heads on published encoders."""
    seeing = [name for name in members_needed(models) if model_spec(name).sees and not model_spec(name).absent]
    return seeing if any(model_spec(name).learns_from_images for name in seeing) else []


def look_once() -> None:
    """Have each frozen encoder look at or listen to a clip once for all folds, which changes no bit of what it says."""
    from affekt.models.face_embedding.network import MobileNet
    from affekt.models.speech_embedding import frames
    from affekt.models.voice_embedding import utterances

    look, seen = MobileNet.look, dict[str, Any]()

    def remembered(self: MobileNet, pictures: Any) -> Any:
        key = hashlib.sha256(pictures).hexdigest()
        if key not in seen:
            seen[key] = look(self, pictures)
        return seen[key]

    def once(listen: Callable[[np.ndarray, Any], np.ndarray]) -> Callable[[np.ndarray, Any], np.ndarray]:
        heard = dict[str, np.ndarray]()

        def remembered_sound(sound: np.ndarray, hear: Any) -> np.ndarray:
            key = hashlib.sha256(sound.tobytes()).hexdigest()
            if key not in heard:
                heard[key] = listen(sound, hear)
            return heard[key]

        return remembered_sound

    MobileNet.look = remembered  # type: ignore[method-assign]
    utterances.frames_of = once(utterances.frames_of)
    frames.statistics_of = once(frames.statistics_of)


def log(name: str, speaker: str) -> Any:
    """Print accuracies, and nothing else."""

    def told(metrics: dict[str, float], step: int) -> None:
        figures = {key: round(value, 3) for key, value in metrics.items() if key.endswith("_accuracy")}
        if figures:
            print(speaker, name, figures, flush=True)

    return told


def evaluate(index: PreparedIndex, speakers: list[str], settings: Settings, arguments: argparse.Namespace) -> str:
    """Fit the rest, pool the folds; returns the report as Markdown."""
    from affekt.steps.fit_fusion import fit_fusions
    from affekt.steps.pool_folds import FoldScores, pool_folds
    from affekt.training.given import Given
    from affekt.training.sitting_out import train_or_sit_out

    store = Store(arguments.store, settings.media)
    look_once()
    folds = []
    for speaker in speakers:
        fold, out = fold_of(index, speaker), arguments.out / speaker
        fold.write(out / "prepared")
        for name in [name for name in arguments.models if name not in networks_of(arguments.models)]:
            if not (arguments.kept and (out / name / "scores.csv").is_file()):
                train_or_sit_out(Given(name, fold, store, settings, index.labels, out / name))
        shutil.rmtree(out / "ensemble", ignore_errors=True)
        members = {name: out / name for name in members_needed(arguments.models)}
        fused = fit_fusions(members, arguments.models, settings, out / "ensemble")
        fused.write(out / "scores")
        clips = tuple(row.clip for row in fold if row.split == "test")
        folds.append(FoldScores(speaker, (speaker,), "test", clips, out / "prepared", out / "scores"))
    (arguments.out / OVERRIDES).write_text(json.dumps(arguments.overrides), encoding="utf-8")
    found = pool_folds(folds, "leave_one_subject_out", settings, arguments.out / POOLED, store=str(arguments.store))
    return markdown(found, settings, arguments)


def markdown(found: Evaluation, settings: Settings, arguments: argparse.Namespace) -> str:
    """Every model, every row of Table 3 and every fusion, with intervals."""

    def row(name: str, figures: Figures) -> str:
        low, high = figures.accuracy_ci95
        return (
            f"| {name} | {figures.accuracy:.1%} | {low:.1%} to {high:.1%} | {figures.unweighted_average_recall:.1%} |"
        )

    told = arguments.out / NETWORKS_FACTS
    facts = json.loads(told.read_text(encoding="utf-8")) if told.is_file() else None
    head = "|---|---:|---:|---:|"
    columns = "accuracy | 95 % interval | unweighted average recall |"
    lines = [
        *header("Leave one speaker out", "torch"),
        *_networks(facts),
        f"{found.figures.clips} clips of {found.figures.subjects} speakers, {len(found.labels)} labels; "
        f"always answering one of them is right for {found.figures.largest_class_share:.1%}.",
        f"Settings: `--preset {arguments.preset}"
        + "".join(f" --set {text}" for text in arguments.overrides)
        + "`."
        + ("" if arguments.models == model_names() else " Of all models these alone were trained and fused."),
        "",
        f"| model | {columns}",
        head,
        *(row(name, figures) for name, figures in found.models.items()),
        "",
        f"| fusion | {columns}",
        head,
        *(row(described(key), fusion.figures) for key, fusion in found.fusion.items()),
        "",
        f"Answering is `{found.chosen}`. "
        + "Against each model on the same clips, in points with the interval over speakers: "
        + "; ".join(f"{name} {gain(paired)}" for name, paired in found.paired.items())
        + ".",
        "",
        "By speaker: "
        + ", ".join(f"{name} {figures.accuracy:.0%}" for name, figures in found.by_subject.items())
        + ".",
        "",
        *ablations(found),
        *(against(arguments.out, arguments.against, settings) if arguments.against else []),
        f"| adapted to the person by all of the speaker's clips, without labels | {columns}",
        head,
        *(row(str(key), adapted.figures) for key, adapted in found.person.methods.items()),
        "",
        "What that is, and when it says something about use: docs/evaluation.md.",
        "",
    ]
    return "\n".join(lines)


def against(run: Path, other: Path, settings: Settings) -> list[str]:
    """Models and the answering fusion beside those of another run, on the same clips."""
    overrides = json.loads((other / OVERRIDES).read_text(encoding="utf-8"))
    chosen = {str(FusionKey(settings.fusion.method)), str(FusionKey(settings.fusion.method, person=True))}
    lines = []
    for file in ("scores.csv", "fused.csv"):
        ours, theirs = (ScoreTable.read(folder / POOLED / file) for folder in (run, other))
        if (ours.clips, ours.labels) != (theirs.clips, theirs.labels):
            raise SystemExit(f"{other} holds the scores of other clips")
        for name in [name for name in ours.models if name in theirs.models]:
            one, two = (table.scores[:, table.models.index(name)] for table in (theirs, ours))
            if (file == "fused.csv" and name not in chosen) or np.array_equal(one, two, equal_nan=True):
                continue
            paired = compare_paired(ours.truth, one, two, ours.subjects, bootstrap=settings.evaluation.bootstrap)
            lines.append(f"| {name} | {paired.accuracy_a:.1%} | {paired.accuracy_b:.1%} | {gain(paired)} |")
    told = "".join(f" --set {text}" for text in overrides) or " no others"
    return [
        f"Beside a run with the settings `{told.strip()}`; what is not named answers alike to the last bit:",
        "",
        "| model or fusion | there | here | points, with the interval over speakers |",
        "|---|---:|---:|---:|",
        *lines,
        "",
    ]


def _networks(facts: dict[str, Any] | None) -> list[str]:
    if facts is None or not facts["first_stages_seconds"]:
        return []
    there = facts.get("folds_there", 0)
    return [
        f"Networks: {facts['device']}, {facts['versions']}, {facts['seconds']} s, of which the first stages on face "
        f"images {facts['first_stages_seconds']} s (less where their checkpoints were there)"
        + (f", without {there} of the folds, which were there already." if there else "."),
        "",
    ]


def described(key: FusionKey) -> str:
    """A fusion in words."""
    return key.method + (f" of {' + '.join(key.models)}" if key.models else "")


def gain(paired: Paired) -> str:
    """A difference in points with its interval."""
    low, high = paired.ci95
    return f"{100 * paired.difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def ablations(found: Evaluation) -> list[str]:
    """What came of the optional models."""
    lines = []
    for outcome in found.ablation_outcomes:
        of_folds = [ablation for ablation in found.ablations if ablation.model == outcome.model]
        kept = [str(ablation.fold) for ablation in of_folds if ablation.kept]
        lines += [
            f"Optional: `{outcome.model}` was fused in {len(kept)} of {len(of_folds)} folds "
            f"({', '.join(kept) or 'none'}); on the held-out speakers the fusion with it in every fold, against none, "
            f"gives {gain(outcome.paired)} points.",
            "",
        ]
    for model in dict.fromkeys(each.model for each in found.fallbacks):
        folds = [str(each.fold) for each in found.fallbacks if each.model == model and each.fell]
        (to,) = {each.to for each in found.fallbacks if each.model == model}
        lines += [f"`{model}` gave way to `{to}` in {len(folds)} folds ({', '.join(folds) or 'none'}).", ""]
    return lines


if __name__ == "__main__":
    main()
