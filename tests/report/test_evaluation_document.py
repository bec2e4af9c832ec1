"""The evaluation of a score table and its fusions as one JSON document."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from affekt.errors import DataError
from affekt.fusion import FusionKey
from affekt.media.prepared import SkippedClip
from affekt.pipelines.cli.evaluate import show
from affekt.report.document import Ablation, Evaluation, PersonFigures
from affekt.report.evaluation import evaluate_table
from affekt.report.wording import headline, summary
from affekt.score_table import ScoreTable
from affekt.settings import load_settings
from affekt.statistics.adaptation import AdaptationCurve, CurvePoint
from affekt.statistics.metrics import evaluate_scores
from affekt.statistics.paired import compare_paired

SETTINGS = load_settings("small", ["evaluation.bootstrap=200"]).evaluation


def small_table() -> ScoreTable:
    """Forty clips of four people and two labels, scored by a good and a poor model."""
    rng = np.random.default_rng(2)
    truth = np.arange(40) % 2
    good = np.where(rng.random(40) < 0.8, truth, 1 - truth)
    poor = rng.integers(0, 2, 40)
    scores = np.stack([np.eye(2)[good] * 0.8 + 0.1, np.eye(2)[poor] * 0.4 + 0.3], axis=1)
    return ScoreTable(
        tuple(f"clip{i:02d}" for i in range(40)), ("happy", "sad"), ("bilstm", "svc"), scores, truth,
        tuple("abcd"[i // 10] for i in range(40)), ("val",) * 40,
    )  # fmt: skip


def key(text: str) -> FusionKey:
    return FusionKey.parse(text)


def evaluated(table: ScoreTable | None = None, **changes: Any) -> Evaluation:
    table = table or small_table()
    fused = {key("average"): table.scores.mean(axis=1), key("svm@svc"): table.scores[:, 1]}
    return evaluate_table(
        table, fused, changes.pop("chosen", "average"), changes.pop("skipped", ()), SETTINGS, **changes
    )


def test_the_figures_at_the_top_are_those_of_the_chosen_fusion() -> None:
    found = evaluated()
    assert found.chosen_fusion is not None
    assert found.figures == found.chosen_fusion.figures == found.fusion[key("average")].figures


def test_power_rests_on_a_model_that_answers_otherwise_and_is_assumed_without_one() -> None:
    table = small_table()
    assert (table.scores[:, 0].argmax(1) == table.scores.mean(axis=1).argmax(1)).all()  # the fusion says what it says
    power = evaluated().power
    assert power is not None and power.measured_on == "svc" and power.disagreement > 0.1
    alone = evaluate_table(table.only(["bilstm"]), {key("average"): table.scores[:, 0]}, "average", (), SETTINGS).power
    assert alone is not None and (alone.measured_on, alone.disagreement) == ("", 0.3)


def test_every_model_and_every_fusion_has_the_figures_of_its_own_scores() -> None:
    table = small_table()
    found = evaluated(table)
    assert list(found.models) == ["bilstm", "svc"]
    assert list(map(str, found.fusion)) == ["average", "svm@svc"]
    alone = evaluate_scores(table.truth, table.scores[:, 1], table.labels, table.subjects, bootstrap=200)
    assert found.models["svc"] == alone


def test_a_fusion_says_which_models_it_fuses() -> None:
    fusion = evaluated().fusion
    assert (fusion[key("average")].method, fusion[key("average")].models) == ("average", ("bilstm", "svc"))
    assert (fusion[key("svm@svc")].method, fusion[key("svm@svc")].models) == ("svm", ("svc",))


def test_the_chosen_fusion_is_compared_with_each_model() -> None:
    table = small_table()
    found = evaluated(table)
    expected = compare_paired(
        table.truth, table.scores[:, 1], table.scores.mean(axis=1), table.subjects, bootstrap=200, confidence=0.95
    )
    assert found.paired["svc"] == expected


def test_any_two_models_and_fusions_are_compared_once() -> None:
    table = small_table()
    pairs = {(pair.a, pair.b): pair.paired for pair in evaluated(table).pairs}
    assert list(pairs) == [
        ("models.bilstm", "models.svc"), ("models.bilstm", "fusion.average"), ("models.bilstm", "fusion.svm@svc"),
        ("models.svc", "fusion.average"), ("models.svc", "fusion.svm@svc"), ("fusion.average", "fusion.svm@svc"),
    ]  # fmt: skip
    expected = compare_paired(table.truth, table.scores[:, 1], table.scores.mean(axis=1), table.subjects, bootstrap=200)
    assert pairs["models.svc", "fusion.average"] == expected
    assert pairs["models.svc", "fusion.svm@svc"].mcnemar_p == 1.0


def test_one_model_alone_may_be_chosen() -> None:
    found = evaluate_table(small_table(), {}, "svc", (), SETTINGS)
    assert found.chosen_fusion is None
    assert found.figures == found.models["svc"]
    assert list(found.paired) == ["bilstm"]


def test_an_unknown_fusion_is_named_with_those_there_are() -> None:
    with pytest.raises(DataError, match=r"maximum.*average, svm@svc, bilstm, svc"):
        evaluated(chosen="maximum")


def test_accuracy_is_broken_down_by_subject_and_by_attribute() -> None:
    found = evaluated(attributes={"gender": ["female"] * 20 + ["male"] * 20, "language": [""] * 40})
    assert {name: group.clips for name, group in found.by_subject.items()} == dict.fromkeys("abcd", 10)
    assert {name: group.subjects for name, group in found.by_attribute["gender"].items()} == {
        "female": 2,
        "male": 2,
    }
    assert "language" not in found.by_attribute
    parts = found.by_attribute["gender"].values()
    assert np.mean([group.accuracy for group in parts]) == pytest.approx(found.figures.accuracy)


def test_every_group_has_the_accuracy_of_every_model_and_fusion() -> None:
    table = small_table()
    found = evaluated(table, attributes={"gender": ["f", "m"] * 20})
    hits = table.scores.argmax(axis=2) == table.truth[:, None]
    assert found.by_attribute["gender"]["m"].accuracy_of["models.svc"] == pytest.approx(hits[1::2, 1].mean())
    subject = found.by_subject["b"]
    assert list(subject.accuracy_of) == ["models.bilstm", "models.svc", "fusion.average", "fusion.svm@svc"]
    assert subject.accuracy_of["models.bilstm"] == pytest.approx(hits[10:20, 0].mean())
    assert subject.accuracy_of["fusion.average"] == subject.accuracy


def test_attributes_that_form_no_groups_are_left_out() -> None:
    found = evaluated(attributes={"same": ["x"] * 40, "file": [str(i) for i in range(40)]})
    assert found.by_attribute == {}


def test_the_worst_are_wrong_answers_the_surest_first() -> None:
    table = small_table()
    found = evaluated(table)
    worst = found.worst
    assert worst
    assert [row.confidence for row in worst] == sorted((row.confidence for row in worst), reverse=True)
    for row in worst:
        number = table.clips.index(row.clip)
        assert row.label == table.labels[table.truth[number]] != row.predicted
        assert row.subject == table.subjects[number]


def test_rows_without_a_label_keep_the_others_in_place() -> None:
    table = small_table()
    truth = table.truth.copy()
    truth[:7] = -1
    found = evaluated(replace(table, truth=truth), attributes={"gender": ["x"] * 7 + ["y"] * 20 + ["z"] * 13})
    assert (found.figures.clips, found.unlabelled) == (33, 7)
    assert [group.clips for group in found.by_attribute["gender"].values()] == [20, 13]
    assert not {row.clip for row in found.worst} & set(table.clips[:7])


def test_unanswered_clips_are_listed() -> None:
    table = small_table()
    table.scores[5] = np.nan
    found = evaluated(table)
    assert found.unanswered == ("clip05",)
    assert found.figures.no_answer == 1
    assert "clip05" not in {row.clip for row in found.worst}


def test_skipped_clips_are_listed_and_counted_by_code() -> None:
    found = evaluated(
        skipped=[
            SkippedClip("a.mp4", "unreadable", "no video stream"),
            SkippedClip("b.mp4", "unreadable", "empty"),
            SkippedClip("c.mp4", "no_face", "?"),
        ]
    )
    assert found.to_dict()["skipped"][0] == {"clip": "a.mp4", "code": "unreadable", "reason": "no video stream"}
    assert found.skipped_by_code == {"unreadable": 2, "no_face": 1}


def test_the_whole_document_is_plain_json_and_is_read_again_as_it_was() -> None:
    found = evaluated(attributes={"gender": ["f", "m"] * 20}, skipped=[SkippedClip("a", "b", "c")])
    document = found.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert Evaluation.from_dict(document) == found


def test_a_document_without_a_key_or_with_another_kind_of_value_is_refused() -> None:
    document = evaluated().to_dict()
    del document["paired"]
    with pytest.raises(DataError, match="'paired' is missing") as caught:
        Evaluation.from_dict(document, "evaluation.json")
    assert (caught.value.code, caught.value.where) == ("damaged", "evaluation.json")
    document = evaluated().to_dict()
    document["models"]["svc"]["accuracy"] = "high"
    with pytest.raises(DataError, match=r"models\.svc\.accuracy: expected float, found 'high'"):
        Evaluation.from_dict(document)


def test_images_are_named_where_clips_would_be() -> None:
    table = replace(small_table(), subjects=("",) * 40)
    document = evaluate_table(table, {}, "svc", (), SETTINGS, unit="images").to_dict()
    assert document["things"] == "images"
    assert document["interval_over"] == document["models"]["svc"]["interval_over"] == "images"


def with_person(table: ScoreTable, **changes: Any) -> Evaluation:
    """The document with adapted answers that are always right beside the average and the SVM."""
    right = np.where(table.truth[:, None] >= 0, np.eye(2)[table.truth], 0.5)
    fused = {"average": table.scores.mean(axis=1), "svm": table.scores[:, 1]}
    fused |= {"average~person": right, "svm~person": right}
    by_key = {key(text): scores for text, scores in fused.items()}
    return evaluate_table(table, by_key, changes.pop("chosen", "average"), (), SETTINGS)


def person_of(table: ScoreTable) -> PersonFigures:
    return with_person(table).person


def test_adapted_answers_stand_apart_from_the_fusions() -> None:
    found = with_person(small_table())
    assert set(map(str, found.fusion)) == set(map(str, found.person.methods)) == {"average", "svm"}
    assert found.figures.accuracy == found.fusion[key("average")].figures.accuracy < 1
    assert found.person.chosen == found.person.methods[key("average")]
    assert found.person.chosen is not None and found.person.chosen.figures.accuracy == 1
    assert found.to_dict()["person"]["accuracy"] == 1


def test_adapted_answers_are_compared_with_the_plain_ones_of_their_method() -> None:
    found = with_person(small_table())
    for name, adapted in found.person.methods.items():
        plain = found.fusion[name].figures.accuracy
        assert adapted.paired.accuracy_a == plain
        assert adapted.paired.difference == pytest.approx(1 - plain)
    document = found.to_dict()["person"]
    assert document["paired"] == document["methods"]["average"]["paired"]


def test_adapted_answers_cannot_be_chosen() -> None:
    with pytest.raises(DataError, match="no fusion or model named 'svm~person'"):
        with_person(small_table(), chosen="svm~person")


def test_clips_of_people_with_one_clip_are_counted() -> None:
    table = replace(small_table(), subjects=("a",) * 30 + tuple("bcdefgh") + ("", "", ""))
    person = person_of(table)
    assert (person.people, person.alone, person.to_dict()["clips"]) == (1, 10, 40)


def test_where_no_person_has_two_clips_there_are_no_adapted_figures() -> None:
    person = person_of(replace(small_table(), subjects=tuple(map(str, range(40))))).to_dict()
    assert person["accuracy"] is person["accuracy_ci95"] is person["paired"] is person["clips"] is None
    assert (person["methods"], person["reason"]) == ({}, "no person has two clips")


def test_where_no_clip_names_its_subject_that_is_the_reason() -> None:
    assert person_of(replace(small_table(), subjects=("",) * 40)).reason == "no clip names its subject"


@pytest.mark.parametrize(
    ("model", "learned", "people"),
    [
        (None, None, "unseen subjects"),
        (None, 3, "subjects"),
        ("m/1", 0, "unseen subjects"),
        ("m/1", 3, "subjects"),
        ("m/1", None, "subjects"),
    ],
)
def test_people_are_called_unseen_where_no_model_learned_from_them(model, learned, people) -> None:
    found = replace(evaluated(), model=model, learned=learned)
    assert f"40 clips of {found.figures.subjects} {people};" in headline(found)
    images = headline(replace(found, unit="images"))
    assert ("40 unseen images" in images) == people.startswith("unseen")


def test_without_adapted_answers_it_says_so() -> None:
    person = evaluated().person
    assert (person.chosen, person.reason) == (None, "no answers were adapted to a person")


def test_a_document_with_adapted_answers_is_plain_json() -> None:
    document = with_person(small_table()).to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert Evaluation.from_dict(document) == with_person(small_table())


def test_an_attribute_of_another_length_is_an_error() -> None:
    with pytest.raises(DataError, match="'gender' has 3 values for 40 clips"):
        evaluated(attributes={"gender": ["f"] * 3})


def test_an_ablation_comes_back_with_what_it_does_on_these_clips() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(40) % 2
    scores = rng.dirichlet(np.ones(2), (40, 2))
    table = ScoreTable(
        tuple(f"c{i}" for i in range(40)), ("happy", "sad"), ("svc", "joint"), scores, truth,
        tuple(f"s{i // 10}" for i in range(40)), ("val",) * 40,
    )  # fmt: skip
    right = np.eye(2)[truth] * 0.8 + 0.1
    ablation = Ablation(
        "joint", True, ("svc",), "average", 20, 2, 0.5, 0.6, None, "kept: it helps", ("joint", "svc"), fold="one"
    )
    fused = {"average": right, "average@svc": scores[:, 0], "average@joint+svc": right}

    found = evaluate_table(
        table,
        {key(text): scores for text, scores in fused.items()},
        "average",
        models_fused=("svc", "joint"),
        ablations=[ablation],
    )

    (outcome,) = found.ablation_outcomes
    assert found.ablations == (ablation,)
    assert (outcome.model, outcome.paired.accuracy_b) == ("joint", 1.0)
    assert outcome.paired.accuracy_a == found.fusion[key("average@svc")].figures.accuracy
    assert found.to_dict()["trials"][0]["fold"] == "one"


def test_confused_labels_come_with_clips_and_what_each_model_says_of_them() -> None:
    found = evaluated()
    table = small_table()
    answers = table.scores.mean(axis=1).argmax(axis=1)
    wrong = [(table.labels[t], table.labels[a]) for t, a in zip(table.truth, answers, strict=True) if t not in (-1, a)]
    assert found.confused
    for pair in found.confused:
        assert pair.clips == wrong.count((pair.label, pair.predicted))
        for example in pair.examples:
            row = table.clips.index(example.clip)
            said = example.models[table.models[0]]
            assert said is not None
            assert said.label == table.labels[int(table.scores[row, 0].argmax())]
    assert [pair.clips for pair in found.confused] == sorted((pair.clips for pair in found.confused), reverse=True)
    assert set(found.pictured) >= {example.clip for pair in found.confused for example in pair.examples}


def test_the_command_names_few_clips_that_it_could_not_use_and_counts_many_alike(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table, heard = small_table(), "holds no picture that can be decoded; only its voice is used"
    skipped = [SkippedClip("bad.mp4", "unreadable", "ends early")]
    skipped += [SkippedClip(f"{number}.wav", "no_video", heard) for number in range(728)]
    found = evaluate_table(table, {key("average"): table.scores.mean(axis=1)}, "average", skipped, SETTINGS)
    show(replace(found, model="m"))
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if "ends early" in line or heard in line] == [
        "bad.mp4: ends early", f"728 clips, such as 0.wav: {heard}",
    ]  # fmt: skip


def test_a_curve_says_of_whom_it_is_where_only_some_people_have_so_many_clips(capsys):
    found = evaluate_table(small_table(), {}, "bilstm", [], SETTINGS)
    points = [CurvePoint(1, 4, 40, 0.5, 0.5, None), CurvePoint(8, 4, 40, 0.6, 0.5, None),
              CurvePoint(16, 1, 20, 0.9, 0.85, None)]  # fmt: skip
    show(replace(found, model="m", adaptation=AdaptationCurve(tuple(points), {})))
    said = "by the clips of a person that are known: 1: 50.0%, 8: 60.0%, 16: 90.0% (1 person, plain 85.0%)"
    assert said in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("worse", [True, False])
def test_a_model_that_alone_is_right_more_often_than_the_fusion_is_told(worse: bool, capsys):
    table = small_table()
    good, poor = table.scores[:, 0], table.scores[:, 1]
    found = evaluate_table(table, {FusionKey("average"): poor if worse else good}, "average", [], SETTINGS)
    lead = found.models["bilstm"].accuracy - found.models["svc"].accuracy
    low, high = found.paired["bilstm"].ci95
    signed = f"+{100 * lead:.1f} points ({100 * -high:+.1f} to {100 * -low:+.1f})".replace("-", "−")
    said = (
        f"VGG + Bi-LSTM alone is right on {100 * found.models['bilstm'].accuracy:.1f}%, more often than the fusion: "
        f"by {signed} on the same clips."
    )
    assert lead > 0
    assert (said in summary(found)) is worse
    show(replace(found, model="m"))
    assert (said in capsys.readouterr().out.splitlines()) is worse
