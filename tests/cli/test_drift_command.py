"""``affekt drift`` says whether a threshold was passed by its exit code, in words, as JSON and as a page."""

from __future__ import annotations

import json

import pytest

from affekt.ensemble.records import REFERENCE, put_records, write_table
from affekt.pipelines.cli import run
from affekt.registry.models import digest_of
from tests.ensemble.test_drift import rows


@pytest.fixture
def model(tmp_path):
    """A folder that looks like an ensemble's, with what its model learned from."""
    folder = tmp_path / "ensemble"
    folder.mkdir()
    (folder / "ensemble.json").write_text("{}")
    (folder / REFERENCE).write_bytes(write_table(rows(200, 1).to_dict("records")))
    return folder


def kept(model, tmp_path, seed: int = 2, **changes) -> str:
    table = rows(120, seed, labelled=False, **changes)
    table["model"] = digest_of(model)
    put_records(str(tmp_path / "records"), table.to_dict("records"), most_bytes=1 << 30)
    return str(tmp_path / "records")


def test_without_drift_the_exit_code_is_0(model, tmp_path, capsys):
    assert run(["drift", str(model), "--records", kept(model, tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("all: no drift in 120 answers")


def test_with_drift_it_is_3_and_document_and_page_say_which(model, tmp_path, capsys):
    records, page = kept(model, tmp_path, pitch=2.0), tmp_path / "drift.html"
    assert run(["drift", str(model), "--records", records, "--json", "--report", str(page)]) == 3
    document = json.loads(capsys.readouterr().out)
    (window,) = document["windows"]
    assert (document["drifted"], window["verdict"], window["columns"][0]["name"]) == (True, "inputs", "voice.pitch")
    text = page.read_text()
    assert "the clips are others than those learned from (voice.pitch" in text
    assert "<polygon" in text
    assert "http" not in text


def test_answers_of_other_models_are_left_out(model, tmp_path, capsys):
    records = kept(model, tmp_path)
    (model / "ensemble.json").write_text('{"other": 1}')
    assert run(["drift", str(model), "--records", records]) == 0
    assert capsys.readouterr().out.startswith("all: too few to tell: 0 answers")


def test_answers_are_compared_with_earlier_ones_and_by_days(model, tmp_path, capsys, monkeypatch):
    records = kept(model, tmp_path)
    (model / REFERENCE).unlink()
    assert run(["drift", str(model), "--records", records]) == 1
    assert "keeps no reference" in capsys.readouterr().err
    monkeypatch.setenv("AFFEKT_RECORDS", records)
    arguments = ["drift", str(model), "--before", "--since", "2026-11-02T01:00", "--every", "1", "--json"]
    assert run(arguments) == 0
    (window,) = json.loads(capsys.readouterr().out)["windows"]
    assert (window["name"], window["reference"], window["answers"]) == ("2026-11-02", 60, 60)


@pytest.mark.parametrize("arguments", [["--since", "soon"], ["--before"], []])
def test_what_is_not_understood_is_refused(model, tmp_path, arguments, monkeypatch):
    monkeypatch.delenv("AFFEKT_RECORDS", raising=False)
    given = ["--records", kept(model, tmp_path), *arguments] if arguments else []
    assert run(["drift", str(model), *given]) == 2
