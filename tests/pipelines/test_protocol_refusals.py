"""What a protocol refuses before it trains, and what it says of a fold that fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from affekt.errors import AffektError, DataError
from affekt.pipelines.cli import run
from affekt.pipelines.job import TrainingJob
from affekt.pipelines.protocols import run_protocol
from affekt.registry import Tracking


def test_copies_across_folds_are_refused_before_any_training(tmp_path, four_subjects, tiny_settings, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    data = Path(shutil.copyfile(four_subjects, tmp_path / "clips.csv"))
    first = data.read_text(encoding="utf-8").splitlines()[1].split(",")
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(Path(first[0]).read_bytes())
    with data.open("a", encoding="utf-8") as file:
        file.write(f"copy.mp4,{first[1]},eve,train\n")
    with pytest.raises(DataError, match=r"copy\.mp4") as caught:
        run_protocol(TrainingJob(str(data), tiny_settings, models=("svc",)), "leave_one_subject_out", say=print)
    assert Path(first[0]).name in str(caught.value)
    assert not (tmp_path / "home" / "protocols").exists()


def test_a_fold_that_fails_stops_with_its_name(tmp_path, four_subjects, tiny_settings, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    data = tmp_path / "clips.csv"
    rows = four_subjects.read_text(encoding="utf-8").splitlines()
    broken = tmp_path / "broken"
    broken.mkdir()
    for number in range(1, len(rows)):
        # Not clips at all: preparation fails in the first fold.
        _, label, subject, split = rows[number].split(",")
        (broken / f"{number}.mp4").write_bytes(f"no clip {number}".encode())
        rows[number] = f"{broken / f'{number}.mp4'},{label},{subject},{split}"
    data.write_text("\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(AffektError) as caught:
        run_protocol(TrainingJob(str(data), tiny_settings, models=("svc",)), "folds:2", say=lambda event: None)
    assert "fold 'fold 1 of 2'" in str(caught.value)
    tracking = Tracking()
    statuses = {found.info.status for found in tracking.client.search_runs([tracking.experiment_id])}
    assert statuses == {"FAILED"}


@pytest.mark.parametrize("protocol", ["loso", "folds:1", "folds:x", ""])
def test_another_protocol_is_wrong_usage(protocol, capsys):
    with pytest.raises(SystemExit) as ended:
        run(["train", "clips", "--protocol", protocol])
    assert ended.value.code == 2


def test_a_protocol_on_a_cluster_is_wrong_usage(capsys):
    assert run(["train", "clips", "--protocol", "folds:2", "--runner", "cluster"]) == 2
    assert "--runner local" in capsys.readouterr().err


def test_too_few_subjects_end_with_1(tmp_path, monkeypatch, four_subjects, capsys):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    assert run(["train", str(four_subjects), "--only", "svc", "--protocol", "folds:9"]) == 1
    assert "9 folds need as many subjects" in capsys.readouterr().err
