"""Every fusion method: what it answers, with gaps and without, fitted on few rows and on many, stored and loaded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from affekt.classifiers import fit_forest
from affekt.errors import DataError
from affekt.extensions import LabelledScores, fusion_names, fusion_specs
from affekt.fusion import Fusion
from affekt.fusion.methods.stacking import StackingSettings, fit
from affekt.settings import load_settings

METHODS = fusion_names()
TRAINED = tuple(name for name, spec in fusion_specs().items() if spec.fit)

MISSING = np.full(4, np.nan)


def with_gaps(table, every=4):
    """The table with no face in every fourth clip and no voice in every fifth."""
    scores = table.scores.copy()
    scores[::every, 0] = np.nan
    scores[1::5, 1] = 0.0
    return replace(table, scores=scores)


def test_the_fixed_rules_are_what_their_names_say(make_table):
    table = make_table(0)
    first, second = [0.7, 0.1, 0.1, 0.1], [0.0, 0.5, 0.25, 0.25]
    one = np.array([[first, second]])
    answer = {
        name: Fusion.fit(table, name, weights={"face": 3, "voice": 1} if name == "weighted_average" else None).predict(
            one
        )
        for name in ("average", "weighted_average", "maximum", "highest_confidence")
    }
    np.testing.assert_allclose(answer["average"][0], [0.35, 0.3, 0.175, 0.175])
    np.testing.assert_allclose(answer["weighted_average"][0], [0.525, 0.2, 0.1375, 0.1375])
    np.testing.assert_allclose(answer["maximum"][0], np.array([0.7, 0.5, 0.25, 0.25]) / 1.7)
    np.testing.assert_allclose(answer["highest_confidence"][0], first)


@pytest.mark.parametrize("method", METHODS)
def test_every_answer_is_a_probability_vector_and_none_is_given_without_a_model(method, make_table):
    table = with_gaps(make_table(240))
    answers = Fusion.fit(table, method).predict(table.scores)
    silent = ~table.available[:, 0] & (table.scores[:, 1] == 0).all(axis=1)
    assert silent.any()
    assert np.isnan(answers[silent]).all()
    assert (answers[~silent] >= 0).all()
    np.testing.assert_allclose(answers[~silent].sum(axis=1), 1)


@pytest.mark.parametrize("method", METHODS)
def test_fusing_two_models_beats_the_weaker_one_on_other_clips(method, make_table):
    fusion, other = Fusion.fit(make_table(300, seed=1), method), make_table(400, seed=2)
    right = fusion.predict(other.scores).argmax(axis=1) == other.truth
    assert right.mean() > (other.scores[:, 1].argmax(axis=1) == other.truth).mean() + 0.1


@pytest.mark.parametrize("method", ["average", "highest_confidence", *TRAINED])
def test_an_answer_does_not_depend_on_the_rows_beside_it(method, make_table):
    table = with_gaps(make_table(160))
    fusion = Fusion.fit(table, method)
    together = fusion.predict(table.scores[:20])
    alone = np.concatenate([fusion.predict(table.scores[row : row + 1]) for row in range(20)])
    np.testing.assert_allclose(alone, together, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_a_loaded_fusion_answers_as_the_saved_one(method, make_table, tmp_path):
    table = with_gaps(make_table(160))
    fusion = Fusion.fit(table, method)
    fusion.save(tmp_path / method)
    loaded = Fusion.load(tmp_path / method)
    assert (loaded.method, loaded.models, loaded.labels) == (method, table.models, table.labels)
    np.testing.assert_array_equal(loaded.predict(table.scores), fusion.predict(table.scores))
    assert {path.suffix for path in (tmp_path / method).iterdir()} <= {".json", ".safetensors"}


@pytest.mark.parametrize("method", TRAINED)
def test_each_set_of_models_that_can_answer_has_a_classifier_of_its_own(method, make_table):
    table = make_table(200, models=("vgg", "bilstm", "svc"), strengths=(1, 2, 1))
    fusion = Fusion.fit(table, method)
    assert set(fusion.classifiers) == {(0, 1, 2), (0, 1), (2,)}  # all, the face alone, the voice alone
    gaps = table.scores.copy()
    gaps[:, 0] = np.nan
    assert set(Fusion.fit(replace(table, scores=gaps), method).classifiers) == {(1, 2), (2,)}


@pytest.mark.parametrize("method", TRAINED)
def test_a_set_of_models_that_never_occurred_is_answered_by_the_weighted_average(method, make_table):
    table = make_table(200, models=("one", "two", "three"), strengths=(1, 2, 1))
    fusion = Fusion.fit(table, method)
    row = table.scores[:1].copy()
    row[0, 0] = np.nan
    weights = fusion.weights[1:] / fusion.weights[1:].sum()
    np.testing.assert_allclose(fusion.predict(row)[0], weights @ row[0, 1:])


@pytest.mark.parametrize("method", TRAINED)
def test_too_few_rows_are_answered_by_an_average_and_the_reason_is_kept(method, make_table):
    table = make_table(8)
    fusion = Fusion.fit(table, method)
    assert not fusion.classifiers
    assert any("too few" in note for note in fusion.notes)
    np.testing.assert_allclose(fusion.predict(table.scores), table.scores.mean(axis=1))


@pytest.mark.parametrize("method", METHODS)
def test_no_rows_at_all_still_make_a_fusion(method, make_table):
    fusion = Fusion.fit(make_table(0), method)
    np.testing.assert_allclose(fusion.predict(np.full((1, 2, 4), 0.25)), [[0.25] * 4])


@pytest.mark.parametrize("method", ["weighted_average", "svm", "stacking"])
def test_rows_without_a_label_change_nothing(method, make_table):
    table = make_table(120)
    strange = make_table(40, seed=9)
    mixed = replace(
        table,
        clips=table.clips + tuple(f"x{n}" for n in range(40)),
        scores=np.concatenate([table.scores, strange.scores]),
        truth=np.concatenate([table.truth, np.full(40, -1)]),
        subjects=table.subjects + strange.subjects,
        splits=table.splits + strange.splits,
    )
    new = make_table(30, seed=4).scores
    np.testing.assert_array_equal(Fusion.fit(table, method).predict(new), Fusion.fit(mixed, method).predict(new))


@pytest.mark.parametrize("method", ["weighted_average", *TRAINED])
def test_the_same_rows_and_seed_give_the_same_fusion(method, make_table):
    table, new = make_table(150), make_table(30, seed=4).scores
    first, second = (Fusion.fit(table, method, seed=3).predict(new) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("method", ["average", "svm", "stacking"])
def test_votes_are_as_good_as_shares(method, make_table):
    table = make_table(150)
    votes = replace(table, scores=table.scores * np.arange(1, 151)[:, None, None])
    new = make_table(30, seed=4).scores
    np.testing.assert_allclose(
        Fusion.fit(votes, method).predict(7 * new), Fusion.fit(table, method).predict(new), atol=1e-6
    )


@pytest.mark.parametrize("method", TRAINED)
def test_a_label_without_rows_keeps_its_column_with_probability_zero(method, make_table):
    table = make_table(200)
    part = table.rows(table.truth != 1)
    answers = Fusion.fit(part, method).predict(part.scores)
    assert (answers[:, 1] == 0).all()
    assert (answers.argmax(axis=1) == part.truth).mean() > 0.6


def test_a_search_for_weights_prefers_the_model_that_is_right(make_table):
    fusion = Fusion.fit(make_table(400, strengths=(0.3, 2.5)), "weighted_average")
    assert fusion.weights[1] > 0.7
    assert fusion.weights.sum() == pytest.approx(1)


def test_a_search_for_weights_leaves_equal_models_nearly_equal(make_table):
    fusion = Fusion.fit(make_table(400, strengths=(2, 2)), "weighted_average")
    assert abs(fusion.weights[0] - 0.5) <= 0.15


def test_where_a_model_is_missing_the_other_weights_share_its_part(make_table):
    fusion = Fusion.fit(make_table(0), "weighted_average", weights={"face": 0.9, "voice": 0.1})
    only_voice = np.array([[MISSING, [0.4, 0.3, 0.2, 0.1]]])
    np.testing.assert_allclose(fusion.predict(only_voice), [[0.4, 0.3, 0.2, 0.1]])


@pytest.mark.parametrize(
    "weights", [{"face": 1, "lstm": 1}, {"face": -1, "voice": 2}, {"face": 0}, {"face": float("nan")}]
)
def test_impossible_weights_are_refused(weights, make_table):
    with pytest.raises(DataError, match="weight"):
        Fusion.fit(make_table(20), "weighted_average", weights=weights)


@pytest.mark.parametrize("value", [-0.1, np.inf])
def test_scores_that_are_no_amounts_are_refused(value, make_table):
    table = make_table(20)
    scores = table.scores.copy()
    scores[3, 0, 0] = value
    with pytest.raises(DataError, match="softmax"):
        Fusion.fit(replace(table, scores=scores), "average")


def test_another_number_of_models_is_refused(make_table):
    fusion = Fusion.fit(make_table(20), "average")
    with pytest.raises(DataError, match="2 models over 4 labels"):
        fusion.predict(np.ones((1, 3, 4)))


def test_a_damaged_fusion_is_refused(make_table, tmp_path):
    Fusion.fit(make_table(150), "svm").save(tmp_path)
    path = tmp_path / "fusion.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError) as error:
        Fusion.load(tmp_path)
    assert error.value.code == "damaged"


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"format": 99, "method": "svm"}', '{"format": 1, "method": "magic"}', '{"format": 1, "method": "svm"}'],
)
def test_a_folder_without_a_fusion_is_refused(content, tmp_path):
    (tmp_path / "fusion.json").write_text(content)
    with pytest.raises(DataError, match=r"fusion\.json"):
        Fusion.load(tmp_path)


def overfitted_scores(seed):
    """Scores of a forest on noise: for its own 200 train clips as a memory, and for 200 other clips as guesses."""
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(400, 10)), random.integers(4, size=400)
    memory = fit_forest(x[:200], y[:200], 4, trees=40, seed=0)
    out_of_fold = np.empty((200, 4))
    for fold in range(4):
        held = np.arange(200) % 4 == fold
        out_of_fold[held] = fit_forest(x[:200][~held], y[:200][~held], 4, trees=40, seed=0).predict(x[:200][held])
    return y, memory.predict(x), out_of_fold


@pytest.mark.parametrize("method", ["weighted_average", *TRAINED])
def test_out_of_fold_rows_keep_a_memorising_model_from_being_trusted(method, make_table):
    """A model that has memorised its train clips is ignored when its train rows come from folds, as the members' do."""
    y, memory, out_of_fold = overfitted_scores(3)
    base = make_table(400, strengths=(1.5, 0.0))
    decent = base.scores[:, 0].copy()
    order = np.argsort(base.truth, kind="stable")
    decent[np.argsort(y, kind="stable")] = decent[order]
    decent_right = (decent[200:].argmax(axis=1) == y[200:]).mean()
    accuracies = {}
    for name, rows in {"out_of_fold": out_of_fold, "leaked": memory[:200]}.items():
        scores = np.stack([decent, np.concatenate([rows, memory[200:]])], axis=1)
        table = replace(base, scores=scores, truth=y)
        fusion = Fusion.fit(table.rows(np.arange(200)), method)
        accuracies[name] = (fusion.predict(scores[200:]).argmax(axis=1) == y[200:]).mean()
    # Four features of noise cost a classifier a little, the support vector machine most; only the leak is fatal, and
    # less so where weights are drawn to each other.
    assert accuracies["out_of_fold"] > decent_right - 0.1
    assert accuracies["leaked"] < accuracies["out_of_fold"] - (0.01 if method == "selected" else 0.05)


@pytest.mark.parametrize("method", TRAINED)
def test_from_a_memorising_model_alone_nothing_is_learned(method, make_table):
    y, memory, out_of_fold = overfitted_scores(4)
    base = make_table(400, models=("svc",), strengths=(0,))
    table = replace(base, scores=np.concatenate([out_of_fold, memory[200:]])[:, None], truth=y)
    fusion = Fusion.fit(table.rows(np.arange(200)), method)
    right = (fusion.predict(table.scores[200:]).argmax(axis=1) == y[200:]).mean()
    assert right < 0.25 + 3 * np.sqrt(0.25 * 0.75 / 200)
    assert (memory[:200].argmax(axis=1) == y[:200]).mean() == 1.0


def test_stacking_trusts_what_foretells_unseen_subjects():
    random = np.random.default_rng(0)
    y = np.arange(600) % 3
    # Neither model alone tells the labels apart: one only says whether it is 0, the other only whether it is 1.
    first = np.where((y == 0)[:, None], [0.8, 0.1, 0.1], [0.2, 0.4, 0.4]) + 0.05 * random.random((600, 3))
    second = np.where((y == 1)[:, None], [0.1, 0.8, 0.1], [0.4, 0.2, 0.4]) + 0.05 * random.random((600, 3))
    x = np.concatenate([first, second], axis=1)
    rows = LabelledScores(x, y, tuple(f"s{n % 7}" for n in range(600)), models=2, labels=3)
    stack = fit(rows, StackingSettings(linear_c=[0.1, 1.0], offset_penalty=5.0))
    assert (stack.predict(x).argmax(axis=1) == y).all()
    assert stack.shares.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("random_forest", {"trees": 5}),
        ("random_forest", {"min_samples_split": 80}),
        ("adaboost", {"trees": 3}),
        ("adaboost", {"depth": 1}),
        ("adaboost", {"learning_rate": 1.0}),
        ("svm", {"c": 0.5}),
        ("svm", {"kernel": "linear"}),
        ("svm", {"gamma": 0.1}),
        ("stacking", {"linear_c": [10.0]}),
        ("stacking", {"offset_penalty": 0.01}),
    ],
)
def test_every_setting_of_a_fitted_fusion_changes_what_it_learns(method, changes, make_table):
    table, new = make_table(150), make_table(30, seed=4).scores
    usual = load_settings("paper").fusion.methods
    other = {**usual, method: replace(usual[method], **changes)}
    plain, set_, again = (Fusion.fit(table, method, settings=s).predict(new) for s in (usual, other, None))
    assert np.abs(plain - set_).max() > 1e-3
    np.testing.assert_array_equal(plain, again)
