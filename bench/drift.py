"""Whether `affekt drift` finds what was done to real clips, tells another mix of emotions from it, and is silent else.

    python bench/drift.py JAVA_SED_AV EGEMAPS.csv.gz --cache DIR [--out docs/benchmarks]

JAVA_SED_AV is a folder of clips of several speakers, EGEMAPS a table of functionals of more recordings with ``label``
and ``subject``. DIR keeps what is measured of each clip, which takes minutes, so that a second start goes on.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from record import add_out, header, publish
from threadpoolctl import threadpool_limits

from affekt.classifiers import fit_logistic
from affekt.dataset import load_clips
from affekt.ensemble.drift import LABEL, Drift, measure
from affekt.ensemble.trace import PROBABILITY, VOICE, trace
from affekt.errors import MediaError
from affekt.media import prepare_file
from affekt.media.ffmpeg_command import ffmpeg_binary
from affekt.media.functionals import feature_set
from affekt.settings import load_settings

PLAIN = "as they are"
#: What is done to the clips, as options of ffmpeg; the two streams are otherwise copied.
CHANGES: Mapping[str, Sequence[str]] = {
    PLAIN: (),
    "sound 20 dB quieter": ("-c:v", "copy", "-af", "volume=-20dB"),
    "sound of 8 kHz": ("-c:v", "copy", "-ar", "8000"),
    "faces at half their size": ("-vf", "scale=iw/2:ih/2,pad=iw*2:ih*2:iw/2:ih/2", "-c:a", "copy"),
}
#: Another mix of emotions: the share of each label's recordings that is kept, and that of the others.
MIXES: Mapping[str, tuple[Mapping[str, float], float]] = {
    "the same mix": ({}, 1.0),
    "neutral five times as often": ({"neutral": 1.0}, 0.2),
    "no fear": ({"fear": 0.0}, 1.0),
    "anger and sadness five times as often": ({"angry": 1.0, "sad": 1.0}, 0.2),
}
#: Rows that are compared with, of the clips and of the recordings; drawings without drift, and of each mix.
OLD, OLD_VOICES, RESAMPLES, DRAWINGS = 100, 600, 200, 20
LEVELS = (0.01, 0.05)
#: Inverse penalty of the model whose answers are compared.
_C = 0.03
SUBJECT = "subject"


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("clips", type=Path)
    parser.add_argument("voices", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    add_out(parser)
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    with threadpool_limits(1):
        tables = {name: traces(arguments.clips, name, arguments.cache) for name in CHANGES}
        shares = {name: answer(table, tables[PLAIN]) for name, table in tables.items()}
        voices = recordings(arguments.voices)
        share = answer(voices, voices)
        plain = tables[PLAIN]
        lines = [
            *header("Drift on real clips", "scipy", "scikit-learn", "opensmile"),
            f"{len(plain)} clips of {plain[SUBJECT].nunique()} speakers (face and voice), and functionals of "
            f"{len(voices)} recordings of the same speakers. Answers are those of a linear model of the voice that "
            f"learned from the other speakers: right on {shares[PLAIN]:.0%} of the clips as they are, on {share:.0%} "
            "of the recordings.",
            *silence(plain, voices),
            *changed(tables, shares),
            *speakers(plain),
            *mixes(voices),
        ]
    publish("\n".join(lines) + "\n", arguments.out, "drift.md")


def traces(clips: Path, name: str, cache: Path) -> pd.DataFrame:
    """What a server would keep of each clip, with its label and its speaker."""
    kept = cache / f"{name}.parquet"
    if kept.exists():
        return pd.read_parquet(kept)
    settings = load_settings("small").media
    names = feature_set(settings.functionals).names
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for clip in load_clips(str(clips)):
            path = Path(clip.uri)
            if CHANGES[name]:
                path = Path(folder, "changed.mkv")
                command = [ffmpeg_binary(), "-v", "error", "-y", "-i", clip.uri, *CHANGES[name], str(path)]
                subprocess.run(command, check=True)
            try:
                prepared = prepare_file(path, settings)
            except MediaError as error:
                print(f"{name}: {clip.id}: {error}")
                continue
            rows.append({LABEL: clip.label, SUBJECT: clip.subject, **trace(prepared, names)})
    table = pd.DataFrame(rows)
    table.to_parquet(kept)
    return table


def recordings(path: Path) -> pd.DataFrame:
    """A table of functionals, with columns as a server's."""
    table = pd.read_csv(path)
    known = [name for name in feature_set("egemaps").names if name in table]
    return table[[LABEL, SUBJECT, *known]].rename(columns={name: f"{VOICE}{name}" for name in known})


def answer(table: pd.DataFrame, learned: pd.DataFrame) -> float:
    """Give each row the probabilities of a model that learned from other speakers; the share that is right."""
    labels = sorted(set(learned[LABEL]))
    voice = [name for name in learned if str(name).startswith(VOICE)]
    out = np.zeros((len(table), len(labels)))
    for speaker in sorted(set(table[SUBJECT])):
        others, own = learned[learned[SUBJECT] != speaker], (table[SUBJECT] == speaker).to_numpy()
        truth = others[LABEL].map(labels.index).to_numpy()
        head = fit_logistic(others[voice].fillna(0).to_numpy(), truth, len(labels), c=_C)
        out[own] = head.predict(table.loc[own, voice].fillna(0).to_numpy())
    for number, label in enumerate(labels):
        table[f"{PROBABILITY}{label}"] = out[:, number]
    return float((out.argmax(axis=1) == table[LABEL].map(labels.index)).mean())


def compared(old: pd.DataFrame, new: pd.DataFrame, level: float = LEVELS[0]) -> Drift:
    """The comparison of rows that are asked about, whose labels nobody knows."""
    return measure(old.drop(columns=SUBJECT), new.drop(columns=[LABEL, SUBJECT]), level=level)


def drawn(table: pd.DataFrame, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two parts of a table's rows, by chance."""
    order = np.random.default_rng(seed).permutation(len(table))
    return order[:count], order[count:]


def silence(plain: pd.DataFrame, voices: pd.DataFrame) -> list[str]:
    """How often there is an alarm without drift."""
    lines = [
        "",
        f"## False alarms of {RESAMPLES} drawings without drift",
        "",
        "One part of the same rows against the other, drawn by chance.",
        "",
        "| rows | against | level | alarms | at most |",
        "|---|---|---:|---:|---:|",
    ]
    for name, table, count in (("clips", plain, OLD), ("recordings", voices, OLD_VOICES)):
        for level in LEVELS:
            parts = (drawn(table, count, seed) for seed in range(RESAMPLES))
            found = [compared(table.iloc[old], table.iloc[new], level).verdict for old, new in parts]
            alarms, most = sum(verdict != "none" for verdict in found), round(RESAMPLES * level)
            lines.append(f"| {name} | {count} against {len(table) - count} | {level} | {alarms} | {most} |")
    return lines


def changed(tables: Mapping[str, pd.DataFrame], shares: Mapping[str, float]) -> list[str]:
    """What is found of clips that something was done to."""
    plain = tables[PLAIN]
    lines = [
        "",
        "## Clips that something was done to",
        "",
        f"{OLD} clips as they are against the {len(plain) - OLD} others, {DRAWINGS} drawings each, level {LEVELS[0]}. "
        "Found: the verdict `inputs`.",
        "",
        "| what was done | right | found | first columns, of one drawing |",
        "|---|---:|---:|---|",
    ]
    for name, table in tables.items():
        parts = [drawn(plain, OLD, seed) for seed in range(DRAWINGS)]
        found = [compared(plain.iloc[old], table.iloc[new]) for old, new in parts]
        hits = sum(each.verdict == "inputs" for each in found)
        lines.append(f"| {name} | {shares[name]:.0%} | {hits} of {DRAWINGS} | {_first(found[0])} |")
    return lines


def speakers(plain: pd.DataFrame) -> list[str]:
    """What is found of two speakers against the others."""
    pairs = list(itertools.combinations(sorted(set(plain[SUBJECT])), 2))
    inside = [plain[SUBJECT].isin(pair) for pair in pairs]
    found = [compared(plain[~two], plain[two]) for two in inside]
    counts = Counter(each.verdict for each in found)
    told = ", ".join(f"`{verdict}` {count}" for verdict, count in counts.most_common())
    return [
        "",
        "## Two speakers against the others",
        "",
        f"Of {len(pairs)} pairs: {told}. {pairs[0][0]} and {pairs[0][1]}: {_first(found[0])}.",
    ]


def mixes(voices: pd.DataFrame) -> list[str]:
    """What is found where emotions are shown more or less often, and nothing else differs."""
    labels = sorted(set(voices[LABEL]))
    lines = [
        "",
        "## Another mix of emotions",
        "",
        f"{OLD_VOICES} recordings against what is kept of the others by label, {DRAWINGS} drawings each, level "
        f"{LEVELS[0]}. Off by: the mean difference of the estimated shares from the true ones, in points.",
        "",
        "| mix | recordings | none | labels | inputs | off by |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, (kept, others) in MIXES.items():
        counts: Counter[str] = Counter()
        sizes, off = [], []
        for seed in range(DRAWINGS):
            old, new = drawn(voices, OLD_VOICES, seed)
            chance = np.random.default_rng(seed).random(len(new))
            wanted = np.array([kept.get(label, others) for label in voices[LABEL].iloc[new]])
            rows = voices.iloc[new[chance < wanted]]
            found = compared(voices.iloc[old], rows)
            counts[found.verdict] += 1
            sizes.append(len(rows))
            if found.mix:
                true = rows[LABEL].value_counts(normalize=True)
                off.append(np.mean([abs(found.mix[label][1] - true.get(label, 0.0)) for label in labels]))
        error = f"{100 * np.mean(off):.1f}" if off else ""
        told = " | ".join(str(counts[verdict]) for verdict in ("none", "labels", "inputs"))
        lines.append(f"| {name} | {np.mean(sizes):.0f} | {told} | {error} |")
    return lines


def _first(found: Drift) -> str:
    return ", ".join(f"`{column.name}` {column.distance:.2f}" for column in found.drifted[:4]) or "none"


if __name__ == "__main__":
    main()
