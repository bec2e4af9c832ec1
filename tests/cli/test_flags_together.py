"""Flags and settings that do nothing together, or mean nothing, are refused before the work, in one sentence."""

from __future__ import annotations

import json

import pytest

from affekt.pipelines.cli import run

DAILY = "name: daily, cron: 0 3 * * *, time_zone: UTC"
#: Command, and a part of what is said. DATA are clips, FILE a file of schedules, EMPTY one without any.
REFUSED = {
    "train DATA --only svc --set vgg.learning_rate=0.1 --json": "vgg.learning_rate: vgg is not trained, only svc",
    "train DATA --only bilstm --set vgg.iterations=3 --set svc.c=1 --set joint.hidden=8": "2 settings would change",
    "train DATA --protocol fixed --fresh": "--fresh starts one training anew",
    "train DATA --runner cluster --fresh": "--fresh leaves aside",
    "train DATA --protocol fixed --set gate.decisions=12": "leave out --set gate.decisions",
    "train DATA --runner cluster --deploy http://127.0.0.1:1": "which a cluster does not see",
    "train DATA --protocol fixed --deploy http://127.0.0.1:1": "leave out --deploy",
    "pipeline submit DATA --only svc --set c3d.dropout=0.1 --json": "c3d.dropout: c3d is not trained",
    "schedule list FILE --most 3 --json": "--to-label",
    "schedule export FILE --claim home": "--claim",
    "drift --records DATA --before": "--before needs --since",
    "drift --records DATA --since 7d --until 14d --json": "no answer is between",
    "drift --json": "no folder of records is named",
    "serve --keys FILE --without-keys": "choose one",
    "serve --without-keys": "127.0.0.1 is none",
    "serve --model affekt/1 --follow": "affekt/1 stays what it is",
    "serve --origin example.org": "https://example.org",
    "serve --origin https://example.org/": "https://example.org",
    "serve --bucket s3://clips": "bare name of a bucket",
    "serve --host https://example.org": "bare name without a scheme",
    "deploy --canary 5 --shadow --json": "choose one",
    "deploy status --canary 5 --json": "status puts none in",
    "deploy promote --model affekt/1": "promote puts none in",
    "deploy abort --trial FILE": "abort puts none in",
}  # fmt: skip
#: What the parser refuses: the kind of a value.
VALUES = {
    "train DATA --deploy ftp://x": "expected the address of a server",
    "models rollback --to abc": "expected a whole number from 1 on, got abc",
    "models rollback --to 1.5": "expected a whole number",
    "schedule list FILE --to-label x.csv --most ٣": "expected a whole number",
    "gate power DATA --disagreement 300 --json": "expected a whole number from 1 to 100, got 300",
    "pipeline submit DATA --clips-per-shard many": "expected a whole number from 1 on, got many",
    "sample DIR --seed -1": "expected a whole number from 0 on, got -1",
    "fuse FILE --seed x --json": "expected a whole number from 0 on, got x",
    "predict FILE --every often --json": "expected a number of seconds above 0, got often",
    "predict FILE --every 0": "expected a number of seconds",
    "predict FILE --every inf": "expected a number of seconds",
    "predict FILE --url ftp://x --json": "expected the address of a server, like http://127.0.0.1:8080, got ftp://x",
    "deploy status --url :// --json": "expected the address of a server",
    "predict FILE --url FILE --json": "which is a file",
    "score FILE --out x.csv --url DATA --json": "which is a folder",
    "deploy status --url 8080": "expected the address of a server, like http://127.0.0.1:8080, got 8080",
    "deploy status --url http://127.0.0.1:99999": "got http://127.0.0.1:99999",
    "deploy status --url http://[::1": "got http://[::1",
    "train DATA --deploy ./x": "expected the address of a server",
    "evaluate voice/1 DATA --json": "affekt evaluate takes DATA alone, and here is also",
    "evaluate DATA voice@champion": "and here is also voice@champion; name a model by --model voice@champion",
    "train DATA faces": "affekt train takes DATA alone, and here is also faces; name further data by --data faces",
    "serve voice/1": "takes nothing like voice/1; name a model by --model voice/1",
    "deploy voice/2": "there is no 'voice/2'; name a model by --model voice/2; choose from status",
    "doctor all --json": "affekt doctor takes nothing like all",
    "models": "affekt models needs an action: list, show",
    "predict FILE --labels happy,Happiness --json": "expected two labels or more, got happy,Happiness",
    "predict FILE  --json --model=": "argument --model: expected a value, got an empty one",
    "predict FILE --url= --json": "expected a value, got an empty one",
    "train DATA --name= --json": "expected a value, got an empty one",
    "models import FILE --sha256 abc": "64 hexadecimal digits",
    "weights fetch vgg_face --from FILE --sha256 abc": "64 hexadecimal digits",
}


@pytest.fixture
def given(sample_clips, tmp_path, monkeypatch) -> dict[str, str]:
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("AFFEKT_RECORDS", raising=False)
    monkeypatch.setenv("KFP_ENDPOINT", "http://127.0.0.1:1")
    file, empty = tmp_path / "schedules.yaml", tmp_path / "empty.yaml"
    file.write_text(f"schedules: [{{{DAILY}, data: {sample_clips}}}]", encoding="utf-8")
    empty.write_text("schedules: []", encoding="utf-8")
    return {"DATA": str(sample_clips), "FILE": str(file), "EMPTY": str(empty), "DIR": str(tmp_path / "dir")}


def told(command: str, code: int, captured: pytest.CaptureFixture[str]) -> str:
    """What was said on standard error, and nothing of it twice; with ``--json`` one document says the same."""
    out, err = captured.readouterr()
    assert code == 2, err
    assert "Traceback" not in err
    assert sum(text.startswith("affekt: ") for text in err.splitlines()) == 1
    if command.endswith("--json"):
        error = json.loads(out)["error"]
        assert error["code"] == "usage"
        assert error["message"] in err
    return err


@pytest.mark.parametrize("command", REFUSED)
def test_flags_that_do_nothing_together_are_refused(command, given, capsys):
    code = run([given.get(word, word) for word in command.split()])
    assert REFUSED[command] in told(command, code, capsys)


@pytest.mark.parametrize("command", VALUES)
def test_a_value_of_another_kind_is_told_what_is_expected(command, given, capsys):
    with pytest.raises(SystemExit) as ended:
        run([given.get(word, word) for word in command.split()])
    assert VALUES[command] in told(command, int(ended.value.code or 0), capsys)


@pytest.mark.parametrize("action", ["serve", "export"])
def test_a_file_without_schedules_has_nothing_to_serve_or_to_export(action, given, capsys):
    assert run(["schedule", action, given["EMPTY"]]) == 1
    assert "has no schedules" in capsys.readouterr().err


def test_what_a_schedule_will_need_and_is_not_there_is_said_before_it_is_due(given, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("AFFEKT_TEST_WEBHOOK", raising=False)
    file = tmp_path / "schedules.yaml"
    file.write_text(
        f"schedules: [{{{DAILY}, data: nowhere, notify: {{webhook: $AFFEKT_TEST_WEBHOOK}}}}]", encoding="utf-8"
    )
    assert run(["schedule", "plan", str(file)]) == 0
    said = capsys.readouterr().err
    assert f"{tmp_path / 'nowhere'} is not there" in said
    assert "$AFFEKT_TEST_WEBHOOK is not set here" in said


def test_settings_of_a_model_that_is_not_trained_are_wrong_in_a_file_of_schedules(given, tmp_path, capsys):
    file = tmp_path / "schedules.yaml"
    file.write_text(
        f"schedules: [{{{DAILY}, data: {given['DATA']}, only: svc, settings: {{vgg.iterations: 3}}}}]", encoding="utf-8"
    )
    assert run(["schedule", "plan", str(file)]) == 1
    assert "vgg.iterations: vgg is not trained" in capsys.readouterr().err


def test_an_address_that_is_none_is_told_as_such(tiny_ensemble, capsys):
    assert run(["serve", "--model", str(tiny_ensemble), "--address", "999.1.1.1", "--without-keys"]) == 1
    assert "999.1.1.1: is no address" in capsys.readouterr().err


def test_more_workers_than_memory_takes_are_refused(tiny_ensemble, capsys):
    assert run(["serve", "--model", str(tiny_ensemble), "--workers", "99999"]) == 1
    assert "99,999 workers of this model need more memory than this machine has" in capsys.readouterr().err


def test_a_server_to_deploy_to_is_looked_for_before_the_training(given, capsys, tmp_path):
    assert run(["train", given["DATA"], "--deploy", "http://127.0.0.1:1", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["code"], error["where"]) == ("no_server", "http://127.0.0.1:1")
    assert not (tmp_path / "home" / "runs").exists()
