"""A scoring by the component, from and to S3, and through a server: the table is the same."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pandas as pd
import pytest
import yaml
from kfp import components, dsl
from moto.server import ThreadedMotoServer

from affekt import storage
from affekt.components.score import score
from affekt.ensemble import Ensemble
from affekt.errors import AffektError, DataError
from affekt.pipelines.cli import run
from affekt.pipelines.local import run_locally
from affekt.scoring import ByServer, score_files
from affekt.scoring.by_ensemble import ByEnsemble
from affekt.serving.server import LocalServer
from affekt.storage import s3


@pytest.fixture(scope="module")
def ensemble(tiny_ensemble: Path) -> Ensemble:
    return Ensemble.load(tiny_ensemble)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, sample_clips: Path) -> Iterator[str]:
    """A bucket with two clips and one that is none below ``clips/``."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3._client.cache_clear()
    bucket = f"s3://scored-{uuid.uuid4().hex[:8]}"  # what was put into a bucket outlives its server
    boto3.client("s3").create_bucket(Bucket=bucket.removeprefix("s3://"))
    for clip in sorted(sample_clips.rglob("*.mp4"))[:2]:
        storage.upload_file(clip, f"{bucket}/clips/{clip.name}")
    storage.write_bytes(f"{bucket}/clips/z.mp4", b"this is no clip")
    yield bucket
    server.stop()


def test_the_component_scores_a_prefix_and_leaves_nothing_of_what_it_kept(bucket, tiny_ensemble, tmp_path):
    table, figures = dsl.Dataset(uri=str(tmp_path / "run" / "table")), dsl.Metrics(uri=str(tmp_path / "figures"))
    score.python_func(
        source=f"{bucket}/clips", model=str(tiny_ensemble), url="", labels="Sad, angry", kept=f"{bucket}/kept",
        tracking_uri="", table=table, figures=figures,
    )  # fmt: skip
    found = pd.read_parquet(table.path)
    assert [name.rpartition("/")[2] for name in found["file"]][-1] == "z.mp4"
    assert list(found["error_code"].isna()) == [True, True, False]
    assert list(found["known_labels"][:2]) == ["angry+sad"] * 2
    assert set(found["label"][:2]) <= {"angry", "sad"}
    assert (figures.metadata["rows"], figures.metadata["answered"]) == (3, 2)
    assert table.metadata["models"] == {found["model"][0]: 2}
    assert not storage.exists(f"{bucket}/kept")


def test_a_component_whose_clips_all_fail_fails(bucket, tiny_ensemble, tmp_path):
    table, figures = dsl.Dataset(uri=str(tmp_path / "table")), dsl.Metrics(uri=str(tmp_path / "figures"))
    with pytest.raises(DataError, match=r"none of its clips has an answer \(1 unreadable\)"):
        score.python_func(
            source=f"{bucket}/clips/z.mp4", model=str(tiny_ensemble), url="", labels="", kept="",
            tracking_uri="", table=table, figures=figures,
        )  # fmt: skip


def test_a_table_in_s3_is_gone_on_with(bucket, ensemble):
    files = [*storage.list_files(f"{bucket}/clips"), f"{bucket}/clips/none.mp4"]

    class Ended(ByEnsemble):
        def answers(self, files):  # type: ignore[no-untyped-def]
            yield from super().answers(files[:2])
            yield AffektError("the disk is full", code="disk_full")

    with pytest.raises(AffektError, match="2 rows of 4 are kept"):
        score_files(files, f"{bucket}/out/scores.csv", Ended(ensemble))
    found = score_files(files, f"{bucket}/out/scores.csv", ByEnsemble(ensemble))
    assert (found.rows, found.before, found.errors) == (4, 2, {"missing_file": 1, "unreadable": 1})
    assert storage.list_files(f"{bucket}/out") == [f"{bucket}/out/scores.csv"]


def test_the_scoring_pipeline_is_compiled_by_the_command(tmp_path, capsys):
    assert run(["pipeline", "compile", "scoring", "--out", str(tmp_path / "s.yaml")]) == 0
    spec = next(yaml.safe_load_all((tmp_path / "s.yaml").read_text(encoding="utf-8")))
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert {name for name, kind in parameters.items() if not kind.get("isOptional")} == {"source"}
    assert run(["pipeline", "compile", "scoring", "--only", "svc", "--out", str(tmp_path / "s.yaml")]) == 2


@pytest.mark.slow  # 20 s: a step's process and those of its pool
def test_the_compiled_pipeline_runs_on_this_machine(tmp_path, tiny_ensemble, sample_clips, capsys):
    run(["pipeline", "compile", "scoring", "--out", str(tmp_path / "s.yaml")])
    pipeline = components.load_component_from_file(str(tmp_path / "s.yaml"))
    arguments = {"source": str(sample_clips / "clips"), "model": str(tiny_ensemble)}
    run_locally(pipeline, arguments, tmp_path / "run", say=lambda event: None)
    (table,) = (tmp_path / "run" / "artifacts").glob("*/score/table")
    found = pd.read_parquet(table)
    assert list(found["file"]) == sorted(found["file"])
    assert found["label"].notna().all()
    assert len(found) == 21


@pytest.fixture(scope="module")
def server(tiny_ensemble: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    home = tmp_path_factory.mktemp("home")
    with LocalServer(tiny_ensemble, engine="direct", workers=1, home=home) as running:
        yield running


def test_through_a_server_the_table_is_that_of_the_loaded_model(server, ensemble, sample_clips, tmp_path):
    (tmp_path / "no clip.mp4").write_bytes(b"this is no clip")
    clips = [str(path) for path in sorted(sample_clips.rglob("*.mp4"))[:2]]
    files = [*clips, str(tmp_path / "no clip.mp4"), str(tmp_path / "absent.mp4")]
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    score_files(files, str(here), ByEnsemble(ensemble))
    found = score_files(files, str(there), ByServer(server.url))
    assert found.models == {ensemble.digest: 2}
    ours, theirs = pd.read_parquet(here), pd.read_parquet(there)
    told = [column for column in ours if column not in ("model", "error")]
    pd.testing.assert_frame_equal(ours[told], theirs[told])
    assert list(theirs["error_code"][2:]) == ["unreadable", "missing"]


def test_a_server_that_is_not_there_is_told_at_once_and_no_row_is_made(sample_clips, tmp_path, capsys):
    arguments = ["score", str(sample_clips), "--out", str(tmp_path / "s.csv"), "--url", "http://127.0.0.1:9", "--json"]
    assert run(arguments) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "unreachable"
    assert list(tmp_path.iterdir()) == []


def test_predict_asks_a_server_about_a_list_and_a_prefix_in_order(server, bucket, sample_clips, capsys, monkeypatch):
    clips = [str(path) for path in sorted(sample_clips.rglob("*.mp4"))[:2]]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(reversed(clips))))
    assert run(["predict", "-", f"{bucket}/clips", "--url", server.url, "--json"]) == 1
    results = json.loads(capsys.readouterr().out)["results"]
    expected = [*reversed(clips), *storage.list_files(f"{bucket}/clips")]
    assert [result["file"] for result in results] == expected
    assert [result.get("error", {}).get("code") for result in results] == [*[None] * (len(results) - 1), "unreadable"]
