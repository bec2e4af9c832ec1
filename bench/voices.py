"""Two data sets of voices: whether one helps unseen speakers of the other, and whether answers know their depth.

    python bench/voices.py DATA OTHER --store DIR [--out docs/benchmarks]

Linear heads on functionals with contours, on statistics of the frozen voice encoder's second layer and on those of the
frozen speech encoder's first blocks, without copies of clips, and the mean of their log posteriors. Each speaker is
answered by heads that learned from others.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from record import add_out, header, publish
from threadpoolctl import threadpool_limits

from affekt.classifiers import PersonClassifier, fit_logistic, rows_of
from affekt.classifiers.familiar import Familiar
from affekt.dataset import LABELS, load_clips, subject_folds
from affekt.dataset.several import DATASET, joined
from affekt.ensemble.depth import UNLIKE, Depth
from affekt.models.speech_embedding.frames import speech_features
from affekt.models.speech_embedding.network import SpeechEncoder
from affekt.models.voice import functionals_and_contours
from affekt.models.voice_embedding.network import VoiceEncoder
from affekt.models.voice_embedding.utterances import LAYERS_FACT, READ_LAYERS, voice_features
from affekt.pretrained import moonshine, resemblyzer
from affekt.pretrained.moonshine import open_speech_encoder
from affekt.pretrained.resemblyzer import open_voice_encoder
from affekt.settings import load_settings
from affekt.statistics import compare_paired, evaluate_scores
from affekt.store.entries import Store
from affekt.store.preparing import prepare_clips

#: What the heads read, the inverse penalties of each, and folds of the speakers who are answered and learned from.
READ = ("functionals", "voice", "speech")
PENALTY = (0.01, 0.01, 0.01)
FOLDS, INNER = 7, 3


@dataclass(frozen=True)
class Voices:
    """Rows of each kind of features, ``[N, F]``, with the number of the label, the speaker and what could be."""

    name: str
    features: tuple[np.ndarray, ...]
    truth: np.ndarray
    speakers: tuple[str, ...]
    possible: np.ndarray

    def rows(self, keep: np.ndarray) -> Voices:
        """Some of the rows."""
        speakers = tuple(name for name, kept in zip(self.speakers, keep, strict=True) if kept)
        features = tuple(each[keep] for each in self.features)
        return Voices(self.name, features, self.truth[keep], speakers, self.possible[keep])


def main() -> None:
    """Measure both ways."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", nargs=2)
    parser.add_argument("--store", type=Path, required=True)
    add_out(parser)
    arguments = parser.parse_args()
    with threadpool_limits(1):
        first, second = read(joined(arguments.data), arguments.store)
        lines = [
            *header("Two data sets of voices", "scikit-learn", "opensmile", "torch", more="1 thread used"),
            f"`{first.name}`: {len(first.truth)} clips of {len(set(first.speakers))} speakers. `{second.name}`: "
            f"{len(second.truth)} clips of {len(set(second.speakers))} speakers. Answers are among the labels of the "
            "data set that is asked about.",
            *helped(first, second),
            *out_of_depth(first, second),
        ]
    publish("\n".join(lines) + "\n", arguments.out, "voices.md")


def read(data: str, store: Path) -> list[Voices]:
    """The data sets that a text names, each with the features of its clips."""
    settings = load_settings("small")
    opened = Store(store, settings.media)
    index = prepare_clips(load_clips(data), opened)
    voice = VoiceEncoder.of(open_voice_encoder(resemblyzer.NAME), READ_LAYERS)
    speech = SpeechEncoder.of(open_speech_encoder(moonshine.NAME))
    readers = (
        functionals_and_contours, voice_features(voice.hear, {LAYERS_FACT: READ_LAYERS}), speech_features(speech.hear)
    )  # fmt: skip
    found = []
    for name in dict.fromkeys(row.attributes[DATASET] for row in index):
        own = [(row, opened.get(row.key)) for row in index if row.attributes[DATASET] == name]
        pairs = [(row, [features(clip) for features in readers]) for row, clip in own]
        kept = [(row, read) for row, read in pairs if all(each is not None for each in read)]
        truth = np.array([LABELS.index(row.label) for row, _ in kept])
        possible = np.tile(np.isin(np.arange(len(LABELS)), truth), (len(kept), 1))
        features = tuple(np.stack(each) for each in zip(*(read for _, read in kept), strict=True))
        found.append(Voices(name, features, truth, tuple(row.subject for row, _ in kept), possible))
    return found


def together(parts: Sequence[Voices]) -> Voices:
    """All rows below each other."""
    features = tuple(np.concatenate(each) for each in zip(*(part.features for part in parts), strict=True))
    speakers = tuple(name for part in parts for name in part.speakers)
    truth, possible = (np.concatenate([getattr(part, name) for part in parts]) for name in ("truth", "possible"))
    return Voices("both", features, truth, speakers, possible)


def answered(learned: Voices, asked: Voices, *, masked: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Plain and adapted answers ``[N, L]``, among the labels of what is asked about."""
    possible = learned.possible if masked else np.ones_like(learned.possible)
    plain, adapted = [], []
    for x, rows, c in zip(learned.features, asked.features, PENALTY, strict=True):
        head = fit_logistic(x, learned.truth, len(LABELS), c=c, possible=possible)

        def inner(normal: np.ndarray, kept: np.ndarray, c: float = c) -> object:
            return fit_logistic(normal, learned.truth[kept], len(LABELS), c=c, possible=possible[kept])

        person = PersonClassifier.fit(x, list(learned.speakers), inner)  # type: ignore[arg-type]
        plain.append(head.predict(rows))
        adapted.append(plain[-1].copy())
        for own in rows_of(list(asked.speakers)):
            adapted[-1][own] = person.mixed(rows[own], plain[-1][own])  # type: ignore[union-attr]
    return mean_of(plain, asked), mean_of(adapted, asked)


def mean_of(answers: Sequence[np.ndarray], asked: Voices) -> np.ndarray:
    """The mean of log posteriors, among the possible labels."""
    powers = np.exp(np.mean([np.log(each + 1e-9) for each in answers], axis=0)) * asked.possible
    mean: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return mean


def folded(voices: Voices, folds: int, answer: Callable[[Voices, Voices], list[np.ndarray]]) -> list[np.ndarray]:
    """What ``answer(learned, asked)`` gives, for each fold of the speakers by the others, put together."""
    result: list[np.ndarray] = []
    for held in subject_folds(voices.speakers, folds, 0, labels=[LABELS[label] for label in voices.truth]):
        for number, part in enumerate(answer(voices.rows(~held), voices.rows(held))):
            if len(result) <= number:
                result.append(np.full((len(voices.truth), *part.shape[1:]), np.nan))
            result[number][held] = part
    return result


def helped(*both: Voices) -> list[str]:
    """Whether learning from the other data set as well helps unseen speakers."""
    lines = [
        "",
        "## Does one help unseen speakers of the other?",
        "",
        f"Speakers are left out in {FOLDS} folds. Difference: to learning from the same data set alone, paired, 95 % "
        "interval over speakers. Masked: no label counts against a data set without clips of it.",
        "",
        "| asked about | learned from | plain | difference | adapted | difference |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for own, other in (both, both[::-1]):
        ways: dict[str, Callable[[Voices, Voices], list[np.ndarray]]] = {
            "itself": lambda learned, asked: list(answered(learned, asked)),
            "the other": lambda _, asked, other=other: list(answered(other, asked)),  # type: ignore[misc]
            "both, masked": lambda learned, asked, other=other: list(  # type: ignore[misc]
                answered(together([learned, other]), asked)
            ),
            "both, not masked": lambda learned, asked, other=other: list(  # type: ignore[misc]
                answered(together([learned, other]), asked, masked=False)
            ),
        }
        found = {name: folded(own, FOLDS, way) for name, way in ways.items()}
        for name, answers in found.items():
            cells = []
            for alone, now in zip(found["itself"], answers, strict=True):
                against = compare_paired(own.truth, alone, now, own.speakers)
                low, high = against.ci95
                gain = f"{100 * against.difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
                cells += [f"{against.accuracy_b:.1%}", "" if name == "itself" else gain]
            lines.append(f"| {own.name} | {name} | {' | '.join(cells)} |")
    return lines


def out_of_depth(*both: Voices) -> list[str]:
    """The calibration of answers to unseen speakers and to the other data set, before and after."""
    lines = [
        "",
        "## Do answers know their depth?",
        "",
        "Expected calibration error as it is and where answers are trusted as far as their distance lets them be "
        "(`affekt/ensemble/depth.py`); what perfectly calibrated answers would show; and how many have a warning.",
        "",
        "| learned from | asked about | accuracy | before | after | perfect | confidence before, after | warned |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for own, other in (both, both[::-1]):
        asked = other.rows(own.possible[0][other.truth])
        asked = Voices(
            other.name, asked.features, asked.truth, asked.speakers, np.tile(own.possible[0], (len(asked.truth), 1))
        )
        lines.append(_depth_row(own, own.name, own.truth, folded(own, 4, trusted), own.speakers))
        lines.append(_depth_row(own, other.name, asked.truth, trusted(own, asked), asked.speakers))
    return lines


def trusted(learned: Voices, asked: Voices) -> list[np.ndarray]:
    """Answers as they are, as they are trusted, and the share of unseen clips that lie at least as far."""
    known = Voices(learned.name, learned.features, learned.truth, learned.speakers, learned.possible)
    unseen, distances = folded(known, INNER, lambda own, held: [answered(own, held)[0], away(own, held)])
    depth = Depth.fit(READ, distances, unseen, learned.truth, 0)
    assert depth is not None
    plain, here = answered(learned, asked)[0], away(learned, asked)
    columns = asked.possible[0]
    after = plain.copy()
    small = Depth.fit(READ, distances, unseen[:, columns], _among(learned.truth, columns), 0)
    assert small is not None
    after[:, columns] = small.trusted(plain[:, columns], here)
    return [plain, after, depth.shares(here)]


def _among(truth: np.ndarray, columns: np.ndarray) -> np.ndarray:
    place = np.cumsum(columns) - 1
    return np.where(columns[truth], place[truth], -1)


def away(learned: Voices, asked: Voices) -> np.ndarray:
    """Float64 ``[N, M]``: the distances of each kind of features."""
    pairs = zip(learned.features, asked.features, strict=True)
    return np.stack([Familiar.fit(x).distances(rows) for x, rows in pairs], axis=1)


def _depth_row(own: Voices, name: str, truth: np.ndarray, found: Sequence[np.ndarray], speakers: Sequence[str]) -> str:
    before, after = (evaluate_scores(truth, each, LABELS, speakers, bootstrap=2) for each in found[:2])
    perfect = after.if_calibrated
    assert perfect is not None
    asked = "its unseen speakers" if name == own.name else name
    return (
        f"| {own.name} | {asked} | {after.accuracy:.1%} | {before.expected_calibration_error:.3f} | "
        f"{after.expected_calibration_error:.3f} | {perfect.expected:.3f} | {before.mean_confidence:.2f}, "
        f"{after.mean_confidence:.2f} | {(found[2] <= UNLIKE).mean():.0%} |"
    )


if __name__ == "__main__":
    main()
