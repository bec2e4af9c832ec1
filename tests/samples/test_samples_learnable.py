"""Sample faces and voices carry their labels, across subjects and not too plainly."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affekt.dataset import LABELS
from affekt.samples.expression import envelope
from affekt.samples.subjects import make_subject
from affekt.samples.voice import SAMPLE_RATE, Voice, speak
from affekt.samples.write import write_sample_faces

CHANCE = 1 / len(LABELS)


@pytest.fixture(scope="module")
def voices() -> dict[tuple[int, str], Voice]:
    """One voice per subject and label."""
    return {
        (number, label): speak(
            make_subject(number, 0), label, 2.0, 25, np.random.default_rng([number, LABELS.index(label)])
        )
        for number in range(8)
        for label in LABELS
    }


def accuracy(features: np.ndarray, labels: list[str], subjects: list[int], components: int) -> float:
    """Of a linear model on subjects that it has not seen."""
    model = make_pipeline(
        StandardScaler(), PCA(components, random_state=0), LogisticRegression(C=0.1, max_iter=2000)
    )  # fmt: skip
    predicted = cross_val_predict(model, features, labels, groups=subjects, cv=GroupKFold(3))
    return float(np.mean(predicted == np.array(labels)))


def test_faces_of_unseen_subjects_are_told_apart_but_not_all(tmp_path: Path) -> None:
    paths = sorted(write_sample_faces(tmp_path, per_label=24).rglob("*.png"))
    images = np.array([cv2.resize(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (48, 48)) for path in paths], float)
    images = (images - images.mean((1, 2), keepdims=True)) / images.std((1, 2), keepdims=True)
    found = accuracy(
        images.reshape(len(paths), -1), [path.parent.name for path in paths], [int(path.stem) for path in paths], 40
    )
    assert 2 * CHANCE < found < 0.95


def test_voices_of_unseen_subjects_are_told_apart_but_not_all(voices: dict[tuple[int, str], Voice]) -> None:
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    features = np.array([smile.process_signal(voice.sound, SAMPLE_RATE).to_numpy()[0] for voice in voices.values()])
    found = accuracy(np.nan_to_num(features), [key[1] for key in voices], [key[0] for key in voices], 30)
    assert 2 * CHANCE < found < 0.95


def test_voices_stay_in_the_ordinary_range_and_do_not_clip(voices: dict[tuple[int, str], Voice]) -> None:
    for voice in voices.values():
        assert voice.pitch.min() >= 80 and voice.pitch.max() <= 350
        assert np.abs(voice.sound).max() < 0.95
        assert len(voice.sound) == 2 * SAMPLE_RATE and len(voice.mouth) == 50


def test_anger_is_louder_than_sadness_and_fear_higher(voices: dict[tuple[int, str], Voice]) -> None:
    def mean(label: str, measure: str) -> float:
        values = [voice for key, voice in voices.items() if key[1] == label]
        return float(np.mean([np.std(v.sound) if measure == "level" else np.log(v.pitch).mean() for v in values]))

    assert mean("angry", "level") > 1.5 * mean("sad", "level")
    assert mean("fear", "pitch") > mean("sad", "pitch") + 0.15


def test_an_expression_grows_from_almost_nothing() -> None:
    curves = np.array([envelope(50, np.random.default_rng(seed)) for seed in range(20)])
    assert curves[:, 0].max() < 0.1
    assert curves.max(axis=1).min() > 0.8
