"""What an ensemble says it learned from."""

from __future__ import annotations

import json
import shutil

import pytest

from affekt.dataset.several import joined, names_beside
from affekt.ensemble import Ensemble, Learned, contents_of
from affekt.ensemble.manifest import identity_of
from affekt.errors import DataError
from affekt.media import PreparedIndex, PreparedRow
from affekt.report.document import Evaluation
from affekt.report.wording import learned_before, summary
from affekt.steps.evaluate_model import evaluate_model


def row(clip, subject, split, content):
    return PreparedRow(clip, "happy", subject, split, f"{content}-settings-2", 9, 9, True)


INDEX = PreparedIndex((row("a", "ann", "train", "aa"), row("b", "", "train", "bb"), row("c", "cid", "val", "cc")))


@pytest.mark.parametrize(
    ("subject", "content", "known"),
    [
        ("ann", "", True),
        ("ann", "zz", True),
        ("cid", "aa", True),
        ("", "bb", True),
        ("cid", "cc", False),
        ("", "", False),
        ("aa", "ann", False),  # a name is no content
    ],
)
def test_the_subjects_and_contents_of_the_train_split_are_known(tmp_path, subject, content, known):
    learned = Learned.of(INDEX)
    learned.write(tmp_path)
    assert learned.knows(subject, content) is known
    assert Learned.read(tmp_path) == learned


@pytest.mark.parametrize("beside", ["/other/german", "/other/english"])
def test_people_of_a_data_set_are_known_when_others_come_to_it_and_when_they_go(beside):
    alone, several = names_beside("/data/english"), names_beside(joined(["/data/english", beside]))
    name = "english" if "german" in beside else "data-english"
    assert Learned.of(INDEX, alone).knows(f"{name}/ann", "", several)
    assert not Learned.of(INDEX, alone).knows(f"{name}/cid", "", several)  # not of the train split
    assert not Learned.of(INDEX, alone).knows("german/ann", "", several)
    together = Learned.of(PreparedIndex((row("a", f"{name}/ann", "train", "aa"),)), several)
    assert together.knows("ann", "", alone)
    assert not together.knows("ann", "", names_beside("/data/german"))


def test_people_are_known_when_a_further_data_set_changes_what_theirs_is_called():
    before = names_beside(joined(["/data/english", "/data/german"]))
    after = names_beside(joined(["/data/english", "/data/german", "/other/english"]))
    learned = Learned.of(PreparedIndex((row("a", "english/ann", "train", "aa"),)), before)
    assert learned.knows("data-english/ann", "", after)
    assert not learned.knows("other-english/ann", "", after) and not learned.knows("german/ann", "", after)
    both = Learned.of(PreparedIndex((row("a", "data-english/ann", "train", "aa"),)), after)
    assert both.knows("ann", "", names_beside("/data/english")) and not both.knows("", "", after)
    assert not both.knows("ann", "", names_beside("/other/english"))


def test_the_file_names_nobody(tmp_path):
    Learned.of(INDEX).write(tmp_path)
    text = (tmp_path / "learned.json").read_text()
    assert "ann" not in text
    assert {len(digest) for values in json.loads(text).values() for digest in values} == {16}


def test_a_model_from_before_does_not_say(tmp_path):
    assert Learned.read(tmp_path) is None


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}"])
def test_a_damaged_file_is_an_error(tmp_path, text):
    (tmp_path / "learned.json").write_text(text)
    with pytest.raises(DataError, match="fetch the model again"):
        Learned.read(tmp_path)


def test_contents_do_not_change_with_settings():
    assert contents_of(INDEX) == {"a": "aa", "b": "bb", "c": "cc"}


MANIFEST = {
    "files": {"members/svc/weights.safetensors": "1"}, "labels": ["happy"], "models": ["svc"], "settings": {"seed": 0},
    "facts": {"code": "c1", "run": "r1"}, "packages": {"numpy": "2.4"},
}  # fmt: skip


def identity(folder, **changes):
    (folder / "ensemble.json").write_text(json.dumps(MANIFEST | changes))
    return identity_of(folder)


def test_the_same_model_of_another_run_is_the_same(tmp_path):
    assert identity(tmp_path) == identity(tmp_path, facts={"code": "c1", "run": "r2"})


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {"members/svc/weights.safetensors": "2"}},
        {"labels": ["sad"]},
        {"models": ["random_forest"]},
        {"settings": {"seed": 1}},
        {"facts": {"code": "c2", "run": "r1"}},
    ],
)
def test_other_data_settings_code_or_seed_make_another_model(tmp_path, changes):
    assert identity(tmp_path, **changes) != identity(tmp_path)


def test_a_manifest_without_files_has_no_identity(tmp_path):
    assert identity(tmp_path, files={}) == ""


def test_an_evaluation_says_how_many_clips_the_model_knows(tiny_ensemble, tiny_run, sample_clips, tmp_path):
    folder = shutil.copytree(tiny_ensemble, tmp_path / "ensemble")

    def asked(split: str | None) -> Evaluation:
        ensemble = Ensemble.load(folder)
        return evaluate_model(ensemble, str(sample_clips), tiny_run.store, model="m", split=split).evaluation

    assert asked("val").learned is None and not learned_before(asked("val"))  # stored without
    Learned.of(PreparedIndex.read(tiny_run.prepared)).write(folder)
    assert asked("val").learned == 0 and not learned_before(asked("val"))
    found = asked(None)
    assert (found.learned, found.figures.clips) == (14, 21) and found.to_dict()["learned"] == 14
    said = "The model learned from 14 of 21 clips, or from others of subjects of these names: "
    assert learned_before(found).startswith(said) and any(line.startswith(said) for line in summary(found))


def test_an_evaluation_knows_people_of_a_data_set_that_was_learned_from_beside_others(
    tiny_ensemble, tiny_run, sample_clips, tmp_path
):
    folder = shutil.copytree(tiny_ensemble, tmp_path / "ensemble")
    subjects = {row.subject for row in PreparedIndex.read(tiny_run.prepared) if row.split == "train"}
    name = names_beside(str(sample_clips))[""][0]
    rows = [row(f"{name}/{number}", f"{name}/{subject}", "train", "x") for number, subject in enumerate(subjects)]
    Learned.of(PreparedIndex(tuple(rows))).write(folder)
    found = evaluate_model(Ensemble.load(folder), str(sample_clips), tiny_run.store, model="m")
    assert found.evaluation.learned == 14
