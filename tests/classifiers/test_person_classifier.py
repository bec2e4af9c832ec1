"""Rows of one person are normalised by the person's own clips, as far as their number speaks for them."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.classifiers import LinearSoftmax, PersonClassifier, fit_forest, fit_logistic, load_classifiers
from affekt.classifiers.storage import save_classifiers


def people(count: int, clips: int = 24, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Rows whose label moves them a little, and whose person moves them much."""
    rng = np.random.default_rng(seed)
    y = np.tile(np.arange(3), count * clips // 3)
    names = [f"p{number // clips}" for number in range(count * clips)]
    shift = np.repeat(rng.normal(size=(count, 12)) * 6, clips, axis=0)
    return shift + 2 * np.eye(3)[y] @ rng.normal(size=(3, 12)) + rng.normal(size=(len(y), 12)), y, names


def fitted(x: np.ndarray, y: np.ndarray, names: list[str]) -> PersonClassifier:
    found = PersonClassifier.fit(x, names, lambda rows, kept: fit_logistic(rows, y[kept], 3, c=0.1))
    assert found is not None
    return found


def test_a_person_that_moves_every_feature_is_answered_rightly():
    x, y, names = people(9)
    own = np.array([name == "p8" for name in names])
    plain = fit_logistic(x[~own], y[~own], 3, c=0.1)
    person = fitted(x[~own], y[~own], [name for name in names if name != "p8"])
    right = (person.predict(x[own]).argmax(axis=1) == y[own]).mean()
    assert right > (plain.predict(x[own]).argmax(axis=1) == y[own]).mean() + 0.2
    assert right > 0.8


def test_a_lone_clip_keeps_its_plain_answer_to_the_last_bit():
    x, y, names = people(4)
    plain = fit_logistic(x, y, 3, c=0.1).predict(x[:1])
    np.testing.assert_array_equal(fitted(x, y, names).mixed(x[:1], plain), plain)


def test_more_clips_count_for_more():
    x, y, names = people(4)
    person, plain = fitted(x, y, names), np.full((24, 3), 1 / 3)
    for count, part in ((2, 1 / 5), (5, 1 / 2), (21, 5 / 6)):
        expected = part * person.predict(x[:count]) + (1 - part) / 3
        np.testing.assert_allclose(person.mixed(x[:count], plain[:count]), expected)


@pytest.mark.parametrize("names", [["a"] * 6, [""] * 6, list("abcdef"), ["a", "a", "a", "", "b", "c"]])
def test_without_two_people_of_two_clips_there_is_none(names):
    x, y, _ = people(1, clips=6)
    assert PersonClassifier.fit(x, names, lambda rows, kept: fit_logistic(rows, y[kept], 3, c=0.1)) is None


def test_it_is_told_which_rows_it_learns_from():
    x, _, names = people(2, clips=6)
    names[0], names[7] = "", "alone"
    PersonClassifier.fit(x, names, lambda rows, kept: told.append((len(rows), kept)) or None)  # type: ignore[arg-type,func-returns-value]
    assert told[0][0] == 10
    assert np.flatnonzero(~told[0][1]).tolist() == [0, 7]


told: list[tuple[int, np.ndarray]] = []


@pytest.mark.parametrize("kind", ["softmax", "trees"])
def test_it_is_stored_with_the_classifier_within(tmp_path, kind):
    x, y, names = people(3)

    def fit(rows, kept):
        if kind == "softmax":
            return fit_logistic(rows, y[kept], 3, c=0.1)
        return fit_forest(rows, y[kept], 3, trees=3, min_samples_split=2, seed=0)

    person = PersonClassifier.fit(x, names, fit)
    assert person is not None
    digest = save_classifiers(tmp_path / "file", {"person": person})
    read = load_classifiers(tmp_path / "file", digest)["person"]
    assert isinstance(read, PersonClassifier) and (kind == "trees" or isinstance(read.inner, LinearSoftmax))
    np.testing.assert_array_equal(read.predict(x[:24]), person.predict(x[:24]))
