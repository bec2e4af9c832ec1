"""A VGG of still images alone: trained, registered, evaluated, asked, and held against the champion."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tarfile
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import yaml
from kfp import dsl

from affekt.components.evaluate import evaluate
from affekt.components.finish import finish
from affekt.components.fit_fusion import fit_fusion
from affekt.components.gate import gate
from affekt.components.ingest_images import ingest_images
from affekt.components.register import register as register_step
from affekt.components.static_signature import static_component
from affekt.components.train_model import train_model
from affekt.dataset import read_faces, unit_of
from affekt.ensemble import Ensemble, StillImages
from affekt.errors import DataError
from affekt.media import FaceSet, PreparedIndex
from affekt.pipelines.cli import run
from affekt.pipelines.compile import compile_pipeline
from affekt.pipelines.job import settings_of
from affekt.registry import list_models, promote, register
from affekt.score_table import ScoreTable
from affekt.steps.fit_fusion import fit_fusions
from affekt.steps.run_gate import Challenger, run_gate
from affekt.store import store_of
from affekt.store.images import prepare_images

#: What KFP tells the last step of a pipeline that ended well.
ENDED = SimpleNamespace(state="SUCCEEDED", error_message="")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, sample_faces, tiny_settings, registry_in):
    """The steps of the pipeline for images, one after the other in this process: ``still/1`` in a registry."""
    home = tmp_path_factory.mktemp("home")
    tracking = registry_in(home)
    settings = settings_of(tiny_settings, "images")
    common = {"settings": settings.to_json(), "tracking_uri": tracking.uri}

    def at(name, kind=dsl.Artifact):
        return kind(uri=str(home / name))

    images, scores, ensemble, evaluation = (at(name) for name in ("images", "scores", "ensemble", "evaluation"))
    run_id = ingest_images.python_func(data=str(sample_faces), name="still", job="job", prepared=images, **common)
    common["run_id"] = run_id
    static_component(train_model, name="train-vgg").python_func(
        member="vgg", prepared=images, store=str(home / "store"), model=at("vgg"), **common
    )
    static_component(fit_fusion, members=["vgg"]).python_func(
        prepared=images, models="vgg", store="", ensemble=ensemble, scores=scores, vgg=at("vgg"), **common
    )
    evaluate.python_func(
        prepared=images, scores=scores, ensemble=ensemble, store="", evaluation=evaluation, report=at("evaluated.html"),
        figures=at("figures", dsl.Metrics), **common,
    )  # fmt: skip
    version = register_step.python_func(ensemble=ensemble, evaluation=evaluation, name="still", **common)
    gate.python_func(
        prepared=images, scores=scores, ensemble=ensemble, evaluation=evaluation, name="still", version=version,
        store="", decision=at("decision.json"), report=at("report.html"), **common,
    )  # fmt: skip
    finish.python_func(
        job="job", tracking_uri=tracking.uri, status=SimpleNamespace(state="SUCCEEDED", error_message="")
    )
    return SimpleNamespace(home=home, tracking=tracking, settings=settings)


@pytest.fixture
def still(trained, monkeypatch):
    """The model of the images, for commands."""
    monkeypatch.setenv("AFFEKT_HOME", str(trained.home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", trained.tracking.uri)
    return "still/1"


def reported(trained):
    return json.loads((trained.home / "evaluation" / "evaluation.json").read_text(encoding="utf-8"))


def test_the_images_outside_of_train_are_evaluated(trained, sample_faces):
    found = reported(trained)
    assert found["clips"] == sum(image.split == "val" for image in read_faces(str(sample_faces)))
    assert (found["things"], found["interval_over"], found["chosen"]) == ("images", "images", "vgg")
    assert {item["clip"].split("/")[0] for item in found["worst"]} == {"val"}


def test_the_report_says_that_it_is_over_images(trained):
    report = (trained.home / "report.html").read_text(encoding="utf-8")
    assert "7 images" in report
    assert "resampling images" in report
    assert "Training loss of VGG" in report
    assert "data:image/jpeg" in report  # the faces of the mistakes


def test_the_run_is_in_mlflow(trained):
    runs = trained.tracking.client.search_runs([trained.tracking.experiment_id])
    assert {run.info.run_name for run in runs if "mlflow.parentRunId" in run.data.tags} >= {"vgg", "evaluation", "gate"}
    assert {run.info.status for run in runs} == {"FINISHED"}


@pytest.mark.parametrize("packed", [False, True])
def test_evaluate_gives_what_the_run_reported(trained, still, sample_faces, packed, tmp_path, capsys):
    data = str(sample_faces)
    if packed:
        with tarfile.open(tmp_path / "faces.tar.gz", "w:gz") as archive:
            archive.add(sample_faces, "faces")
        data = str(tmp_path / "faces.tar.gz")
    assert run(["evaluate", data, "--split", "val", "--model", still, "--json"]) == 0
    found, before = json.loads(capsys.readouterr().out), reported(trained)
    assert {key: found[key] for key in ("clips", "accuracy", "confusion", "interval_over")} == {
        key: before[key] for key in ("clips", "accuracy", "confusion", "interval_over")
    }


def test_evaluate_prints_how_many_images(still, sample_faces, capsys):
    assert run(["evaluate", str(sample_faces), "--model", still]) == 0
    assert capsys.readouterr().out.startswith("21 images, model still/1\n")


@pytest.mark.parametrize("unseen", [False, True])
def test_evaluate_says_how_many_images_were_learned_from(trained, still, sample_faces, capsys, unseen):
    index = PreparedIndex.read(trained.home / "images")
    learned = sum(row.split == "train" for row in index)
    assert 0 < learned < len(index)
    assert (
        run(["evaluate", str(sample_faces), "--model", still, "--json", *(["--split", "val"] if unseen else [])]) == 0
    )
    assert json.loads(capsys.readouterr().out).get("learned") == (None if unseen else learned)


def test_evaluate_names_an_absent_split(still, sample_faces, capsys):
    assert run(["evaluate", str(sample_faces), "--split", "test", "--model", still]) == 1
    assert "no image of the split 'test'" in capsys.readouterr().err


def test_predict_answers_for_a_picture_and_refuses_one_without_a_face(still, sample_clips, tmp_path, capsys):
    capture = cv2.VideoCapture(str(next((sample_clips / "clips").glob("s03-happy*"))))
    cv2.imwrite(str(tmp_path / "face.png"), capture.read()[1])
    capture.release()
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((120, 120, 3), 128, np.uint8))
    files = [str(tmp_path / name) for name in ("face.png", "grey.png")]
    assert run(["predict", *files, "--model", still, "--json"]) == 1
    seen, refused = json.loads(capsys.readouterr().out)["results"]
    assert (seen["modalities"], seen["frames"], set(seen["models"])) == (["face"], 1, {"vgg"})
    assert refused["error"]["code"] == "nothing_usable"


@pytest.mark.parametrize(
    ("options", "told"),
    [([], "--only vgg"), (["--only", "c3d"], "--only vgg"), (["--only", "vgg", "--faces", "more"], "--faces")],
)
def test_images_instead_of_clips_are_refused_before_any_work(
    tmp_path, monkeypatch, sample_faces, options, told, capsys
):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more").mkdir()
    assert run(["train", str(sample_faces), *options]) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "home" / "runs").exists()


def test_clips_are_not_taken_for_images(sample_clips, sample_faces, tmp_path):
    (tmp_path / "fer2013.csv").write_text("emotion,pixels,Usage\n0,1 2 3 4,Training\n", encoding="utf-8")
    (tmp_path / "list.csv").write_text(f"path,label\n{sample_faces}/val/happy/003.png,happy\n", encoding="utf-8")
    given = (sample_clips, sample_faces, tmp_path / "fer2013.csv", tmp_path, tmp_path / "list.csv", tmp_path / "none")
    assert [unit_of(str(uri)) for uri in given] == ["clips", "images", "images", "images", "images", "clips"]


@pytest.fixture(scope="module")
def images(tmp_path_factory, sample_faces, tiny_settings):
    """The folder of the prepared images."""
    folder = tmp_path_factory.mktemp("images")
    prepare_images(read_faces(str(sample_faces)), tiny_settings, folder)
    return folder


def test_prepared_images_keep_their_names_and_splits(images, sample_faces):
    faces, read = FaceSet.read(images), read_faces(str(sample_faces))
    assert faces.names == tuple(image.id for image in read)
    assert faces.splits == tuple(image.split for image in read)
    assert faces.images.shape == (21, 48, 48, 3)


def test_the_index_says_that_it_holds_images_and_gives_them(images, tiny_settings):
    index = PreparedIndex.read(images)
    assert (index.unit, index.select("val").unit) == ("images", "images")
    first = store_of(index, "", tiny_settings.media).get(index.rows[0].key)
    np.testing.assert_array_equal(first.faces[0], FaceSet.read(images).images[0])


def test_unreadable_images_are_told_and_too_many_stop_the_run(tmp_path, sample_faces, tiny_settings):
    copy = shutil.copytree(sample_faces, tmp_path / "faces")
    (copy / "val" / "happy" / "003.png").write_bytes(b"no picture")
    index = prepare_images(read_faces(str(copy)), tiny_settings, tmp_path / "out")
    assert [item.clip for item in index.skipped] == ["val/happy/003.png"]
    assert len(index) == len(FaceSet.read(tmp_path / "out").labels) == 20
    for path in (copy / "train").rglob("*.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(DataError) as caught:
        prepare_images(read_faces(str(copy)), tiny_settings, tmp_path / "out")
    assert caught.value.code == "too_many_skipped"


@pytest.fixture
def stage(trained, tmp_path, sample_faces, registry_in):
    """A registry of its own, and a way to put models into it that were right on a share of the evaluated images."""
    tracking = registry_in(tmp_path)
    run_id = tracking.start_parent("still")
    asked: list[int] = []

    def make(right: float | None = None, face_size: int = 48):
        folder = shutil.copytree(trained.home / "ensemble", tmp_path / f"ensemble {right} {face_size}")
        manifest = json.loads((folder / "ensemble.json").read_text(encoding="utf-8"))
        manifest["facts"]["right"] = right  # a different model has a different manifest
        manifest["settings"]["seed"] = 0 if right is None else round(100 * right) + 1  # another training
        manifest["settings"]["media"]["face_size"] = face_size
        (folder / "ensemble.json").write_text(json.dumps(manifest), encoding="utf-8")
        fused = ScoreTable.read(trained.home / "scores" / "fused.csv")
        if right is not None:
            scores = np.full(fused.scores.shape, 0.01)
            for row, truth in enumerate(fused.truth):
                scores[row, :, truth if row < round(right * len(fused)) else (truth + 1) % 7] = 0.94
            fused = dataclasses.replace(fused, scores=scores)
        return Challenger("still", register(tracking, folder, name="still", run_id=run_id), folder, fused)

    def served(folder, files):
        asked.append(len(files))
        assert all(file.is_file() for file in files)
        return {"ok": True, "message": "answered as in this process"}

    def decide(challenger, images=None):
        images = images or StillImages.read(str(sample_faces))
        return run_gate(tracking, challenger, images, settings=trained.settings, check=served)

    def champion():
        return [item.version for item in list_models(tracking, "still") if "champion" in item.aliases]

    return SimpleNamespace(
        make=make, decide=decide, champion=champion, tracking=tracking, run_id=run_id, asked=asked
    )  # fmt: skip


def test_a_good_first_model_is_asked_in_a_server_and_becomes_the_champion(stage):
    decision = stage.decide(stage.make(1.0))
    assert decision.promote
    assert "right on 7 of 7 images" in " ".join(decision.reasons)
    assert stage.asked == [3]
    assert stage.champion() == [1]


def test_images_that_show_no_face_are_not_sent_to_a_server(stage, sample_faces):
    grey = np.full((48, 48), 128, np.uint8)
    images = {image.id: dataclasses.replace(image, pixels=grey) for image in read_faces(str(sample_faces))}
    decision = stage.decide(stage.make(1.0), StillImages(images))
    assert (decision.promote, stage.asked) == (True, [])
    assert decision.reasons[-1].startswith("Not asked in a real TorchServe: no face is found")


@pytest.mark.parametrize("face_size", [48, 64])
def test_a_better_model_replaces_the_champion_that_answers_the_same_images(stage, face_size):
    stage.make(None, face_size)
    promote("still/1", stage.tracking)
    decision = stage.decide(stage.make(1.0))
    assert decision.promote
    assert decision.reasons[0].startswith("On the same 7 images the challenger is right on 100.0%")
    assert decision.figures["accuracy_champion"] < 0.5
    assert stage.champion() == [2]


def test_the_champion_is_asked_about_the_images_as_it_was_when_it_was_evaluated(stage, trained, sample_faces):
    fused = ScoreTable.read(trained.home / "scores" / "fused.csv")
    answers = StillImages.read(str(sample_faces)).answers(
        Ensemble.load(trained.home / "ensemble", inference="torch"), fused.clips
    )
    np.testing.assert_allclose(answers, fused.scores[:, 0], atol=1e-6)


def test_a_champion_of_face_and_voice_is_not_replaced_on_images_alone(stage, tiny_ensemble):
    register(stage.tracking, tiny_ensemble, name="still", run_id=stage.run_id)
    promote("still/1", stage.tracking)
    decision = stage.decide(stage.make(1.0))
    assert not decision.promote
    assert "a name of its own" in decision.reasons[0]
    assert stage.champion() == [1]


def test_a_model_without_a_vgg_cannot_be_evaluated_on_images(tmp_path, tiny_run, tiny_settings, sample_faces, capsys):
    fit_fusions({"svc": tiny_run.members["svc"]}, ["svc"], tiny_settings, tmp_path / "voice")
    assert run(["evaluate", str(sample_faces), "--model", str(tmp_path / "voice")]) == 1
    assert "this model has none" in capsys.readouterr().err


def test_the_pipeline_of_images_compiles_and_trains_nothing_else(tmp_path):
    compile_pipeline(tmp_path / "faces.yaml", ("vgg",), unit="images")
    spec = next(yaml.safe_load_all((tmp_path / "faces.yaml").read_text(encoding="utf-8")))
    executors = {name.removeprefix("exec-") for name in spec["deploymentSpec"]["executors"]}
    assert executors == {"ingest-images", "train-vgg", "fit-fusion", "evaluate", "register", "gate", "finish"}


@pytest.mark.slow
def test_the_command_trains_registers_and_promotes(tmp_path, monkeypatch, tiny_settings, capsys):
    from affekt.samples.write import write_sample_faces

    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    faces = write_sample_faces(tmp_path / "faces", per_label=20)
    tiny = {**tiny_settings.flat(), "vgg.width": 0.1, "vgg.base_iterations": 150, "fusion.method": "svm"}
    overrides = [f"{key}={json.dumps(value)}" for key, value in tiny.items() if key != "preset"]
    options = [part for override in overrides for part in ("--set", override)]
    assert run(["train", str(faces), "--only", "vgg", "--name", "still", "--json", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["version"], found["things"]) == ("still", 1, "images")
    assert found["promoted"], found["reasons"]
    assert run(["evaluate", str(faces), "--split", "val", "--model", "still@champion", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == found["accuracy"]
