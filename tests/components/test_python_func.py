"""Every component's Python function, called in this process with artifacts on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from kfp import dsl

from affekt.components.collect import collect
from affekt.components.evaluate import evaluate
from affekt.components.finish import finish
from affekt.components.fit_fusion import fit_fusion
from affekt.components.gate import gate
from affekt.components.ingest import ingest
from affekt.components.plan_shards import plan_shards
from affekt.components.prepare_faces import prepare_faces
from affekt.components.prepare_shard import prepare_shard
from affekt.components.register import register
from affekt.components.static_signature import static_component
from affekt.components.train_model import train_model
from affekt.dataset import ClipTable
from affekt.ensemble.carried import trials_in
from affekt.errors import AffektError, DataError
from affekt.extensions import model_names, model_spec
from affekt.media import FaceSet, PreparedIndex
from affekt.registry import list_models
from affekt.score_table import ScoreTable
from affekt.training.sitting_out import sat_out


def artifact(path, kind=dsl.Dataset):
    return kind(uri=str(path))


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_settings, registry_in):
    """An MLflow with an open parent run, and what most components take."""
    home = tmp_path_factory.mktemp("home")
    tracking = registry_in(home)
    run_id = tracking.start_parent("tiny", {}, {"affekt.job": "job-1"})
    run = {"settings": tiny_settings.to_json(), "run_id": run_id, "tracking_uri": tracking.uri}
    return SimpleNamespace(home=home, tracking=tracking, run=run)


def children(place, job):
    """Name and state of each child run of a job."""
    tracking = place.tracking
    (parent,) = tracking.client.search_runs([tracking.experiment_id], f"tags.`affekt.job` = '{job}'")
    below = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    found = tracking.client.search_runs([tracking.experiment_id], below)
    return [(run.info.run_name, run.info.status) for run in found]


@pytest.fixture
def clips(tmp_path, sample_clips):
    from affekt.dataset import load_clips

    load_clips(str(sample_clips)).write(tmp_path / "clips.csv")
    return artifact(tmp_path / "clips.csv")


def test_ingest_writes_the_clips_and_opens_the_parent_run(tmp_path, place, sample_clips):
    run_id = ingest.python_func(
        data=str(sample_clips),
        settings=place.run["settings"],
        name="tiny",
        job="job-2",
        tracking_uri=place.run["tracking_uri"],
        clips=artifact(tmp_path / "clips"),
    )
    assert len(ClipTable.read(tmp_path / "clips")) == 21
    assert place.tracking.client.get_run(run_id).data.tags["affekt.job"] == "job-2"


def test_a_subject_on_both_sides_of_a_split_is_refused_unless_forced(tmp_path, place, sample_clips):
    from affekt.dataset import load_clips

    first, *others = load_clips(str(sample_clips))
    there = [replace(clip, split="train") for clip in others]
    ClipTable((replace(first, split="val"), replace(first, id="again", split="train"), *there)).write(
        tmp_path / "t.csv"
    )

    def run(job, **overrides):
        settings = json.dumps(json.loads(place.run["settings"]) | overrides)
        return ingest.python_func(
            data=str(tmp_path / "t.csv"),
            settings=settings,
            name="tiny",
            job=job,
            tracking_uri=place.run["tracking_uri"],
            clips=artifact(tmp_path / "clips"),
        )

    with pytest.raises(DataError, match=r"both sides of a split hold.*allow_shared_subjects=true"):
        run("job-3")
    assert children(place, "job-3") == [("ingest", "FAILED")]
    assert run("job-3, forced", allow_shared_subjects=True)
    assert children(place, "job-3, forced") == [("ingest", "FINISHED")]


@pytest.mark.parametrize(("size", "shards"), [(21, ["0/1"]), (8, ["0/3", "1/3", "2/3"])])
def test_plan_shards_names_as_many_as_are_needed(clips, size, shards):
    assert plan_shards.python_func(clips=clips, clips_per_shard=size) == shards


def test_a_million_clips_are_prepared_in_no_more_than_500_tasks(tmp_path):
    rows = "".join(f"c{number},c{number}.mp4,,,\n" for number in range(2001))
    (tmp_path / "clips.csv").write_text("clip,uri,label,subject,split\n" + rows, encoding="utf-8")
    names = plan_shards.python_func(clips=artifact(tmp_path / "clips.csv"), clips_per_shard=1)
    assert len(names) == 401  # of five clips each, as four would be 501


def test_prepare_shard_takes_its_part(tmp_path, place, clips, tiny_run):
    out = artifact(tmp_path / "part")
    prepare_shard.python_func(
        clips=clips, shard="1/7", store=str(tiny_run.store), settings=place.run["settings"], prepared=out
    )
    table = ClipTable.read(tmp_path / "clips.csv")
    assert [row.clip for row in PreparedIndex.read(tmp_path / "part")] == [
        table.clips[number].id for number in (1, 8, 15)
    ]


def test_a_shard_whose_store_cannot_be_written_is_named_before_anything_is_decoded(tmp_path, place, clips):
    (tmp_path / "file").touch()
    run_id = place.tracking.start_parent("tiny", {}, {"affekt.job": "job-4"})
    with pytest.raises(AffektError, match="the prepared store cannot be written"):
        prepare_shard.python_func(
            clips=clips, shard="1/7", store=str(tmp_path / "file" / "store"), settings=place.run["settings"],
            prepared=artifact(tmp_path / "part"), job="job-4", tracking_uri=place.run["tracking_uri"],
        )  # fmt: skip
    place.tracking.finish(run_id, "FAILED")
    assert children(place, "job-4") == [("prepare[1/7]", "FAILED")]


def test_collect_merges_in_the_order_of_the_table(tmp_path, place, clips, tiny_run):
    whole = PreparedIndex.read(tiny_run.prepared)
    for number in range(2):
        PreparedIndex(whole.rows[number::2]).write(tmp_path / f"part{number}")
    parts = [artifact(tmp_path / "part1"), artifact(tmp_path / "part0")]
    counts = artifact(tmp_path / "counts", dsl.Metrics)
    collect.python_func(clips=clips, parts=parts, prepared=artifact(tmp_path / "all"), counts=counts, **place.run)
    assert PreparedIndex.read(tmp_path / "all").rows == whole.rows
    assert counts.metadata["clips_prepared"] == 21


def test_collect_refuses_copies_of_what_is_evaluated_on_among_what_is_learned_from(tmp_path, place, clips, tiny_run):
    whole = PreparedIndex.read(tiny_run.prepared)
    val = next(row for row in whole if row.split == "val")
    copied = [replace(row, key=val.key) if number == 0 else row for number, row in enumerate(whole)]
    assert copied[0].split == "train"
    PreparedIndex(tuple(copied)).write(tmp_path / "part")
    with pytest.raises(DataError, match=r"1 leak between.*\n.*exactly the same content") as caught:
        collect.python_func(
            clips=clips,
            parts=[artifact(tmp_path / "part")],
            prepared=artifact(tmp_path / "all"),
            counts=artifact(tmp_path / "counts", dsl.Metrics),
            **place.run,
        )
    assert caught.value.code == "duplicate_across_splits"
    assert val.clip in str(caught.value) and copied[0].clip in str(caught.value)
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("given", [True, False])
def test_prepare_faces_packs_what_there_is(tmp_path, place, sample_faces, given):
    out = artifact(tmp_path / "faces")
    prepare_faces.python_func(faces=str(sample_faces) if given else "", settings=place.run["settings"], face_set=out)
    assert bool(len(FaceSet.read(tmp_path / "faces").labels)) == given


@pytest.fixture(scope="module")
def face_set(tmp_path_factory, place, sample_faces):
    """The sample face images, packed."""
    folder = tmp_path_factory.mktemp("faces") / "faces"
    prepare_faces.python_func(faces=str(sample_faces), settings=place.run["settings"], face_set=artifact(folder))
    return artifact(folder)


@pytest.mark.parametrize("name", model_names())
def test_a_model_trains_and_scores_every_clip(tmp_path, place, tiny_run, face_set, name):
    spec = model_spec(name)
    train = static_component(train_model, name=f"train-{name}", members=spec.needs)
    given = {needed: artifact(tiny_run.members[needed], dsl.Model) for needed in spec.needs}
    train.python_func(
        member=name,
        prepared=artifact(tiny_run.prepared),
        face_set=face_set if spec.learns_from_images else None,
        store=str(tiny_run.store),
        model=artifact(tmp_path / "model", dsl.Model),
        **given,
        **place.run,
    )
    sits_out = sat_out({name: tmp_path / "model"})
    if sits_out:  # its encoder is not on this machine
        assert spec.absent and sits_out[name].code == "absent"
        return
    table = ScoreTable.read(tmp_path / "model" / "scores.csv")
    assert (table.models, len(table)) == ((name,), 21)
    assert table.available.all()
    if spec.learns_from_images:
        assert f"{name},base," in (tmp_path / "model" / "history.csv").read_text(encoding="utf-8")
    runs = place.tracking.client.search_runs([place.tracking.experiment_id], f"tags.mlflow.runName = '{name}'")
    assert [run.info.status for run in runs] == ["FINISHED"]


def test_fit_fusion_fuses_the_members_it_is_given(tmp_path, place, tiny_run):
    members = {name: artifact(tiny_run.members[name], dsl.Model) for name in ("random_forest", "svc")}
    static_component(fit_fusion, members=list(members)).python_func(
        prepared=artifact(tiny_run.prepared),
        models="random_forest,svc",
        store=str(tiny_run.store),
        ensemble=artifact(tmp_path / "ensemble", dsl.Model),
        scores=artifact(tmp_path / "scores"),
        **members,
        **place.run,
    )
    assert ScoreTable.read(tmp_path / "scores" / "scores.csv").models == ("random_forest", "svc")
    assert json.loads((tmp_path / "ensemble" / "ensemble.json").read_text())["models"] == ["random_forest", "svc"]
    assert len(trials_in(tmp_path / "ensemble")) == 2


def test_evaluate_register_gate_and_finish_follow_each_other(tmp_path, place, tiny_run, clips):
    ensemble, scores = artifact(tiny_run.ensemble, dsl.Model), artifact(tiny_run.scores)
    evaluation = artifact(tmp_path / "evaluation", dsl.Artifact)
    figures = artifact(tmp_path / "figures", dsl.Metrics)
    evaluate.python_func(
        prepared=artifact(tiny_run.prepared),
        scores=scores,
        ensemble=ensemble,
        store=str(tiny_run.store),
        evaluation=evaluation,
        report=artifact(tmp_path / "report.html", dsl.HTML),
        figures=figures,
        **place.run,
    )
    evaluated = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text(encoding="utf-8"))
    assert evaluated["clips"] == 7
    assert figures.metadata["accuracy"] == evaluated["accuracy"]

    version = register.python_func(ensemble=ensemble, evaluation=evaluation, name="tiny", **place.run)
    assert [item.version for item in list_models(place.tracking, "tiny")] == [version]

    promoted = gate.python_func(
        prepared=artifact(tiny_run.prepared),
        clips=clips,
        scores=scores,
        ensemble=ensemble,
        evaluation=evaluation,
        name="tiny",
        version=version,
        store=str(tiny_run.store),
        decision=artifact(tmp_path / "decision", dsl.Artifact),
        report=artifact(tmp_path / "decided.html", dsl.HTML),
        **place.run,
    )
    decision = json.loads((tmp_path / "decision").read_text(encoding="utf-8"))
    assert decision["promote"] == promoted
    assert decision["reasons"][0].split(".")[0] in (tmp_path / "decided.html").read_text(encoding="utf-8")

    status = dsl.PipelineTaskFinalStatus("SUCCEEDED", "affekt-training", "affekt-training", None, None)
    finish.python_func(job="job-1", tracking_uri=place.run["tracking_uri"], status=status)
    assert place.tracking.client.get_run(place.run["run_id"]).info.status == "FINISHED"
