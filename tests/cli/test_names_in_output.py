"""Names that people gave to files neither steer a terminal nor start a formula."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from affekt.dataset.cells import cell
from affekt.pipelines.cli import run


@pytest.mark.parametrize("name", ["=1+1", "+1", "-x", "@SUM(1)", "\t=1", "  =1", "＝1"])
def test_what_would_be_a_formula_begins_with_an_apostrophe(name: str) -> None:
    assert cell(name) == f"'{name}"


@pytest.mark.parametrize("name", ["clip.mp4", "a=b", "1-2", "", "'=1"])
def test_other_cells_stay(name: str) -> None:
    assert cell(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[2Ja.mp4", "\\x1b[2Ja.mp4"),
        ("caf\udce9.mp4", "caf\\xe9.mp4"),
        ("a\u202e4pm.exe", "a\\u202e4pm.exe"),
        ("\r=1", "\\r=1"),
        ("two\nlines\tand\u00a0blanks 🙂", "two\nlines\tand\u00a0blanks 🙂"),
    ],
)
def test_signs_that_steer_a_terminal_are_spelt_out_in_cells(name: str, shown: str) -> None:
    assert cell(name) == shown


def test_fused_answers_hold_no_formula(tmp_path: Path) -> None:
    rows = "".join(f"{name},{split},.2,.8\n" for name, split in (("=1+1", "val"), ("b", "val"), ("-c", "train")))
    (tmp_path / "t.csv").write_text(f"clip,split,face_angry,face_happy\n{rows}x,val,,\n-y,val,,\n")
    assert run(["fuse", str(tmp_path / "t.csv"), "--method", "average", "--out", str(tmp_path / "o.csv")]) == 0
    with (tmp_path / "o.csv").open() as file:
        assert [row["clip"] for row in csv.DictReader(file)] == ["'=1+1", "b", "x", "'-y"]


def test_the_error_of_a_table_names_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text("clip,face_angry,face_happy\n")
    assert run(["fuse", str(tmp_path / "t.csv")]) == 1
    assert capsys.readouterr().err.startswith(f"affekt: {tmp_path}/t.csv: holds a header and no row")


@pytest.mark.parametrize("sign", ["\x1b[31m", "\r", "\x07", "\u202e", "\x9b31m"])
def test_check_prints_no_sign_that_steers_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sign: str
) -> None:
    for name in (f"happy/{sign}a.mp4", "sad/b.mp4", f"bo{sign}ring/c.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no film")
    assert run(["check", str(tmp_path)]) == 1
    assert run(["check", str(tmp_path / f"{sign}absent")]) == 1
    found = capsys.readouterr()
    assert "unknown_label" in found.out
    assert sign not in found.out + found.err


def test_the_log_holds_no_sign_that_steers_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[31m.xyz").touch()
    (tmp_path / "a.wav").touch()
    command = [sys.executable, "-m", "affekt", "predict", str(tmp_path), "--url", "http://127.0.0.1:1"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert r"left out: 1 .xyz, which is not read here: a\x1b[31m.xyz" in said.stderr
    assert "\x1b" not in said.stderr + said.stdout


def test_a_stream_that_cannot_have_a_name_spells_it_as_tables_do(tmp_path: Path) -> None:
    said = "import sys; from affekt.pipelines.cli import main; sys.argv = ['affekt', '--version']\ntry: main()\n"
    said += "except SystemExit: print('caf\\udce9.mp4')"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, check=True)
    assert done.stdout.splitlines()[-1] == rb"caf\xe9.mp4"
