"""Whether a clip is like those that were learned from, and what becomes of its answer where it is not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from affekt.ensemble import Ensemble
from affekt.ensemble.depth import DEPTH, Depth
from affekt.ensemble.fusions import Fusions
from affekt.ensemble.manifest import MANIFEST, read_manifest
from affekt.ensemble.seen import Seen
from affekt.errors import DataError
from affekt.media import PreparedIndex
from affekt.report.document import Evaluation
from affekt.report.wording import out_of_depth, summary
from affekt.steps.evaluate_model import evaluate_model
from affekt.storage import file_digest
from affekt.store.entries import Store


def unseen(count: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances of two models, answers of three labels, and labels that are as often right as the answers claim."""
    rng = np.random.default_rng(seed)
    answers = rng.dirichlet([0.6] * 3, count)
    truth = np.array([rng.choice(3, p=row) for row in answers])
    return rng.gamma(9, 1 / 9, (count, 2)), answers, truth


@pytest.fixture(scope="module")
def depth() -> Depth:
    distances, answers, truth = unseen()
    found = Depth.fit(("svc", "voice_embedding"), distances, answers, truth, 0)
    assert found is not None
    return found


def error(answers: np.ndarray, truth: np.ndarray) -> float:
    return float(abs(answers.max(axis=1).mean() - (answers.argmax(axis=1) == truth).mean()))


def test_of_clips_like_the_unseen_ones_every_share_is_as_likely(depth):
    found = Depth(depth.models, unseen(2000, seed=9)[0], 1.0)
    shares = found.shares(unseen(3000, seed=5)[0])
    assert np.quantile(shares, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.04)


def test_answers_to_clips_like_them_stay_about_as_sure_as_they_are_right(depth):
    distances, answers, truth = unseen(3000, seed=6)
    assert error(depth.trusted(answers, distances), truth) < 0.05


def test_the_farther_a_clip_the_less_sure_its_answer_and_its_label_stays(depth):
    answers = np.tile([0.7, 0.2, 0.1], (4, 1))
    near, far, farther, farthest = depth.trusted(answers, np.array([[0.5] * 2, [1.4] * 2, [1.8] * 2, [9.0] * 2]))
    assert near[0] > far[0] > farther[0] >= farthest[0] > 1 / 3
    assert farthest[0] < 0.55
    assert {row.argmax() for row in (near, far, farther, farthest)} == {0}


def test_however_far_a_clip_lies_its_answer_counts_for_three_tenths():
    known = Depth(("svc",), np.linspace(1, 2, 10_000)[:, np.newaxis], 1.0)
    answers = np.array([[0.7, 0.2, 0.1]])
    np.testing.assert_allclose(known.trusted(answers, np.array([[9.0]])), 0.3 * answers + 0.7 / 3, atol=0.005)


def test_of_an_ensemble_that_was_stored_before_it_counts_for_nothing(tmp_path):
    Depth(("svc",), np.linspace(1, 2, 10_000)[:, np.newaxis], 1.0).write(tmp_path)
    stored = json.loads((tmp_path / DEPTH).read_text(encoding="utf-8"))
    del stored["least"]
    (tmp_path / DEPTH).write_text(json.dumps(stored), encoding="utf-8")
    known = Depth.read(tmp_path)
    assert known is not None
    np.testing.assert_allclose(known.trusted(np.array([[0.7, 0.2, 0.1]]), np.array([[9.0]])), 1 / 3, atol=0.005)


def test_a_clip_on_which_one_model_alone_tells_is_held_against_that_model(depth):
    assert depth.shares(np.array([[np.nan, 9.0]]))[0] == pytest.approx(1 / 401)
    assert depth.shares(np.array([[np.nan, 0.1]]))[0] == pytest.approx(1.0, abs=0.01)


def test_a_clip_without_a_distance_keeps_its_answer_to_the_last_bit(depth):
    answers = np.array([[0.7, 0.2, 0.1], [np.nan] * 3])
    found = depth.trusted(answers, np.array([[np.nan, np.nan], [1.0, 1.0]]))
    assert (found[0] == answers[0]).all()
    assert np.isnan(found[1]).all()


def test_models_that_look_at_the_same_features_count_once():
    distances, answers, truth = unseen()
    twice = np.concatenate([distances[:, :1], distances], axis=1)
    found = Depth.fit(("random_forest", "svc", "voice_embedding"), twice, answers, truth, 0)
    assert found is not None
    assert found.models == ("random_forest", "voice_embedding")


def test_few_clips_or_none_that_tells_give_nothing():
    distances, answers, truth = unseen(39)
    assert Depth.fit(("a", "b"), distances, answers, truth, 0) is None
    assert Depth.fit(("a", "b"), None, answers, truth, 0) is None
    assert Depth.fit(("a", "b"), np.full((400, 2), np.nan), *unseen()[1:], 0) is None


def test_what_was_written_is_read_to_the_last_bit(depth, tmp_path):
    distances, answers, _ = unseen(50, seed=8)
    assert Depth.read(tmp_path) is None
    depth.write(tmp_path)
    found = Depth.read(tmp_path)
    assert found is not None
    assert (found.trusted(answers, distances) == depth.trusted(answers, distances)).all()
    (tmp_path / DEPTH).write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="fetch the model again"):
        Depth.read(tmp_path)


def test_a_clip_is_said_to_be_unlike_them_from_one_in_twenty_on():
    known = Depth(
        ("svc",), np.arange(1.0, 100.0)[:, np.newaxis], 1.0
    )  # of 99 clips, and the share of k is k + 1 of 100

    def told(distance: float) -> str | None:
        return known.told(Seen("clip", np.full((1, 3), 1 / 3), 9, 9, (), None, 1, distances={"svc": distance}))

    assert known.shares(np.array([[95.5], [94.5]])) == pytest.approx([0.05, 0.06])
    assert told(94.5) is None and told(np.nan) is None
    assert "farther from it than 95 of 100 clips" in str(told(95.5))
    assert "farther from it than 99 of 100 clips" in str(told(1e6))
    some = Depth(("svc",), np.arange(1.0, 200.0)[:, np.newaxis], 1.0)  # eight of 199 lie farther: a share of 0.045
    seen = Seen("clip", np.full((1, 3), 1 / 3), 9, 9, (), None, 1, distances={"svc": 191.5})
    assert "than 95 of 100" in str(some.told(seen))
    assert Depth(("svc",), np.arange(1.0, 4000.0)[:, np.newaxis], 1.0).told(
        Seen("clip", np.full((1, 3), 1 / 3), 9, 9, (), None, 1, distances={"svc": 1e6})
    ) == told(1e6)  # not all of 100, however many there are


def test_it_is_fitted_on_labelled_clips_with_an_answer_and_a_distance_by_the_likeliest_temperature():
    distances, answers, truth = unseen(44)
    truth[10:20] = answers[10:20].argmin(axis=1)  # answers that are too sure
    truth[0], answers[1], distances[2], distances[3, 0] = -1, np.nan, np.nan, np.nan
    assert Depth.fit(("a", "b"), distances[:42], answers[:42], truth[:42], 0) is None  # 39 tell
    used = [3, *range(4, 43)]
    found = Depth.fit(("a", "b"), distances[:43], answers[:43], truth[:43], 0)
    assert found is not None and found.models == ("a", "b")
    np.testing.assert_array_equal(found.unseen, distances[used])

    def likelihood(temperature: float) -> float:
        trusted = Depth(("a", "b"), distances[used], temperature).trusted(answers[used], distances[used])
        return float(np.log(trusted[np.arange(40), truth[used]] + 1e-12).mean())

    tried = np.exp(np.linspace(np.log(0.4), np.log(1.5), 45))
    assert found.temperature == max(tried, key=likelihood) > tried[0]


def test_of_many_clips_two_thousand_are_kept_by_the_seed():
    given = unseen(2100)
    first, again, other = (Depth.fit(("a", "b"), *given, seed) for seed in (0, 0, 1))
    assert first is not None and again is not None and other is not None
    assert len(first.unseen) == 2000
    assert (first.unseen == again.unseen).all() and (first.unseen != other.unseen).any()


def test_clips_and_train_clips_without_a_distance_are_left_aside():
    known = Depth(("a", "b"), np.array([[1.0, np.nan], [2.0, np.nan], [3.0, 5.0]]), 1.0)
    shares = known.shares(np.array([[np.nan, np.nan], [9.0, 9.0]]))
    assert np.isnan(shares[0]) and shares[1] == pytest.approx(1 / 2)  # one train clip has both
    assert np.isfinite(known.trusted(np.array([[1.0, 0.0]]), np.array([[9.0, 9.0]]))).all()


def test_distances_are_put_in_the_order_of_the_models_that_tell():
    found = Depth(("b", "gone", "a"), np.ones((1, 3)), 1.0).of(("a", "b"), np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert found.dtype == float
    np.testing.assert_array_equal(found, [[2.0, np.nan, 1.0], [4.0, np.nan, 3.0]])


def test_distances_that_are_missing_are_written_as_json_knows_them_and_count_as_alike(tmp_path):
    distances, answers, truth = unseen(50)
    distances[::7] = np.nan
    distances[:, 1] = distances[:, 0]
    found = Depth.fit(("a", "b"), distances, answers, truth, 0)
    assert found is not None and found.models == ("a",)
    known = Depth(("a", "b"), np.array([[1.0, np.nan]]), 1.0)
    known.write(tmp_path)
    assert "NaN" not in (tmp_path / DEPTH).read_text(encoding="utf-8")
    read = Depth.read(tmp_path)
    assert read is not None and read.models == known.models and read.unseen.dtype == float
    np.testing.assert_array_equal(read.unseen, known.unseen)


@pytest.fixture(scope="module")
def with_depth(tiny_ensemble, tmp_path_factory, depth):
    """The tiny ensemble, told that all train clips of unseen people lay near."""
    folder = tmp_path_factory.mktemp("depth") / "ensemble"
    shutil.copytree(tiny_ensemble, folder)
    Depth(("svc",), depth.unseen[:, :1] / 100, 0.9).write(folder)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest["files"][DEPTH] = file_digest(folder / DEPTH)
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return Ensemble.load(folder)


def test_a_clip_unlike_what_was_learned_from_is_answered_with_a_warning_and_less_sure(
    with_depth, tiny_ensemble, tiny_run, tiny_settings
):
    clip = Store(tiny_run.store, tiny_settings.media).get(PreparedIndex.read(tiny_run.prepared).rows[-1].key)
    plain, found = Ensemble.load(tiny_ensemble).predict(clip), with_depth.predict(clip)
    assert found.label == plain.label
    assert found.confidence < plain.confidence
    assert "unlike what the model learned from" in found.warnings[-1]
    assert not any("unlike" in warning for warning in plain.warnings)
    person = with_depth.predict_person([clip, clip])
    assert all("unlike" in answer.warnings[-1] for answer in person)


def test_an_evaluation_says_how_many_clips_are_unlike_what_was_learned_from(
    with_depth, tiny_ensemble, tiny_run, sample_clips
):
    def asked(ensemble: Ensemble) -> Evaluation:
        return evaluate_model(ensemble, str(sample_clips), tiny_run.store, model="m", split="val").evaluation

    found, plain = asked(with_depth), asked(Ensemble.load(tiny_ensemble))
    clips = found.figures.clips
    assert found.unlike == clips == found.to_dict()["unlike"] == Evaluation.from_dict(found.to_dict()).unlike
    said = f"{clips} of {clips} clips (100.0%) are unlike what the model learned from"
    assert out_of_depth(found).startswith(said)
    assert any(line.startswith(said) for line in summary(found))
    assert plain.unlike is None and "unlike" not in plain.to_dict() and not out_of_depth(plain)
    assert not out_of_depth(replace(found, unlike=0))
    left_out = replace(found, skipped_by_code={"label_not_learned": 5})  # clips that were looked at like the others
    assert out_of_depth(left_out).startswith(f"{clips} of {clips + 5} clips")


def test_it_is_not_known_of_clips_that_no_model_tells_a_distance_of(depth, tiny_ensemble):
    fusions = replace(Fusions.load(tiny_ensemble, read_manifest(tiny_ensemble)), depth=depth)
    none = np.full((3, len(fusions.models)), np.nan)
    assert fusions.unlike(none) is None
    none[0, list(fusions.models).index("svc")] = 99.0
    assert fusions.unlike(none).tolist() == [True, False, False]


def test_clips_are_unlike_where_their_share_is_at_most_one_in_twenty():
    known = Depth(("svc",), np.arange(1.0, 100.0)[:, np.newaxis], 1.0)
    assert known.unlike(np.array([[95.5], [94.5], [np.nan]])).tolist() == [True, False, False]
