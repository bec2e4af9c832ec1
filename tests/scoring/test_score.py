"""Scoring into a table: a row a file whatever happens, in order, gone on with after a kill, the same by every way."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest

from affekt.errors import AffektError, DataError, MediaError, UsageError
from affekt.pipelines.cli import run
from affekt.scoring import score_files
from affekt.scoring.answering import Found


class Words:
    """Answers by the names of files, and counts what it was asked; a name with ``bad`` has no answer."""

    digest, identity = "d1", "words"

    def __init__(self, away_after: int = 10**9) -> None:
        self.asked: list[str] = []
        self._away_after = away_after

    def answers(self, files: Sequence[str]) -> Iterator[Found]:
        for name in files:
            if len(self.asked) >= self._away_after:
                yield AffektError("no server answers there", code="unreachable")
                return
            self.asked.append(name)
            if "bad" in name:
                yield MediaError("holds no face", code="nothing_usable")
            else:
                yield {
                    "label": "happy", "confidence": 0.75, "probabilities": {"happy": 0.75, "sad": 0.25},
                    "modalities": ["face", "voice"], "frames": 9, "frames_with_face": 8, "warnings": ["dark", "short"],
                    "face": {"box": [1, 2, 3, 4], "people": 2, "person": 1}, "model": "d1",
                }  # fmt: skip


def names(count: int) -> list[str]:
    return [f"clip{number}{'-bad' if number % 4 == 3 else ''}.mp4" for number in range(count)]


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_every_file_has_a_row_in_order_with_its_answer_or_its_error(tmp_path, suffix):
    table = tmp_path / f"scores.{suffix}"
    score_files(names(8), str(table), Words())
    found = pd.read_parquet(table) if suffix == "parquet" else pd.read_csv(table)
    assert list(found["file"]) == names(8)
    first, bad = found.iloc[0], found.iloc[3]
    assert (first["label"], first["probability.sad"], first["face_left"], first["model"]) == ("happy", 0.25, 1, "d1")
    assert (first["modalities"], first["warnings"]) == ("face+voice", "dark; short")
    assert (bad["error_code"], bad["error"], bad["model"]) == ("nothing_usable", "holds no face", "d1")
    assert pd.isna(bad["label"])
    assert pd.isna(first["error"])


def test_a_row_holds_all_that_the_answer_says_and_the_summary_counts_it(tmp_path):
    class Told(Words):
        def answers(self, files: Sequence[str]) -> Iterator[Found]:
            for number, found in enumerate(super().answers(files)):
                yield found if isinstance(found, AffektError) or number else {**found, "known_labels": ["happy", "sad"]}

    table = tmp_path / "scores.csv"
    found = score_files(names(8), str(table), Told())
    first, second, *_ = csv.DictReader(table.open())
    assert first == {
        "file": "clip0.mp4", "label": "happy", "confidence": "0.75", "probability.happy": "0.75",
        "probability.sad": "0.25", "modalities": "face+voice", "frames": "9", "frames_with_face": "8",
        "warnings": "dark; short", "face_people": "2", "face_person": "1", "face_left": "1", "face_top": "2",
        "face_width": "3", "face_height": "4", "model": "d1", "error_code": "", "error": "",
        "known_labels": "happy+sad",
    }  # fmt: skip
    assert second == {**first, "file": "clip1.mp4", "known_labels": ""}
    assert found.to_dict() == {
        "table": str(table), "rows": 8, "answered": 6, "before": 0, "labels": {"happy": 6},
        "errors": {"nothing_usable": 2}, "models": {"d1": 6},
    }  # fmt: skip
    score_files(names(2), str(tmp_path / "plain.csv"), Words())
    assert "known_labels" not in (tmp_path / "plain.csv").read_text()


def test_what_ends_a_scoring_keeps_its_code_and_says_what_is_kept(tmp_path):
    with pytest.raises(AffektError) as caught:
        score_files(names(9), str(tmp_path / "scores.csv"), Words(away_after=1))
    assert caught.value.code == "unreachable"
    assert caught.value.message.endswith("answers there. 1 row of 9 are kept: start the same again to go on")
    with pytest.raises(AffektError) as caught:
        score_files(names(9), str(tmp_path / "other.csv"), Words(away_after=0))
    assert caught.value.message == "no server answers there"


def test_a_plan_of_other_rows_or_a_damaged_one_is_named(tmp_path):
    table = str(tmp_path / "scores.csv")
    with pytest.raises(AffektError):
        score_files(names(9), table, Words(away_after=5))
    with pytest.raises(DataError, match=r"of other files \(9 files; these are 8\)") as caught:
        score_files(names(8), table, Words())
    assert (caught.value.code, caught.value.where) == ("other_scoring", f"{table}.parts")
    other = Words()
    other.identity = "another"
    with pytest.raises(DataError, match=r"\(words; this is another\)"):
        score_files(names(9), table, other)
    plan = Path(f"{table}.parts", "plan.json")
    for damage in ("no JSON", "[1]"):
        plan.write_text(damage)
        with pytest.raises(DataError, match="cannot be read; begin anew") as caught:
            score_files(names(9), table, Words())
        assert (caught.value.code, caught.value.where) == ("damaged", str(plan))


def test_a_server_that_goes_away_costs_no_row_and_makes_none(tmp_path):
    table = tmp_path / "scores.csv"
    with pytest.raises(AffektError, match="5 rows of 9 are kept"):
        score_files(names(9), str(table), Words(away_after=5))
    assert not table.exists()
    again = Words()
    found = score_files(names(9), str(table), again)
    assert again.asked == names(9)[5:]
    assert (found.rows, found.before) == (9, 5)
    assert [row["file"] for row in csv.DictReader(table.open())] == names(9)
    assert list(tmp_path.iterdir()) == [table]


@pytest.mark.parametrize("other", [names(8), [*names(8), "another.mp4"]])
def test_what_is_kept_of_other_files_is_not_mixed_in(tmp_path, other):
    with pytest.raises(AffektError):
        score_files(names(9), str(tmp_path / "scores.csv"), Words(away_after=5))
    with pytest.raises(DataError, match="of other files"):
        score_files(other, str(tmp_path / "scores.csv"), Words())
    assert score_files(other, str(tmp_path / "scores.csv"), Words(), fresh=True).before == 0


def test_what_is_kept_of_another_model_is_not_mixed_in(tmp_path):
    with pytest.raises(AffektError):
        score_files(names(9), str(tmp_path / "scores.csv"), Words(away_after=5))
    other = Words()
    other.identity = "another"
    with pytest.raises(DataError, match="by another model"):
        score_files(names(9), str(tmp_path / "scores.csv"), other)


def test_a_damaged_part_is_worked_out_again(tmp_path):
    table = tmp_path / "scores.csv"
    with pytest.raises(AffektError):
        score_files(names(9), str(table), Words(away_after=5), part_seconds=0)
    part = sorted((tmp_path / "scores.csv.parts").glob("*.jsonl"))[2]
    part.write_bytes(part.read_bytes()[:-9])
    again = Words()
    score_files(names(9), str(table), again)
    assert again.asked == names(9)[2:]
    assert [row["file"] for row in csv.DictReader(table.open())] == names(9)


@pytest.mark.parametrize(
    ("whole", "damaged"),
    [
        (b'{"file"', b'{file"'),
        (b'"label"', b'"l\xe4bel"'),
        (b'"file": "clip2.mp4"', b'"file": "clip1.mp4"'),
        (b'"probabilities"', b'"probable"'),
        (b'"label": "happy"', b'"label": "fear"'),
    ],
)
def test_a_part_that_was_edited_is_worked_out_again(tmp_path, caplog, whole, damaged):
    """No row may stand for another file, and none end the scoring as a fault of the program."""
    table = tmp_path / "scores.csv"
    with pytest.raises(AffektError):
        score_files(names(9), str(table), Words(away_after=5), part_seconds=0)
    part = sorted((tmp_path / "scores.csv.parts").glob("*.jsonl"))[2]
    assert whole in part.read_bytes()
    part.write_bytes(part.read_bytes().replace(whole, damaged))
    again = Words()
    score_files(names(9), str(table), again)
    assert again.asked == names(9)[2:]
    assert [row["file"] for row in csv.DictReader(table.open())] == names(9)
    assert f"{part} is not as it was written" in caplog.text


def test_a_file_that_was_changed_since_it_was_scored_is_scored_again_with_those_behind(tmp_path, caplog):
    files = [str(tmp_path / name) for name in names(9)]
    for name in files:
        Path(name).write_bytes(b"clip")
    table = tmp_path / "scores.csv"
    with pytest.raises(AffektError):
        score_files(files, str(table), Words(away_after=5), part_seconds=0)
    old = time.time() + 5
    for part in (tmp_path / "scores.csv.parts").glob("*.jsonl"):
        os.utime(part, (old, old))  # after all of the files, which would be older by a moment alone
    (tmp_path / "scores.csv.parts" / ".000000005-1.jsonl-x.part").mkdir()  # of a kill
    late = sorted((tmp_path / "scores.csv.parts").glob("*.jsonl"))[2]
    os.utime(late, (0, 0))
    again = Words()
    found = score_files(files, str(table), again)
    assert again.asked == files[2:]
    assert (found.rows, found.before) == (9, 2)
    assert [row["file"] for row in csv.DictReader(table.open())] == files
    assert f"{files[2]} was changed since it was scored" in caplog.text
    assert not Path(f"{table}.parts").exists()


def test_two_scorings_of_one_table_at_once_are_refused(tmp_path):
    table = str(tmp_path / "scores.csv")

    class Nested(Words):
        def answers(self, files: Sequence[str]) -> Iterator[Found]:
            with pytest.raises(AffektError, match="another process scores into this table") as caught:
                score_files(files, table, Words())
            assert (caught.value.code, caught.value.where) == ("busy", f"{table}.parts")
            return super().answers(files)

    assert score_files(names(2), table, Nested()).rows == 2


def test_a_name_is_no_formula_and_need_not_be_text(tmp_path):
    files = ["=1+1.mp4", os.fsdecode(b"caf\xe9.mp4")]
    score_files(files, str(tmp_path / "s.csv"), Words())
    score_files(files, str(tmp_path / "s.parquet"), Words())
    assert [row["file"] for row in csv.DictReader((tmp_path / "s.csv").open())] == ["'=1+1.mp4", "caf\\xe9.mp4"]
    assert list(pd.read_parquet(tmp_path / "s.parquet")["file"]) == ["=1+1.mp4", "caf\\xe9.mp4"]


def test_a_table_of_another_kind_is_refused_before_any_work(tmp_path):
    with pytest.raises(UsageError, match=r"\.parquet or \.csv") as refused:
        score_files(names(2), str(tmp_path / "scores.xlsx"), Words())
    assert refused.value.code == "usage"
    (tmp_path / "scores.csv").mkdir()
    with pytest.raises(DataError, match="is a folder") as caught:
        score_files(names(2), str(tmp_path / "scores.csv"), Words())
    assert (caught.value.code, caught.value.where) == ("is_a_folder", str(tmp_path / "scores.csv"))


def killed_twice(tmp_path: Path, suffix: str, script: str, *arguments: str) -> tuple[Path, Path]:
    """The tables of a scoring that was killed twice while it worked, and of one that was not.

    Args:
        tmp_path: where they lie.
        suffix: of their names.
        script: scores into the table that its first argument names, without keeping rows back.
        arguments: its further ones.
    """
    killed, whole = tmp_path / f"killed{suffix}", tmp_path / f"whole{suffix}"
    parts = Path(f"{killed}.parts")
    for wanted in (3, 11):  # rows that are kept when it is killed
        process = subprocess.Popen([sys.executable, "-c", script, str(killed), *arguments])
        while len(list(parts.glob("*.jsonl"))) < wanted:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    for table in (killed, whole):
        subprocess.run([sys.executable, "-c", script, str(table), *arguments], check=True)
    assert not parts.exists()
    return killed, whole


def test_killed_again_and_again_it_ends_with_the_table_of_an_undisturbed_run(tmp_path):
    script = (
        "import sys, time\n"
        "from affekt.scoring import score_files\n"
        "class Slow:\n"
        "    digest = identity = 'slow'\n"
        "    def answers(self, files):\n"
        "        for name in files:\n"
        "            time.sleep(0.02)\n"
        "            yield {'label': 'sad', 'probabilities': {'sad': int(name) / 64}, 'model': 'slow'}\n"
        "score_files([str(number) for number in range(40)], sys.argv[1], Slow(), part_seconds=0)\n"
    )
    killed, whole = killed_twice(tmp_path, ".csv", script)
    assert list(pd.read_csv(killed)["probability.sad"]) == [number / 64 for number in range(40)]
    assert killed.read_bytes() == whole.read_bytes()


@pytest.fixture(scope="module")
def folder(sample_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clips, one that is none, and a text beside them."""
    folder = tmp_path_factory.mktemp("clips")
    for clip in sorted(sample_clips.rglob("*.mp4"))[:4]:
        (folder / clip.name).symlink_to(clip)
    (folder / "s01-zzz.mp4").write_bytes(b"this is no clip")
    (folder / "notes.txt").touch()
    return folder


@pytest.mark.slow  # 50 s: processes of the pool are started eight times
def test_so_it_does_with_the_processes_of_a_real_ensemble(folder, tiny_ensemble, tmp_path):
    script = (
        "import sys\n"
        "from affekt.dataset.files_meant import files_meant\n"
        "from affekt.ensemble import Ensemble\n"
        "from affekt.scoring import score_files\n"
        "from affekt.scoring.by_ensemble import ByEnsemble\n"
        "files = files_meant([sys.argv[2]]) * 5\n"
        "score_files(files, sys.argv[1], ByEnsemble(Ensemble.load(sys.argv[3], later=True)), part_seconds=0)\n"
    )
    killed, whole = killed_twice(tmp_path, ".parquet", script, str(folder), str(tiny_ensemble))
    assert list(pd.read_parquet(killed)["file"]) == [str(path) for path in sorted(folder.glob("*.mp4"))] * 5
    assert killed.read_bytes() == whole.read_bytes()


def test_the_command_answers_as_predict_does(folder, tiny_ensemble, tmp_path, capsys):
    table = tmp_path / "scores.parquet"
    assert run(["score", str(folder), "--out", str(table), "--model", str(tiny_ensemble), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["rows"], summary["answered"], summary["errors"]) == (5, 4, {"unreadable": 1})
    assert run(["predict", str(folder), "--model", str(tiny_ensemble), "--json"]) == 1
    results = json.loads(capsys.readouterr().out)["results"]
    found = pd.read_parquet(table)
    assert list(found["file"]) == [result["file"] for result in results]
    assert [row["probability.happy"] for _, row in found.iloc[:4].iterrows()] == [
        result["probabilities"]["happy"] for result in results[:4]
    ]
    assert found["error"].iloc[4] == results[4]["error"]["message"]


def test_a_name_that_is_no_text_is_spelt_alike_by_both_commands(tmp_path, tiny_ensemble, capsys):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")
    Path(name).write_bytes(b"no clip")
    spelt, model = f"{tmp_path}/caf\\xe9.mp4", ["--model", str(tiny_ensemble)]
    for table in ("s.csv", "s.parquet"):
        assert run(["score", name, "--out", str(tmp_path / table), *model]) == 1
    found = [pd.read_csv(tmp_path / "s.csv"), pd.read_parquet(tmp_path / "s.parquet")]
    assert [list(table["file"]) for table in found] == [[spelt], [spelt]]
    capsys.readouterr()
    for form in (["--json"], ["--csv"], []):
        assert run(["predict", name, *form, *model]) == 1
        said = capsys.readouterr().out
        file = json.loads(said)["results"][0]["file"] if form == ["--json"] else said
        assert spelt in file and "udce9" not in said


def test_where_no_clip_has_an_answer_the_command_says_so(tmp_path, tiny_ensemble, capsys):
    (tmp_path / "a.mp4").write_bytes(b"no clip")
    arguments = ["score", str(tmp_path / "a.mp4"), "--out", str(tmp_path / "s.csv"), "--model", str(tiny_ensemble)]
    assert run(arguments) == 1
    assert "1 row, 0 with an answer; 1 unreadable" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "why"),
    [(["--model", "m"], "--model says"), (["--set", "media.max_seconds=9"], "--set says")],
)
def test_a_loaded_models_flags_are_refused_with_a_server(tmp_path, capsys, flags, why):
    assert run(["score", str(tmp_path), "--out", "t.csv", "--url", "http://127.0.0.1:9", *flags]) == 2
    assert why in capsys.readouterr().err
