"""What the gate would find on a data set, before anything is trained."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from affekt.dataset.several import joined, names_beside
from affekt.ensemble import Learned
from affekt.errors import DataError
from affekt.media import PreparedIndex, PreparedRow
from affekt.pipelines.cli import run
from affekt.registry import promote
from affekt.registry.held_against import spend
from affekt.registry.models import list_models
from affekt.registry.registering import register
from affekt.registry.spending import Spending
from affekt.settings import load_settings
from affekt.steps.gate_power import gate_power


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """The table of a data set: twelve people of twenty clips, four of them in val."""
    folder = tmp_path_factory.mktemp("people")
    labels = ("angry", "happy", "neutral", "sad")
    rows = ["path,label,subject,split"]
    for person in range(12):
        for clip in range(20):
            (folder / f"{person}-{clip}.wav").write_bytes(b"")
            split = "val" if person < 4 else "train"
            rows.append(f"{person}-{clip}.wav,{labels[clip % 4]},p{person},{split}")
    (folder / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    return str(folder)


def test_the_command_tells_it_before_there_is_a_registry(people, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert run(["gate", "power", people, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["champion"], told["number"], told["split"]) == (None, 1, "val")
    assert (told["clips"], told["subjects"], told["left_out"], told["over"]) == (80, 4, 0, "chance")
    assert told["found"]["5"] <= told["found"]["10"] <= told["found"]["20"]
    assert run(["gate", "power", people]) == 0
    said = capsys.readouterr().out
    hits = round(100 * told["found"]["10"])
    assert f"On these 4 subjects a mean recall above chance by 10 points is found {hits} times of 100" in said


def test_the_command_takes_several_data_sets_as_check_does(people, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    other = shutil.copytree(people, tmp_path / "other")
    assert run(["gate", "power", f"{people} + {other}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["subjects"] == 8
    assert run(["gate", "power", f"{people} + {tmp_path / 'nowhere'}"]) == 1
    assert f"{tmp_path / 'nowhere'}: there is no such file or folder" in capsys.readouterr().err


@pytest.fixture(scope="module")
def tracking(tmp_path_factory, tiny_ensemble, registry_in):
    """A registry whose champion has been challenged four times."""
    found = registry_in(tmp_path_factory.mktemp("registry"))
    register(found, tiny_ensemble, name="affekt", run_id=found.start_parent("a run"))
    promote("affekt/1", found)
    for version in (2, 3, 4, 5):
        spend(found, "affekt", version, 1, Spending(0.95, 0.05, 52))
    return found


def test_the_next_challenger_has_the_number_that_it_would_have(people, tracking):
    settings = load_settings("small")
    told = gate_power(people, tracking, "affekt", settings, disagreement=0.3)
    assert (told.champion, told.number, told.could.over) == (1, 5, "champion")
    assert told.could.level == Spending(0.95, 0.05, 52).level(5).chance
    alone = dataclasses.replace(settings, gate=dataclasses.replace(settings.gate, false_promotions=1.0))
    assert gate_power(people, tracking, "affekt", alone, disagreement=0.3).could.found["20"] > told.could.found["20"]
    assert len(list_models(tracking)) == 1  # asking spends nothing
    assert gate_power(people, tracking, "affekt", settings, disagreement=0.3) == told


def test_people_are_known_whom_the_champion_learned_from_alone(people, tiny_ensemble, tmp_path, registry_in):
    (tmp_path / "registry").mkdir()
    found = registry_in(tmp_path / "registry")
    folder = shutil.copytree(tiny_ensemble, tmp_path / "ensemble")
    rows = [PreparedRow(f"c{n}", "sad", f"p{n}", "train", f"{n}-x", 1, 1, True) for n in (0, 1)]
    Learned.of(PreparedIndex(tuple(rows)), names_beside(people)).write(folder)
    register(found, folder, name="affekt", run_id=found.start_parent("a run"))
    promote("affekt/1", found)
    other = shutil.copytree(people, tmp_path / "other")
    told = gate_power(joined([people, str(other)]), found, "affekt", load_settings("small"), disagreement=0.3)
    assert (told.could.clips, told.left_out) == (120, 40)


def test_a_file_that_two_data_sets_list_counts_once_and_its_subjects_are_one_person(people, tmp_path, registry_in):
    (tmp_path / "registry").mkdir()
    found = registry_in(tmp_path / "registry")
    rows = (Path(people) / "manifest.csv").read_text(encoding="utf-8").splitlines()
    few = [line.replace(",p", ",person ") for line in rows[1:11]]  # ten clips of the first person, otherwise called
    (Path(people) / "few.csv").write_text("\n".join([rows[0], *few]), encoding="utf-8")
    together = joined([people, str(Path(people) / "few.csv")])
    how = {"tracking": found, "name": "affekt", "settings": load_settings("small"), "disagreement": 0.3}
    alone, told = (gate_power(data, **how) for data in (people, together))
    assert (told.could.clips, told.could.subjects) == (alone.could.clips, alone.could.subjects) == (80, 4)
    assert told.could.found == alone.could.found


def test_no_clip_to_decide_by_is_an_error(tmp_path, tracking):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "manifest.csv").write_text("path,label,subject,split\na.wav,sad,a,train\nb.wav,,b,test\n")
    with pytest.raises(DataError) as caught:
        gate_power(str(tmp_path), tracking, "affekt", load_settings("small"), disagreement=0.3)
    assert caught.value.code in ("no_val", "no_clips")
