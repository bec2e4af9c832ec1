"""The gate's procedure with real, different ensembles: who becomes the champion, and what stops it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from affekt.dataset import load_clips
from affekt.ensemble import Clips, Ensemble, Learned, contents_of
from affekt.ensemble.manifest import identity_of
from affekt.errors import AffektError, DataError
from affekt.media import PreparedIndex
from affekt.media.prepared import PreparedRow
from affekt.registry import Decision, ModelVersion, ScoreVectors, Tracking, list_models, promote, read_history, register
from affekt.registry import decide as decide_between
from affekt.registry.guards import Guards
from affekt.registry.held_against import entries_in
from affekt.registry.models import champion_of, resolve
from affekt.registry.spending import Spending
from affekt.score_table import ScoreTable
from affekt.steps.run_gate import Challenger, run_gate
from affekt.storage import file_digest

NAME = "gate"
#: The versions of the model, from the first on: the share of clips that each is right on.
SHARES = (1.0, 0.999, 0.15, 0.0)


def written(tiny_run, folder: Path, right: float, learned: Learned | None = None) -> Path:
    """The tiny ensemble as one of other code, which makes it another model."""
    shutil.copytree(tiny_run.ensemble, folder)
    manifest = json.loads((folder / "ensemble.json").read_text(encoding="utf-8"))
    if learned is not None:
        learned.write(folder)
        manifest["files"]["learned.json"] = file_digest(folder / "learned.json")
    manifest["facts"]["code"] = f"of {right}"
    (folder / "ensemble.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def registered(once, tiny_run, registry_in) -> Path:
    """A home in which those versions are registered, and none is the champion."""

    def make(home: Path) -> None:
        tracking = registry_in(home)
        run_id = tracking.start_parent("candidates")
        for share in SHARES:
            register(tracking, written(tiny_run, home / f"ensemble{share}", share), name=NAME, run_id=run_id)

    return once("candidates", make)


@pytest.fixture
def tracking(registered, tmp_path) -> Tracking:
    """That registry, of this test alone."""
    home = tmp_path / "home"
    shutil.copytree(registered, home, copy_function=os.link, ignore=shutil.ignore_patterns("mlflow.db"))
    shutil.copyfile(registered / "mlflow.db", home / "mlflow.db")
    return Tracking(f"sqlite:///{home / 'mlflow.db'}", home=home)


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that would decide again for ever fails instead."""
    rounds = itertools.count()

    def counted(name: str, tracking: Tracking) -> ModelVersion | None:
        assert next(rounds) < 9
        return champion_of(name, tracking)

    monkeypatch.setattr("affekt.steps.run_gate.champion_of", counted)


def served_well(folder, clips):
    return {"ok": True, "message": "answered as in this process"}


def served_badly(folder, clips):
    return {"ok": False, "message": "the worker died"}


@pytest.fixture
def candidate(tracking, tiny_run, tmp_path):
    """A version with answers that are right on a share of the clips; one that tells what it learned is registered."""

    def make(right: float, learned: Learned | None = None) -> Challenger:
        folder, version = tracking.home / f"ensemble{right}", SHARES.index(right) + 1
        if learned is not None:
            folder = written(tiny_run, tmp_path / f"learned{right}", right, learned)
            version = register(tracking, folder, name=NAME, run_id=tracking.start_parent("learned"))
        fused = ScoreTable.read(tiny_run.scores / "fused.csv")
        scores = np.full(fused.scores.shape, 0.01)
        hits = round(right * len(fused))
        for row, truth in enumerate(fused.truth):
            scores[row, :, truth if row < hits else (truth + 1) % len(fused.labels)] = 0.94
        contents = contents_of(PreparedIndex.read(tiny_run.prepared))
        return Challenger(NAME, version, folder, dataclasses.replace(fused, scores=scores), contents)

    return make


@dataclass(frozen=True)
class Known:
    """Clips of which it is known what a champion answers, as rows by name; without a row there is no answer."""

    rows: dict[str, np.ndarray]
    asked: tuple[Path, ...] = ()
    answerable: bool = True
    unit = "images"

    def can_be_answered_by(self, ensemble: Ensemble) -> bool:
        assert ensemble.models
        return self.answerable

    def answers(self, ensemble: Ensemble, names: Sequence[str]) -> np.ndarray:
        return np.stack([self.rows.get(name, np.full(len(ensemble.labels), np.nan)) for name in names])

    @contextmanager
    def files(self, ensemble: Path, names: Sequence[str]) -> Iterator[list[Path]]:
        assert (ensemble / "ensemble.json").is_file() and names
        yield list(self.asked)


def decide(tracking, challenger, settings, check=served_well, rows=None):
    """Against a champion with these answers or none at all, asking a server about one file."""
    return run_gate(tracking, challenger, Known(rows or {}, (challenger.folder,)), settings=settings, check=check)


def lenient(settings):
    """Seven clips show little: with this, three more right answers are a gain beyond noise."""
    return dataclasses.replace(settings, gate=dataclasses.replace(settings.gate, confidence=0.5, false_promotions=1.0))


def champion(tracking, name):
    return [item.version for item in list_models(tracking, name) if "champion" in item.aliases]


def test_a_good_first_model_becomes_the_champion(tracking, candidate, tiny_settings):
    good = candidate(1.0)
    assert decide(tracking, good, tiny_settings).promote
    assert champion(tracking, good.name) == [good.version]


def test_a_first_model_no_better_than_chance_does_not(tracking, candidate, tiny_settings):
    poor = candidate(0.15)
    assert not decide(tracking, poor, tiny_settings).promote
    assert champion(tracking, poor.name) == []


def test_a_model_that_cannot_be_served_does_not(tracking, candidate, tiny_settings):
    good = candidate(1.0)
    decision = decide(tracking, good, tiny_settings, check=served_badly)
    assert not decision.promote
    assert "the worker died" in decision.reasons[-1]
    assert champion(tracking, good.name) == []


def test_a_challenger_is_held_against_the_champions_own_answers(
    tracking, candidate, tiny_run, tiny_settings, sample_clips
):
    first = candidate(1.0)
    promote(f"{first.name}/{first.version}", tracking)
    # The champion's side is not what its run reported but what the registered ensemble answers now.
    champion_now = Ensemble.load(first.folder)
    second = candidate(0.0)
    clips = Clips(load_clips(str(sample_clips)), tiny_run.store)
    decision = run_gate(tracking, second, clips, settings=tiny_settings, check=never)
    assert not decision.promote
    assert decision.figures["accuracy_challenger"] == 0
    table = ScoreTable.read(tiny_run.scores / "fused.csv").only([tiny_settings.fusion.method]).split("val")
    right = (table.scores[:, 0].argmax(axis=1) == table.truth).mean()
    assert decision.figures["accuracy_champion"] == pytest.approx(right)
    assert champion_now.digest != Ensemble.digest_of(second.folder)
    assert champion(tracking, first.name) == [first.version]


def test_a_clearly_better_challenger_replaces_the_champion(tracking, candidate, tiny_settings):
    settings = lenient(tiny_settings)
    first = candidate(1.0)
    decide(tracking, first, settings)
    second = candidate(0.999)
    assert decide(tracking, second, settings).promote
    assert champion(tracking, first.name) == [second.version]


def test_whoever_becomes_champion_meanwhile_is_held_against(tracking, candidate, tiny_settings):
    first, second = candidate(1.0), candidate(0.999)
    asked = []

    def another_gate_is_faster(folder, clips):
        if not asked:
            promote(f"{first.name}/{first.version}", tracking)
        asked.append(folder)
        return served_well(folder, clips)

    settings = lenient(tiny_settings)
    decision = decide(tracking, second, settings, check=another_gate_is_faster)
    assert decision.promote
    assert "accuracy_champion" in decision.figures  # held against none at first
    assert asked == [second.folder]  # a server is asked once
    history = read_history(tracking, first.name)
    assert [(entry.action, entry.version, entry.instead_of) for entry in history] == [
        ("promote", first.version, None), ("gate", second.version, first.version)
    ]  # fmt: skip
    assert history[-1].reason == " ".join(decision.reasons)


def test_who_does_not_beat_the_one_that_came_meanwhile_stays_a_challenger(tracking, candidate, tiny_settings):
    first, second = candidate(1.0), candidate(0.999)

    def another_gate_is_faster(folder, clips):
        promote(f"{first.name}/{first.version}", tracking)
        return served_well(folder, clips)

    decision = decide(tracking, second, tiny_settings, check=another_gate_is_faster, rows=rightly(second))
    assert not decision.promote
    assert champion(tracking, first.name) == [first.version]


def test_a_gate_that_is_tried_again_finds_its_challenger_promoted(tracking, candidate, tiny_settings):
    good = candidate(1.0)
    decide(tracking, good, tiny_settings)
    again = decide(tracking, good, tiny_settings, check=served_badly)
    assert again.promote
    assert again.reasons == [f"{good.name}/{good.version} is the champion already."]
    assert len(read_history(tracking, good.name)) == 1


def rightly(challenger: Challenger, without: int = 0) -> dict[str, np.ndarray]:
    """The right answers by name of the labelled clips that are reported, but of the last so many none."""
    val = challenger.fused.split("val")
    return {val.clips[row]: np.eye(len(val.labels))[val.truth[row]] for row in range(len(val) - without)}


def never(folder, clips):
    raise AssertionError("a server was asked")


@pytest.fixture
def two(tracking, candidate, tiny_settings):
    """A champion, and a challenger that is right throughout."""
    first, second = candidate(1.0), candidate(0.999)
    assert run_gate(tracking, first, Known({}), settings=tiny_settings, check=None).promote
    return first, second


def test_a_clip_that_the_champion_has_no_answer_to_is_one_that_it_gets_wrong(tracking, two, tiny_settings, monkeypatch):
    monkeypatch.setenv("AFFEKT_INFERENCE", "by nothing")  # PyTorch computes the champion, as it did the challenger
    _, second = two
    decision = run_gate(tracking, second, Known(rightly(second, without=2)), settings=tiny_settings, check=never)
    count = len(second.fused.split("val"))
    assert decision.figures["accuracy_challenger"] == 1
    assert decision.figures["accuracy_champion"] == pytest.approx((count - 2) / count)


def test_the_decision_is_that_of_the_rule_with_the_settings_of_the_run(tracking, two, tiny_settings):
    first, second = two
    settings = dataclasses.replace(
        tiny_settings, seed=5,
        gate=dataclasses.replace(tiny_settings.gate, confidence=0.7, margin=0.9, false_promotions=0.2, decisions=3),
        evaluation=dataclasses.replace(tiny_settings.evaluation, bootstrap=4),
    )  # fmt: skip
    rows = rightly(second, without=2)
    found = run_gate(tracking, second, Known(rows), settings=settings, check=never)
    val = second.fused.only([settings.fusion.method]).split("val")
    mine = ScoreVectors(
        val.clips, val.labels, val.scores[:, 0], val.truth, val.subjects, Ensemble.digest_of(second.folder), "images"
    )
    theirs = dataclasses.replace(
        mine, probabilities=Known(rows).answers(Ensemble.load(first.folder), val.clips),
        digest=Ensemble.digest_of(first.folder),
    )  # fmt: skip
    level = Spending(0.7, 0.2, 3).level(1)
    assert found == decide_between(
        mine, theirs, confidence=0.7, margin=0.9, bootstrap=150, seed=5, level=lambda: level, explain=True
    )
    assert found.figures["level"] == pytest.approx(0.2 / (1 + 2**-1.3 + 3**-1.3))
    assert "images" in " ".join(found.reasons)


def test_the_rule_is_asked_with_every_setting_of_the_gate(tracking, candidate, tiny_settings, monkeypatch):
    asked = {}

    def decided(mine, theirs, *, level, **how):
        asked.update(how, level=level())
        return Decision(False, ["no"])

    monkeypatch.setattr("affekt.steps.run_gate.decide", decided)
    bounds = {
        "min_clips": 2, "min_subjects": 3, "max_recall_fall": 0.4, "max_calibration_rise": 0.5,
        "allow_fewer_labels": True,
    }  # fmt: skip
    settings = dataclasses.replace(
        tiny_settings, seed=5, evaluation=dataclasses.replace(tiny_settings.evaluation, bootstrap=70),
        gate=dataclasses.replace(
            tiny_settings.gate, confidence=0.7, margin=0.1, false_promotions=0.2, decisions=3, **bounds
        ),
    )  # fmt: skip
    run_gate(tracking, candidate(1.0), Known({}), settings=settings, check=None, run_id="a1b2")
    assert asked == {
        "confidence": 0.7, "margin": 0.1, "bootstrap": 70, "seed": 5, "guards": Guards(**bounds), "explain": True,
        "level": Spending(0.7, 0.2, 3).level(1),
    }  # fmt: skip
    (entry,) = entries_in(tracking.client.get_registered_model(NAME).tags)
    assert (entry.version, entry.champion, entry.run_id) == (1, None, "a1b2")


def test_a_champion_that_cannot_answer_images_stays(tracking, two, tiny_settings):
    first, second = two
    decision = run_gate(tracking, second, Known({}, answerable=False), settings=tiny_settings, check=never)
    assert (decision.promote, dict(decision.figures)) == (False, {})
    models = ", ".join(Ensemble.load(tracking.home / "ensemble1.0").models)
    assert f"champion of {first.name!r} answers with {models}, which still images" in decision.reasons[0]
    assert champion(tracking, first.name) == [first.version]


def test_only_labelled_clips_of_the_reported_split_count(tracking, candidate, tiny_settings):
    good = candidate(1.0)
    fused = good.fused
    first = list(fused.splits).index("val")
    truth = np.where(np.arange(len(fused)) == first, -1, fused.truth)
    hidden = dataclasses.replace(good, fused=dataclasses.replace(fused, truth=truth))
    decision = run_gate(tracking, hidden, Known({}), settings=tiny_settings, check=None)
    assert decision.figures["clips"] == len(fused.split("val")) - 1


def test_where_there_is_nothing_to_ask_a_server_about_that_is_said(tracking, candidate, tiny_settings):
    good = candidate(1.0)
    decision = run_gate(tracking, good, Known({}), settings=tiny_settings, check=never)
    assert decision.promote and champion(tracking, good.name) == [good.version]
    message = "no face is found in the images, so a server has nothing to answer"
    assert decision.reasons[-1] == f"Not asked in a real TorchServe: {message}."
    assert decision.figures["serving"] == {"ok": None, "message": message}


def test_a_server_with_the_challenger_is_asked_about_the_files(tracking, candidate, tiny_settings, tmp_path):
    good, asked = candidate(1.0), []

    def check(folder, files):
        asked.append((folder, list(files)))
        return served_well(folder, files)

    decision = run_gate(
        tracking, good, Known({}, (tmp_path / "a", tmp_path / "b")), settings=tiny_settings, check=check
    )
    assert asked == [(good.folder, [tmp_path / "a", tmp_path / "b"])]
    assert decision.reasons[-1] == "In a real TorchServe: answered as in this process"
    assert decision.figures["serving"] == served_well(None, None)
    assert decision.figures["accuracy_challenger"] == 1


@pytest.mark.parametrize(("latency", "tag"), [(None, None), (8, "8.000")])
def test_the_version_says_how_long_a_server_took_with_it(tracking, candidate, tiny_settings, tmp_path, latency, tag):
    times = {"load_seconds": 1.25, "latency_ms": latency}
    run_gate(
        tracking, candidate(1.0), Known({}, (tmp_path / "a",)), settings=tiny_settings,
        check=lambda folder, files: served_well(folder, files) | times,
    )  # fmt: skip
    tags = tracking.client.get_model_version(NAME, str(SHARES.index(1.0) + 1)).tags
    assert (tags["affekt.load_seconds"], tags.get("affekt.latency_ms")) == ("1.250", tag)


def test_why_a_model_that_cannot_be_served_is_not_promoted(tracking, candidate, tiny_settings, tmp_path):
    good = candidate(1.0)
    decision = run_gate(tracking, good, Known({}, (tmp_path / "a",)), settings=tiny_settings, check=served_badly)
    assert decision.reasons[-1] == "In a real TorchServe: the worker died: the challenger is not promoted."
    assert decision.figures["serving"] == served_badly(None, None)
    assert decision.figures["accuracy_challenger"] == 1
    assert not any("is promoted" in reason for reason in decision.reasons)


def test_the_history_names_the_run_whose_gate_decided(tracking, candidate, tiny_settings):
    good = candidate(1.0)
    decision = run_gate(tracking, good, Known({}), settings=tiny_settings, check=None, run_id="a1b2")
    (entry,) = read_history(tracking, good.name)
    assert (entry.action, entry.version, entry.instead_of, entry.run_id) == ("gate", good.version, None, "a1b2")
    assert entry.reason == " ".join(decision.reasons)


def test_a_version_that_is_not_registered_is_an_error(tracking, candidate, tiny_settings):
    nobody = dataclasses.replace(candidate(1.0), version=99)
    with pytest.raises(AffektError) as caught:
        run_gate(tracking, nobody, Known({}), settings=tiny_settings, check=None)
    assert caught.value.code == "unknown_version"


def test_without_a_check_no_server_is_spoken_of(tracking, candidate, tiny_settings):
    decision = run_gate(tracking, candidate(1.0), Known({}), settings=tiny_settings, check=None)
    assert decision.promote and "serving" not in decision.figures
    assert [entry.run_id for entry in read_history(tracking, NAME)] == [""]


def test_a_registry_that_cannot_be_asked_is_an_error_and_no_missing_champion(tracking, candidate, tiny_settings):
    nameless = dataclasses.replace(candidate(1.0), name="@")
    with pytest.raises(AffektError) as caught:
        run_gate(tracking, nameless, Known({}), settings=tiny_settings, check=None)
    assert caught.value.code == "bad_reference"


def all_but_split(index, split):
    return dataclasses.replace(
        index, rows=tuple(dataclasses.replace(row, split="train" if row.split == split else "") for row in index)
    )


def test_clips_that_the_champion_learned_from_do_not_count(tracking, candidate, tiny_run, tiny_settings):
    evaluated = all_but_split(PreparedIndex.read(tiny_run.prepared), "val")
    first = candidate(1.0, Learned.of(evaluated))
    promote(f"{first.name}/{first.version}", tracking)
    decision = decide(tracking, candidate(0.999), tiny_settings)
    assert (decision.promote, decision.evaluated) == (False, False)
    assert "7 of 7 images do not count" in decision.reasons[0]
    assert champion(tracking, first.name) == [first.version]


def test_a_clip_is_marked_whose_subject_or_content_was_learned(
    tracking, tiny_run, candidate, tiny_settings, tmp_path, monkeypatch
):
    marks = []

    def decided(mine, theirs, **how):
        marks.append(mine.learned)
        assert mine.digest == identity_of(challenger.folder)
        return Decision(False, ["no"])

    monkeypatch.setattr("affekt.steps.run_gate.decide", decided)
    good, index = candidate(1.0), PreparedIndex.read(tiny_run.prepared)
    val = good.fused.split("val")

    def of(**wanted: str) -> Learned:
        rows = [row for row in index if all(getattr(row, name) == value for name, value in wanted.items())]
        return Learned.of(dataclasses.replace(index, rows=tuple(dataclasses.replace(r, split="train") for r in rows)))

    last = val.clips[-1]
    taught = (Learned(of(split="val").subjects, frozenset()), Learned(frozenset(), of(clip=last).contents))
    for number, learned in enumerate(taught):
        folder = written(tiny_run, tmp_path / f"taught{number}", 1.0, learned)
        challenger = dataclasses.replace(good, folder=folder)
        run_gate(tracking, challenger, Known({}), settings=tiny_settings, check=None)
    np.testing.assert_array_equal(marks, [[True] * len(val), [clip == last for clip in val.clips]])


def test_clips_are_known_by_their_content_under_another_subject(tracking, candidate, tiny_run, tiny_settings):
    learned = Learned.of(all_but_split(PreparedIndex.read(tiny_run.prepared), "val"))
    good = candidate(1.0, Learned(frozenset(), frozenset(sorted(learned.contents)[:4])))
    decision = decide(tracking, good, tiny_settings)
    assert not decision.evaluated
    assert "4 of 7 images do not count" in decision.reasons[0]
    few = dataclasses.replace(tiny_settings, gate=dataclasses.replace(tiny_settings.gate, min_clips=3))
    assert decide(tracking, good, few).evaluated


def test_a_champion_of_several_data_sets_knows_the_people_of_one_of_them(tracking, candidate, tiny_run, tiny_settings):
    """The files are others, as after a new encoding."""
    index = PreparedIndex.read(tiny_run.prepared)
    people = sorted({row.subject for row in index if row.split == "val"})
    rows = tuple(dataclasses.replace(row, subject=f"faces/{row.subject}", split="train") for row in index.select("val"))
    learned = Learned(Learned.of(PreparedIndex(rows)).subjects, frozenset())
    first = candidate(1.0, learned)
    promote(f"{first.name}/{first.version}", tracking)
    challenger = dataclasses.replace(
        candidate(0.999, Learned(frozenset(), frozenset())), called={"": ("faces", "x-faces")}
    )
    decision = decide(tracking, challenger, tiny_settings)
    assert people and not decision.evaluated
    assert "7 of 7 images do not count" in decision.reasons[0]


def test_subjects_of_whom_the_same_file_is_there_are_one_person(
    tracking, candidate, tiny_run, tiny_settings, monkeypatch
):
    """A data set inside of another one given beside it: its people are no further people."""
    asked = []

    def decided(mine, theirs, **how):
        asked.append(mine)
        return Decision(False, ["no"])

    monkeypatch.setattr("affekt.steps.run_gate.decide", decided)
    good = candidate(1.0)
    fused = good.fused.split("val")
    names = ("A/ann", "A/ann", "B/ann", "B/ann", "A/bea", "", "")
    contents = dict(zip(fused.clips, ("1", "2", "2", "3", "4", "5", "5"), strict=True))
    learned = written(
        tiny_run, tracking.home / "taught", 1.0, Learned(Learned.of(of_train("B/ann")).subjects, frozenset())
    )
    changed = dataclasses.replace(
        good, folder=learned, fused=dataclasses.replace(fused, subjects=names), contents=contents
    )
    for unit in ("clips", "images"):
        monkeypatch.setattr(Known, "unit", unit)
        run_gate(tracking, changed, Known({}), settings=tiny_settings, check=None)
    assert asked[0].clips == tuple(fused.clips[row] for row in (0, 1, 3, 4, 5)) and asked[1].clips == fused.clips
    assert asked[0].subjects == ("A/ann",) * 3 + ("A/bea", "") and asked[1].subjects == names
    assert asked[0].learned.tolist() == [True] * 3 + [False] * 2
    assert asked[1].learned.tolist() == [False] * 2 + [True] * 2 + [False] * 3


def of_train(subject):
    return PreparedIndex((PreparedRow("x", "sad", subject, "train", "x-y", 1, 1, True),))


def test_the_settings_bound_what_a_gain_may_cost(tracking, candidate, tiny_settings):
    first, second = candidate(1.0), candidate(0.999)
    promote(f"{first.name}/{first.version}", tracking)
    gate = lenient(tiny_settings).gate
    manifest = json.loads((first.folder / "ensemble.json").read_text(encoding="utf-8"))
    assert len(manifest["labels"]) == 7
    fewer = second.fused.labels[:6]
    kept = second.fused.truth < 6
    table = dataclasses.replace(second.fused, labels=fewer, scores=second.fused.scores[:, :, :6]).rows(kept)
    shrunk = dataclasses.replace(second, fused=table)

    def verdict(allow):
        settings = dataclasses.replace(tiny_settings, gate=dataclasses.replace(gate, allow_fewer_labels=allow))
        return decide(tracking, shrunk, settings)

    refused = verdict(False)
    assert not refused.promote
    assert "It cannot answer neutral, which the champion can" in " ".join(refused.reasons)
    assert verdict(True).promote


def test_a_champion_that_cannot_be_loaded_is_named_with_what_can_be_done(tracking, two, tiny_settings):
    first, second = two
    folder = resolve(f"{first.name}/{first.version}", tracking)
    damaged = folder / "fusion" / "fusion.json"
    damaged.unlink()  # of this test alone: other links to the file stay
    with pytest.raises(DataError) as caught:
        run_gate(tracking, second, Known(rightly(second)), settings=tiny_settings, check=never)
    assert (caught.value.code, caught.value.where) == ("damaged", str(damaged))
    mine = f"{second.name}/{second.version}"
    assert f"the champion {first.name}/{first.version} cannot be held against {mine}, which" in caught.value.message
    assert f"affekt models promote {mine} --reason WHY" in caught.value.message
    assert champion(tracking, first.name) == [first.version]


def test_what_a_champion_answers_with_a_label_that_the_challenger_does_not_know_is_wrong(
    tracking, candidate, tiny_settings
):
    first, second = candidate(1.0), candidate(0.999)
    promote(f"{first.name}/{first.version}", tracking)
    fewer = second.fused.labels[1:]
    table = dataclasses.replace(
        second.fused, labels=fewer, scores=second.fused.scores[:, :, 1:], truth=second.fused.truth - 1
    ).rows(second.fused.truth > 0)
    shrunk = dataclasses.replace(second, fused=table)
    val = table.split("val")
    # Of the first clip the champion is sure that it shows what the challenger has never heard of, of the second wholly.
    said = {clip: np.eye(7)[truth + 1] for clip, truth in zip(val.clips, val.truth, strict=True)}
    said[val.clips[0]] = 0.6 * np.eye(7)[0] + 0.4 * said[val.clips[0]]
    said[val.clips[1]] = np.eye(7)[0]
    decision = run_gate(tracking, shrunk, Known(said), settings=tiny_settings, check=never)
    assert decision.figures["accuracy_champion"] == pytest.approx(1 - 2 / len(val))
    assert f"the champion on {1 - 2 / len(val):.1%}." in decision.reasons[0]
    assert "disgust" in decision.figures["differences"]["by_label"]


def test_a_model_that_cannot_be_served_is_told_one_verdict(tracking, candidate, tiny_settings):
    reasons = decide(tracking, candidate(1.0), tiny_settings, check=served_badly).reasons
    assert reasons[-1] == "In a real TorchServe: the worker died: the challenger is not promoted."
    assert not any("becomes" in reason for reason in reasons)
