"""Whether sound at one level, and without its silent ends, is learned from as well by the voice's models.

    python bench/sound.py CLIPS… --cache DIR [--out docs/benchmarks]

CLIPS are folders with a manifest.csv (path, label, subject). Each subject's clips are answered by classifiers that
learned from all others, as they are, 20 dB quieter and with four seconds of silence behind; DIR keeps the functionals.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from record import add_out, header, publish
from threadpoolctl import threadpool_limits

from affekt.classifiers import choose_c, fit_forest, fit_svc
from affekt.media.decode import decode
from affekt.media.functionals import as_float, feature_set
from affekt.media.loudness import at_level, heard_part
from affekt.media.voicing import is_voice
from affekt.settings import load_settings
from affekt.statistics import compare_paired

RATE = 16000
Change = Callable[[np.ndarray], np.ndarray]
WAYS: dict[str, Change] = {
    "plain": lambda sound: sound,
    "level": lambda sound: at_level(sound, RATE),
    "trim": lambda sound: sound[heard_part(sound, RATE)],
    "both": lambda sound: at_level(sound[heard_part(sound, RATE)], RATE),
}
CHANGES: dict[str, Change] = {
    "as it is": lambda sound: sound,
    "20 dB quieter": lambda sound: np.rint(sound * 0.1).astype(np.int16),
    "silence behind": lambda sound: np.concatenate([sound, np.zeros(4 * RATE, np.int16)]),
}


def main() -> None:
    """Measure every folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--cache", type=Path, required=True)
    add_out(parser)
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    lines = [
        *header("Sound at one level and without silent ends", "opensmile", "scikit-learn", more="1 thread used"),
        "Classifiers on eGeMAPS functionals, each subject answered by one that learned from all others. Difference: to "
        "plain, paired, 95 % interval over subjects. Shift: total variation between the answers to a clip as it is and "
        "to the same clip changed.",
    ]
    with threadpool_limits(1):
        for folder in arguments.clips:
            lines += measured(folder, arguments.cache / f"{folder.name}.npz")
    publish("\n".join([*lines, ""]), arguments.out, "sound.md")


def functionals(folder: Path, cache: Path) -> dict[str, np.ndarray]:
    """Labels, subjects, names, and for each way and change the functionals ``[N, 88]`` of all clips."""
    if not cache.exists():
        rows = list(csv.DictReader((folder / "manifest.csv").open(encoding="utf-8")))
        media, features = load_settings("small").media, feature_set("egemaps")
        sounds = [decode(folder / row["path"], replace(media, sample_rate=RATE)).sound for row in rows]
        tables = {
            f"{way}|{change}": np.array([features(as_float(prepare(alter(sound))), RATE) for sound in sounds])
            for way, prepare in WAYS.items()
            for change, alter in CHANGES.items()
        }
        facts = {name: np.array([row[name] for row in rows]) for name in ("label", "subject")}
        np.savez(
            cache, labels=facts["label"], subjects=facts["subject"], names=np.array(features.names),
            **tables,
        )  # fmt: skip
    with np.load(cache, allow_pickle=False) as file:
        return dict(file)


def measured(folder: Path, cache: Path) -> list[str]:
    """The part of the report on one folder."""
    tables = functionals(folder, cache)
    labels, y = np.unique(tables["labels"], return_inverse=True)
    subjects = tables["subjects"]
    names = list(map(str, tables["names"]))
    heard = sum(is_voice(dict(zip(names, map(float, row), strict=True))) for row in tables["both|as it is"])
    lines = [
        "", f"## {folder.name}: {len(y)} clips, {len(set(subjects))} subjects, {len(labels)} labels", "",
        f"Counted as a voice: {heard} of {len(y)}.", "",
        "| sound | model | accuracy | difference | log loss | shift, 20 dB quieter | shift, silence behind |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    plain: dict[str, np.ndarray] = {}
    for way in WAYS:
        for model in ("svc", "forest"):
            answers = left_out(tables, way, model, y, len(labels))
            own = answers["as it is"]
            against = compare_paired(y, plain.setdefault(model, own), own, list(map(str, subjects)))
            loss = -np.log(np.clip(own[np.arange(len(y)), y], 1e-6, 1)).mean()
            shifts = [np.abs(own - answers[change]).sum(axis=1).mean() / 2 for change in list(CHANGES)[1:]]
            low, high = against.ci95
            difference = "" if way == "plain" else f"{against.difference:+.1%} ({low:+.1%} to {high:+.1%})"
            lines.append(
                f"| {way} | {model} | {against.accuracy_b:.1%} | {difference} | {loss:.3f} | "
                f"{shifts[0]:.3f} | {shifts[1]:.3f} |"
            )
    return lines


def left_out(tables: dict[str, np.ndarray], way: str, model: str, y: np.ndarray, labels: int) -> dict[str, np.ndarray]:
    """By change, the probabilities ``[N, L]`` of every clip by a classifier that did not see its subject."""
    settings, subjects = load_settings("small"), tables["subjects"]
    x = {change: np.nan_to_num(tables[f"{way}|{change}"]) for change in CHANGES}
    answers = {change: np.zeros((len(y), labels)) for change in CHANGES}
    for who in np.unique(subjects):
        held = subjects == who
        others = list(map(str, subjects[~held]))
        learned, truth = x["as it is"][~held], y[~held]
        if model == "svc":
            group = settings.svc
            how = {"kernel": group.kernel, "tolerance": group.tolerance, "standardise": group.standardise, "seed": 0}
            c, _ = choose_c(learned, truth, others, group.c_candidates, folds=3, **how)
            fitted = fit_svc(learned, truth, labels, others, c=c, folds=3, **how)
        else:
            least = settings.random_forest.min_samples_split
            fitted = fit_forest(learned, truth, labels, trees=200, min_samples_split=least, seed=0)
        for change, rows in x.items():
            answers[change][held] = fitted.predict(rows[held])
    return answers


if __name__ == "__main__":
    main()
