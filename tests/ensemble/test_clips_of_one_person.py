"""Several clips of one person: the adapted answers are those that training evaluated, and old ensembles have none."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest

from affekt.ensemble import Ensemble, look_at, score_index
from affekt.ensemble.earlier import Earlier
from affekt.ensemble.fusions import Fusions
from affekt.errors import DataError, MediaError
from affekt.extensions import fusion_names, model_names
from affekt.fusion import FusionKey
from affekt.media import PreparedIndex
from affekt.score_table import ScoreTable
from affekt.steps.evaluate import evaluate
from affekt.store.entries import Store

METHODS = fusion_names()
ALL = model_names()


@pytest.fixture(scope="module")
def ensemble(tiny_ensemble):
    return Ensemble.load(tiny_ensemble, inference="torch")  # which made the scores of the training


@pytest.fixture(scope="module")
def index(tiny_run):
    return PreparedIndex.read(tiny_run.prepared).select("val")


@pytest.fixture(scope="module")
def clips(tiny_run, tiny_settings, index):
    """The seven clips of the one person of the split val."""
    store = Store(tiny_run.store, tiny_settings.media)
    return [store.get(row.key) for row in index]


@pytest.fixture(scope="module")
def written(tiny_run, tiny_settings):
    """The adapted answers of the same clips, as training wrote them."""
    table = ScoreTable.read(tiny_run.scores / "fused.csv").split("val")
    return table.only([str(FusionKey(tiny_settings.fusion.method, person=True))]).scores[:, 0]


def test_the_figures_of_a_run_name_the_adapted_ones(tiny_run, tiny_settings, tmp_path):
    found = evaluate(
        tiny_run.prepared, tiny_run.scores, tiny_run.ensemble, str(tiny_run.store), tiny_settings, tmp_path / "out"
    )
    figures = found.scalars()
    assert {name: figures[f"accuracy_person_{name}"] for name in METHODS} == {
        name: found.person.methods[FusionKey(name)].figures.accuracy for name in METHODS
    }
    assert figures["accuracy"] == found.fusion[FusionKey(tiny_settings.fusion.method)].figures.accuracy
    assert not [name for name in figures if "~" in name]


def vectors(answers):
    return np.array([list(answer.probabilities.values()) for answer in answers])


def test_every_method_has_adapted_answers_beside_its_own(tiny_run):
    keys = map(FusionKey.parse, ScoreTable.read(tiny_run.scores / "fused.csv").models)
    assert {key for key in keys if key.person} == {FusionKey(method, person=True) for method in METHODS}


def test_a_persons_clips_get_the_answers_that_training_evaluated(ensemble, clips, written):
    assert np.abs(vectors(ensemble.predict_person(clips)) - written).max() < 1e-5


def test_a_table_of_people_gets_the_same_answers(ensemble, index, tiny_run, tiny_settings, written):
    table, _ = score_index(ensemble, index, Store(tiny_run.store, tiny_settings.media))
    assert np.abs(ensemble.answers_of_people(table) - written).max() < 1e-5


def test_the_order_of_the_clips_is_that_of_the_answers(ensemble, clips):
    forward, backward = (vectors(ensemble.predict_person(given)) for given in (clips[:3], clips[2::-1]))
    np.testing.assert_allclose(backward[::-1], forward, atol=1e-9)


def test_the_models_own_answers_are_not_adapted(ensemble, clips):
    assert ensemble.predict_person(clips[:2])[0].models == ensemble.predict(clips[0]).models


def test_the_only_clip_gets_the_plain_answer_and_a_warning(ensemble, clips):
    plain, [alone] = ensemble.predict(clips[0]), ensemble.predict_person(clips[:1])
    np.testing.assert_allclose(vectors([alone]), vectors([plain]), atol=1e-9)
    assert alone.warnings == (*plain.warnings, "no other clip of the person can be used: answered from this one alone")


COPIED = "the same is seen as in another clip of the person, of which it is a copy: it counts once"


def test_copies_of_a_clip_count_once_and_are_told(ensemble, clips):
    once = ensemble.predict_person([clips[0], clips[1]])
    found = ensemble.predict_person([clips[0], clips[0], clips[1], clips[0]])
    assert [found[0], found[2]] == once
    for copy in (found[1], found[3]):
        assert copy == dataclasses.replace(once[0], warnings=(COPIED, *once[0].warnings))
    alone = ensemble.predict_person([clips[0], clips[0]])
    assert vectors(alone).tolist() == vectors(ensemble.predict_person([clips[0]])).tolist() * 2
    assert all(answer.warnings[-1].startswith("no other clip of the person can be used") for answer in alone)


def test_copies_of_a_clip_in_a_table_of_people_count_once(ensemble, index, tiny_run, tiny_settings):
    store = Store(tiny_run.store, tiny_settings.media)
    copies = [dataclasses.replace(index.rows[0], clip=f"copy{number}") for number in range(3)]
    rows = (*index.rows, *copies, dataclasses.replace(index.rows[0], clip="whose", subject=""))
    table, fused = score_index(ensemble, dataclasses.replace(index, rows=rows), store)
    plain, _ = score_index(ensemble, index, store)
    count = len(index)
    for found, expected in (
        (table.person, plain.person), (ensemble.answers_of_people(table), ensemble.answers_of_people(plain))
    ):  # fmt: skip
        assert np.array_equal(found[:count], expected, equal_nan=True)
        assert all(np.array_equal(found[count + number], expected[0], equal_nan=True) for number in range(3))
    np.testing.assert_allclose(ensemble.answers_of_people(table)[-1], fused[-1], atol=1e-9)  # nobody's copy


def test_no_clips_get_no_answers(ensemble):
    assert ensemble.predict_person([]) == []


def test_a_clip_with_neither_face_nor_voice_is_named(ensemble, clips):
    nothing = dataclasses.replace(clips[1], present=np.zeros_like(clips[1].present), voice=False)
    with pytest.raises(MediaError) as caught:
        ensemble.predict_person([clips[0], nothing], where=["a.mp4", "b.mp4"])
    assert (caught.value.code, caught.value.where) == ("nothing_usable", "b.mp4")


def test_a_bad_file_has_its_error_and_the_others_their_answers(ensemble, clips, index, sample_clips, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"this is no video")
    files = [sample_clips / index.rows[0].clip, bad, sample_clips / index.rows[1].clip]
    first, error, second = ensemble.answers_of_person(list(look_at(ensemble, [str(file) for file in files])))
    assert isinstance(error, MediaError)
    assert [first, second] == ensemble.predict_person(clips[:2])


@pytest.fixture(scope="module")
def old(tmp_path_factory, tiny_ensemble):
    """The ensemble as it would have been stored before there was an adaptation."""
    folder = shutil.copytree(tiny_ensemble, tmp_path_factory.mktemp("old") / "ensemble")
    shutil.rmtree(folder / "fusion_person")
    manifest = json.loads((folder / "ensemble.json").read_text(encoding="utf-8"))
    manifest["files"] = {name: file for name, file in manifest["files"].items() if "fusion_person" not in name}
    (folder / "ensemble.json").write_text(json.dumps(manifest), encoding="utf-8")
    return Ensemble.load(folder, inference="torch")


def test_an_ensemble_stored_before_answers_as_ever(old, ensemble, clips):
    assert old.predict(clips[0]) == ensemble.predict(clips[0])


@pytest.mark.parametrize(
    "ask",
    [
        lambda ensemble: ensemble.predict_person([]),
        lambda ensemble: ensemble.answers_of_person([]),
        lambda ensemble: ensemble.answers_of_people(
            ScoreTable((), ensemble.labels, ALL, np.zeros((0, len(ALL), 7)), np.zeros(0, dtype=int), (), ())
        ),
    ],
    ids=["clips", "files", "table"],
)
def test_an_ensemble_stored_before_says_that_it_has_no_adaptation(old, ask):
    with pytest.raises(DataError, match="no adaptation to a person") as caught:
        ask(old)
    assert caught.value.code == "no_adaptation"


def test_a_damaged_adaptation_is_noticed(tiny_ensemble, tmp_path):
    copy = shutil.copytree(tiny_ensemble, tmp_path / "ensemble")
    (copy / "fusion_person" / "fusion.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="does not match its digest"):
        Ensemble.load(copy)


@pytest.mark.parametrize(("evens", "apart"), [(False, 1e-12), (True, 0.1)])
def test_one_more_clip_gets_the_answer_that_it_has_among_all_of_them(ensemble, clips, monkeypatch, evens, apart):
    def look_in(self, path, where, **how):
        clip = clips[int(str(path))]
        return clip, self.look(clip, where)

    monkeypatch.setattr(Ensemble, "look_in", look_in)
    # What fused answers have in common is known of those alone that were given before.
    fusions = ensemble._fusions
    evening = dataclasses.replace(fusions, person=dataclasses.replace(fusions.person, evens=evens))
    monkeypatch.setattr(ensemble, "_fusions", evening)
    earlier = Earlier()
    for number in range(len(clips)):
        said, shown = ensemble.predict_after(str(number), Earlier.from_dict(earlier.to_dict()))
        together = ensemble.predict_person(clips[: number + 1])[-1]
        np.testing.assert_allclose(vectors([said]), vectors([together]), atol=apart)
        assert said.earlier_clips == earlier.clips == number and said.models == together.models
        earlier = earlier.joined(Earlier.from_dict(shown.to_dict()))
    plain = ensemble.predict_file("0")
    assert dataclasses.replace(plain, earlier_clips=0) == ensemble.predict_after("0", Earlier())[0]
    assert vectors([plain]).tolist() != vectors([ensemble.predict_after("0", earlier)[0]]).tolist()


def test_an_ensemble_stored_before_fused_answers_were_evened_does_not_even_them(tiny_ensemble):
    manifest = json.loads((tiny_ensemble / "ensemble.json").read_text())
    assert Fusions.load(tiny_ensemble, manifest).person.evens
    del manifest["adaptation"]
    assert not Fusions.load(tiny_ensemble, manifest).person.evens


def test_a_clip_that_comes_again_counts_once_and_is_answered_by_the_others(ensemble, clips, monkeypatch):
    monkeypatch.setattr(
        Ensemble, "look_in", lambda self, path, where, **how: (clips[int(path)], self.look(clips[int(path)], where))
    )

    def asked(numbers):
        earlier, answers = Earlier(), []
        for number in numbers:
            said, shown = ensemble.predict_after(str(number), Earlier.from_dict(earlier.to_dict()))
            earlier = earlier.joined(Earlier.from_dict(shown.to_dict()))
            answers.append(said)
        return answers, earlier

    once, known = asked([0, 1, 2])
    found, repeated = asked([0, 0, 1, 2, 1, 2])
    assert repeated.to_dict() == known.to_dict()
    assert [answer.earlier_clips for answer in found] == [0, 0, 1, 2, 2, 2]
    assert [COPIED in answer.warnings for answer in found] == [False, True, False, False, True, True]
    assert vectors(found[:2]).tolist() == vectors([ensemble.predict_file("0")]).tolist() * 2
    np.testing.assert_allclose(vectors([found[2], found[3], found[5]]), vectors([once[1], once[2], once[2]]))
    # Of the others one came after it now.
    assert np.abs(vectors([found[4]]) - vectors([once[1]])).max() > 1e-6
