"""Checks a fusion method by the contract of :class:`affekt.extensions.FusionSpec`, on score tables made for it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from affekt.extensions import FusionSpec, fusion_spec
from affekt.fusion import Fusion
from affekt.fusion.vectors import as_probabilities
from affekt.score_table import ScoreTable
from affekt.settings import load_settings
from affekt.testing.conformance import require, require_spec

LABELS = ("angry", "happy", "sad", "neutral")
MODELS = ("vgg", "bilstm", "svc")
_CLIPS, _SUBJECTS, _FOLDS = 144, 12, 2


def check_fusion(name: str, settings: Sequence[str] = ()) -> None:
    """Fit, ask, save and load an installed fusion method, and hold it to its contract.

    The spec's module is light to import, and its settings have rows for the preset ``paper``; answers are probability
    vectors for every set of models that answers, and there is none without a model; an answer does not hang on the
    rows beside it, and the scores are left as they were; two fits of the same rows answer equally to the last bit,
    whatever was fitted in between, and so does what is saved and loaded; rows without a label teach it nothing; and on
    people that it did not see it is right far more often than by chance.

    Args:
        name: of the method.
        settings: overrides of the preset ``paper`` that make it quick, as ``fusion.my_method.trees=10``.

    Raises:
        ConformanceError: the first promise that is not kept.
        AffektError: the fitting or the loading failed.
    """
    spec = fusion_spec(name)
    who = f"fusion method {name!r}"
    require_spec("fusion", name, who)
    how: dict[str, Any] = {"settings": load_settings("paper", settings).fusion.methods, "folds": _FOLDS}
    table = _table()
    unseen = np.array([subject in table.subjects[:3] for subject in table.subjects])
    train, test = table.rows(~unseen), table.rows(unseen)

    def fitted(rows: ScoreTable) -> Fusion:
        return Fusion.fit(rows, name, **how)

    fusion = fitted(train)
    if spec.rule is not None:
        _check_rule(spec, fusion.weights, test, who)
    answers = fusion.predict(test.scores)
    _check_answers(spec, fusion, test, who)
    _check_rows(fusion, test, who)
    with tempfile.TemporaryDirectory(prefix="affekt-") as folder:
        fusion.save(Path(folder))
        loaded = Fusion.load(Path(folder)).predict(test.scores)
    require(_same(loaded, answers), who, "what is saved and loaded should answer equally")
    truth = (table.truth + 1) % len(LABELS)
    fitted(replace(table, truth=np.where(unseen, truth, table.truth)))  # whatever it remembers of this must not show
    require(_same(fitted(train).predict(test.scores), answers), who, "two fits of the same rows should answer equally")
    require(
        _same(fitted(replace(table, truth=np.where(unseen, -1, table.truth))).predict(test.scores), answers),
        who,
        "rows without a label should change nothing in what it learns",
    )
    right = float((answers.argmax(axis=1) == test.truth).mean())
    require(right > 0.5, who, f"on people that it did not see it should be right far above chance, found {right:.0%}")


def _table() -> ScoreTable:
    """Scores of three models that know something of the label; some lack an answer."""
    rng = np.random.default_rng(0)
    truth = rng.integers(len(LABELS), size=_CLIPS)
    logits = rng.normal(size=(_CLIPS, len(MODELS), len(LABELS)))
    logits[np.arange(_CLIPS), :, truth] += (2.0, 1.5, 1.0)
    scores = np.exp(logits)
    scores /= scores.sum(axis=2, keepdims=True)
    scores[::5, :2] = np.nan  # no face
    scores[1::7, 2] = np.nan  # no voice
    subjects = tuple(f"s{row % _SUBJECTS}" for row in range(_CLIPS))
    clips = tuple(f"clip{row}" for row in range(_CLIPS))
    return ScoreTable(clips, LABELS, MODELS, scores, truth, subjects, ("train",) * _CLIPS)


def _check_answers(spec: FusionSpec, fusion: Fusion, test: ScoreTable, who: str) -> None:
    whole = test.rows(~np.isnan(test.scores).any(axis=(1, 2)))
    for count in range(1, len(MODELS) + 1):
        for answering in combinations(range(len(MODELS)), count):
            names = ", ".join(MODELS[model] for model in answering)
            scores = np.full_like(whole.scores, np.nan)
            scores[:, answering] = whole.scores[:, answering]
            answers = fusion.predict(scores)
            require(answers.shape == (len(whole), len(LABELS)), who, f"answers should be [N, L], found {answers.shape}")
            require(
                bool((answers >= 0).all()) and np.allclose(answers.sum(axis=1), 1, atol=1e-9),
                who,
                f"where {names} answered, its answers should be probabilities that sum to one",
            )
            if spec.rule is not None and count == 1:
                require(
                    np.allclose(answers.argmax(axis=1), whole.scores[:, answering[0]].argmax(axis=1)),
                    who,
                    f"where {names} alone answered, a rule should give the label that it gave",
                )
    silent = fusion.predict(np.full((1, len(MODELS), len(LABELS)), np.nan))
    require(bool(np.isnan(silent).all()), who, "where no model answered it should have no answer")


def _check_rows(fusion: Fusion, test: ScoreTable, who: str) -> None:
    before = test.scores.copy()
    together = fusion.predict(test.scores)
    require(_same(test.scores, before), who, "it should leave the scores that it is asked about as they were")
    alone = np.concatenate([fusion.predict(test.scores[row : row + 1]) for row in range(len(test))])
    require(
        bool(np.allclose(alone, together, atol=1e-9, equal_nan=True)),
        who,
        "an answer should not hang on the rows beside it",
    )


def _check_rule(spec: FusionSpec, weights: np.ndarray, test: ScoreTable, who: str) -> None:
    assert spec.rule is not None
    given = as_probabilities(test.scores)
    given = given[~np.isnan(given).all(axis=(1, 2))]
    kept = given.copy()
    answers = spec.rule(given, weights) if spec.weighted else spec.rule(given)
    expected = (len(given), len(LABELS))
    require(answers.shape == expected, who, f"its rule should give [N, L], {expected}; found {answers.shape}")
    require(_same(given, kept), who, "its rule should not write into what it is given")


def _same(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(np.array_equal(first, second, equal_nan=True))
