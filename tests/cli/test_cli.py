"""The command line: what each command prints, its JSON, and its exit codes; on the model of the pipeline run."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from affekt.fusion.person import adapted
from affekt.pipelines.cli import build_parser, run
from affekt.score_table import ScoreTable

COMMANDS = [
    "demo", "sample", "check", "train", "evaluate", "predict", "fuse", "models", "serve", "deploy", "pipeline",
    "weights",
]  # fmt: skip

# Fused only if that helps, or only where its encoder is installed.
MAYBE = {"joint", "voice_embedding", "speech_embedding", "face_embedding", "base_embedding"}


def fused(pipeline_run) -> set[str]:
    """The paper's models that the run must have fused: not the VGG where the run tells that it gave way.

    After two iterations the processor's last bits decide that.
    """
    told = (pipeline_run.home / "run" / "pipeline.log").read_text(encoding="utf-8")
    fell = {"vgg"} if "vgg: gives way to base_embedding" in told else set()
    return {"vgg", "c3d", "bilstm", "random_forest", "svc"} - fell


@pytest.fixture
def tiny(pipeline_run, monkeypatch):
    """The state folder of the pipeline run: ``tiny/1`` is registered there."""
    monkeypatch.setenv("AFFEKT_HOME", str(pipeline_run.home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", pipeline_run.tracking_uri)
    return "tiny/1"


@pytest.fixture
def clip(sample_clips):
    return str(next((sample_clips / "clips").glob("s03*.mp4"), None) or sorted((sample_clips / "clips").glob("*"))[-1])


def document(capsys):
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args([command, "--help"])
    assert ended.value.code == 0
    assert command in capsys.readouterr().out


def test_help_imports_nothing_heavy():
    script = (
        "import sys; from affekt.pipelines.cli import build_parser; build_parser(); "
        "print([m for m in ('torch', 'mlflow', 'kfp', 'sklearn', 'pandas', 'cv2', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", [["check"], ["predict"], ["nonsense"], ["sample", "d", "--clips-per-label", "0"]])
def test_wrong_usage_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        run(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_a_data_set_has_to_be_named(command, capsys):
    assert run([command, "--json"]) == 2
    printed = capsys.readouterr()
    assert json.loads(printed.out)["error"]["code"] == "usage"
    assert "required: DATA" in printed.err


def test_data_that_stand_where_the_document_is_to_be_written_are_told(tmp_path, capsys):
    assert run(["evaluate", "--json", str(tmp_path)]) == 2
    assert f"--json took {tmp_path} as the file to write, so put DATA before it" in capsys.readouterr().err


def test_files_stand_before_flags_and_behind_them(tmp_path, capsys):
    assert run(["predict", str(tmp_path / "a.mp4"), "--model", "m/1", str(tmp_path / "b.mp4"), "--json"]) == 1
    results = json.loads(capsys.readouterr().out)["results"]
    assert [Path(result["file"]).name for result in results] == ["a.mp4", "b.mp4"]


def test_no_command_shows_the_help(capsys):
    assert run([]) == 2
    assert "COMMAND" in capsys.readouterr().out


def test_check_reports_a_good_set(sample_clips, capsys):
    assert run(["check", str(sample_clips), "--json"]) == 0
    found = document(capsys)
    assert set(found) == {"clips", "labels", "subjects", "splits", "errors", "warnings"}
    assert found["clips"] == 21


def test_check_ends_with_1_on_errors(tmp_path, capsys):
    (tmp_path / "manifest.csv").write_text("path,label,subject,split\nnone.mp4,happy,1,train\n", encoding="utf-8")
    assert run(["check", str(tmp_path), "--json"]) == 1
    assert document(capsys)["errors"][0]["where"].endswith("manifest.csv:2")


def test_predict_answers_each_file_in_order_and_a_bad_one_with_its_error(pipeline_run, tiny, clip, tmp_path, capsys):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"this is no video")
    assert run(["predict", str(bad), clip, "--model", tiny, "--json"]) == 1
    found = document(capsys)
    assert [result["file"] for result in found["results"]] == [str(bad), clip]
    assert set(found["results"][0]["error"]) == {"code", "message"}
    good = found["results"][1]
    assert good["label"] == max(good["probabilities"], key=good["probabilities"].get)
    assert sum(good["probabilities"].values()) == pytest.approx(1)
    assert set(good["models"]) - MAYBE == fused(pipeline_run)
    assert good["modalities"] == ["face", "voice"]


def test_predict_prints_a_sentence(tiny, clip, capsys):
    assert run(["predict", clip, "--model", tiny]) == 0
    assert capsys.readouterr().out.startswith(f"{clip}: ")


def test_evaluate_writes_its_document(pipeline_run, tiny, sample_clips, tmp_path, capsys):
    out = tmp_path / "evaluation.json"
    assert run(["evaluate", str(sample_clips), "--split", "val", "--model", tiny, "--json", str(out)]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["clips"] == 7
    assert {"labels", "accuracy", "accuracy_ci95", "unweighted_average_recall", "confusion", "skipped"} <= set(found)
    assert set(found["models"]) - MAYBE == fused(pipeline_run)


def test_evaluate_writes_the_report_beside_its_document(tiny, sample_clips, tmp_path, capsys):
    page = tmp_path / "report.html"
    asked = ["evaluate", str(sample_clips), "--split", "val", "--model", tiny]
    assert run([*asked, "--report", str(page), "--json"]) == 0
    found = document(capsys)
    text = page.read_text(encoding="utf-8")
    assert f"{100 * found['accuracy']:.1f}%" in text
    assert f"affekt evaluate {sample_clips} --model {tiny} --split val" in text


def test_a_report_that_cannot_be_written_is_told_before_the_work(tiny, sample_clips, tmp_path, capsys):
    place = tmp_path / "nowhere" / "report.html"
    assert run(["evaluate", str(sample_clips), "--model", tiny, "--report", str(place)]) == 1
    assert str(place) in capsys.readouterr().err


def test_evaluate_gives_what_the_run_reported(tiny, sample_clips, pipeline_run, capsys, monkeypatch):
    monkeypatch.setenv("AFFEKT_INFERENCE", "torch")  # as the run; graphs may turn a clip between two labels
    assert run(["evaluate", str(sample_clips), "--split", "val", "--model", tiny, "--json"]) == 0
    reported = json.loads((pipeline_run.artifact("evaluate", "evaluation") / "evaluation.json").read_text("utf-8"))
    assert document(capsys)["confusion"] == reported["confusion"]


def test_evaluate_of_an_absent_split_says_so(tiny, sample_clips, capsys):
    assert run(["evaluate", str(sample_clips), "--split", "test", "--model", tiny]) == 1
    assert "no clip of the split 'test'" in capsys.readouterr().err


def test_files_of_one_person_are_answered_together_and_a_bad_one_has_its_error(tiny, sample_clips, tmp_path, capsys):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"this is no video")
    first, second = sorted(str(path) for path in (sample_clips / "clips").glob("*"))[:2]
    assert run(["predict", first, str(bad), second, "--model", tiny, "--same-person", "--json"]) == 1
    found = document(capsys)
    assert [result["file"] for result in found["results"]] == [first, str(bad), second]
    assert ["error" in result for result in found["results"]] == [False, True, False]
    assert found["same_person"] == 2
    assert run(["predict", first, "--model", tiny, "--json"]) == 0
    plain = document(capsys)["results"][0]
    assert plain["models"] == found["results"][0]["models"]
    assert plain["probabilities"] != found["results"][0]["probabilities"]


def test_one_person_and_a_server_is_wrong_usage(capsys):
    assert run(["predict", "a.mp4", "--same-person", "--url", "http://127.0.0.1:1"]) == 2
    assert "leave one of them out" in capsys.readouterr().err


def test_evaluate_gives_the_adapted_figures_that_the_run_reported(tiny, sample_clips, pipeline_run, capsys):
    assert run(["evaluate", str(sample_clips), "--split", "val", "--model", tiny, "--json"]) == 0
    reported = json.loads((pipeline_run.artifact("evaluate", "evaluation") / "evaluation.json").read_text("utf-8"))
    person = document(capsys)["person"]
    for key in ("accuracy", "accuracy_ci95", "clips", "unweighted_average_recall", "people", "confusion"):
        assert person[key] == reported["person"][key]
    assert person["paired"]["accuracy_b"] == person["accuracy"]


def test_evaluate_prints_the_adapted_figures_beside_the_others(tiny, sample_clips, capsys):
    assert run(["evaluate", str(sample_clips), "--split", "val", "--model", tiny]) == 0
    told = capsys.readouterr().out
    assert "\nwith their other clips  " in told
    assert "without labels, to each person with two clips or more (1 person)" in told


@pytest.fixture
def old(tiny_ensemble, tmp_path, monkeypatch):
    """The folder of an ensemble that was stored before there was an adaptation to a person."""
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = shutil.copytree(tiny_ensemble, tmp_path / "ensemble")
    shutil.rmtree(folder / "fusion_person")
    manifest = json.loads((folder / "ensemble.json").read_text(encoding="utf-8"))
    manifest["files"] = {name: file for name, file in manifest["files"].items() if "fusion_person" not in name}
    (folder / "ensemble.json").write_text(json.dumps(manifest), encoding="utf-8")
    return str(folder)


def test_evaluate_says_that_an_old_model_has_no_adaptation(old, sample_clips, capsys):
    assert run(["evaluate", str(sample_clips), "--split", "val", "--model", old, "--json"]) == 0
    person = document(capsys)["person"]
    assert person["accuracy"] is None
    assert person["reason"] == "the model was stored without an adaptation to a person"


def test_predict_of_one_person_refuses_an_old_model(old, clip, capsys):
    assert run(["predict", clip, "--same-person", "--model", old]) == 1
    assert "no adaptation to a person" in capsys.readouterr().err


def test_an_unknown_model_lists_those_that_there_are(tiny, clip, capsys):
    assert run(["predict", clip, "--model", "tinny@champion"]) == 1
    assert "there is tiny" in capsys.readouterr().err


def test_models_are_listed_promoted_and_rolled_back(tiny, capsys):
    assert run(["models", "list", "--json"]) == 0
    assert [(row["name"], row["version"]) for row in document(capsys)["models"]] == [("tiny", 1)]
    assert run(["models", "promote", tiny]) == 0
    assert "tiny/1 is the champion" in capsys.readouterr().out
    assert run(["models", "rollback", "--name", "tiny"]) == 1
    assert "no champion before" in capsys.readouterr().err


def test_fuse_reports_every_method_and_writes_the_answers(pipeline_run, tmp_path, capsys):
    scores = pipeline_run.artifact("fit-fusion", "scores") / "scores.csv"
    out = tmp_path / "answers.csv"
    assert run(["fuse", str(scores), "--out", str(out), "--json"]) == 0
    found = document(capsys)
    assert found["best"] in found["methods"]
    assert {"average", "svm", "stacking"} <= set(found["methods"])
    lines = out.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("clip,predicted,angry,")
    assert len(lines) == 1 + 7


def test_fuse_names_wrong_weights(pipeline_run, capsys):
    scores = pipeline_run.artifact("fit-fusion", "scores") / "scores.csv"
    assert run(["fuse", str(scores), "--weights", "vgg=a,svc"]) == 1
    assert "'vgg=a'" in capsys.readouterr().err


def test_fuse_says_which_methods_had_too_few_rows_to_be_fitted_on(tmp_path, capsys):
    rows = [
        f"c{row},{'happy' if row % 2 else 'sad'},s{row % 8},{'train' if row < 6 else 'test'},.6,.4,.3,.7"
        for row in range(40)
    ]
    table = tmp_path / "few.csv"
    table.write_text("\n".join(["clip,label,subject,split,a_happy,a_sad,b_happy,b_sad", *rows]), encoding="utf-8")
    assert run(["fuse", str(table), "--method", "average,svm"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "svm: a+b: too few labelled rows (6) for svm: weighted average" in told
    assert not [line for line in told if line.startswith("average:")]


def test_fuse_adapts_scores_to_each_subject(pipeline_run, capsys):
    scores = str(pipeline_run.artifact("fit-fusion", "scores") / "scores.csv")
    assert run(["fuse", scores, "--method", "average", "--adapt", "person", "--json"]) == 0
    found = document(capsys)
    table = ScoreTable.read(Path(scores))
    rows = np.array([split == "val" for split in table.splits])
    fused = np.nanmean(adapted(table.scores[rows], np.array(table.subjects)[rows].tolist()), axis=1)
    right = fused.argmax(axis=1) == np.array(table.truth)[rows]
    assert found["adapt"] == "person"
    assert found["methods"]["average"]["accuracy"] == pytest.approx(right.mean())


def test_settings_mistakes_are_all_told_before_any_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    assert run(["train", str(tmp_path), "--set", "vgg.iteratons=5", "--set", "fusion.method=magic"]) == 1
    told = capsys.readouterr().err
    assert "vgg.iteratons" in told
    assert "fusion.method" in told
    assert not (tmp_path / "home" / "runs").exists()


def test_answers_are_among_the_labels_that_are_named(tiny, clip, sample_clips, tmp_path, capsys):
    assert run(["predict", clip, "--model", tiny, "--json"]) == 0
    known = list(document(capsys)["results"][0]["probabilities"])[:2]
    asked = ["--model", tiny, "--labels", ",".join(known)]
    assert run(["predict", clip, *asked, "--json"]) == 0
    (result,) = document(capsys)["results"]
    assert result["known_labels"] == known and result["label"] in known
    with (sample_clips / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] in known]
    data = tmp_path / "two.csv"
    lines = [f"{sample_clips / row['path']},{row['label']},{row['subject']}" for row in rows]
    data.write_text("\n".join(["path,label,subject", *lines]), encoding="utf-8")
    assert run(["evaluate", str(data), *asked, "--json"]) == 0
    found = document(capsys)
    assert found["known_labels"] == known
    for figures in (found, *found["models"].values()):
        assert not any(sum(column) for column in list(zip(*figures["confusion"], strict=True))[2:])
    assert run(["evaluate", str(sample_clips), *asked]) == 1
    assert "cannot be right where only" in capsys.readouterr().err


def test_a_word_that_is_no_label_is_told_the_nearest(clip, capsys):
    with pytest.raises(SystemExit) as ended:
        run(["predict", str(clip), "--labels", "hapy,sad"])
    assert ended.value.code == 2
    assert "did you mean happy?" in capsys.readouterr().err
