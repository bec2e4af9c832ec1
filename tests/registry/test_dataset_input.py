"""The data set as an input of a run: what MLflow then shows of it."""

from __future__ import annotations

import dataclasses
import json

import pytest

from affekt.media import PreparedIndex, PreparedRow, SkippedClip
from affekt.registry import log_dataset
from affekt.registry.dataset import dataset_digest, name_of


def row(number, split, subject="s1", key="k"):
    return PreparedRow(
        f"clip{number}", "happy" if number % 2 else "sad", subject, split, f"{key}{number}-m-2", 9, 9, True
    )


@pytest.fixture
def index():
    rows = (row(1, "train"), row(2, "train"), row(3, "train", "s2"), row(4, "val", "s3"), row(5, "val", ""))
    return PreparedIndex(rows, (SkippedClip("clip6", "no_face", "black"),))


def test_the_run_names_its_data_with_digest_counts_and_splits(tracking, index):
    run_id = tracking.start_parent("weekly", tags={"affekt.data": "s3://bucket/data/week 7"})
    log_dataset(tracking, run_id, index)
    (found,) = tracking.client.get_run(run_id).inputs.dataset_inputs
    assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "train+val")]
    assert (found.dataset.name, found.dataset.source_type) == ("week 7", "s3")
    assert found.dataset.digest == dataset_digest(index)
    assert json.loads(found.dataset.profile) == {
        "clips": 5,
        "subjects": 3,
        "splits": {"train": 3, "val": 2},
        "labels": {"happy": 3, "sad": 2},
        "skipped": 1,
    }
    assert json.loads(found.dataset.source) == {"uri": "s3://bucket/data/week 7"}


def test_data_without_a_place_have_a_name_too(tracking, index):
    run_id = tracking.start_parent("weekly")
    log_dataset(tracking, run_id, index)
    (found,) = tracking.client.get_run(run_id).inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.source_type) == ("data", "local")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/data/week 7/clips.csv", "clips.csv"),
        ("/data/actors + s3://bucket/talk?***", "actors + talk"),
        ("/a/clips + /b/clips/", "a-clips + b-clips"),
    ],
)
def test_several_data_sets_are_named_all(source, name):
    assert name_of(source) == name


def test_the_digest_is_of_contents_in_any_order(index):
    other_settings = [dataclasses.replace(each, key=each.key.replace("-m-", "-n-"), clip="x") for each in index]
    assert dataset_digest(PreparedIndex(tuple(reversed(other_settings)))) == dataset_digest(index)


@pytest.mark.parametrize("change", [{"key": "k9-m-2"}, {"label": "fear"}, {"subject": "s9"}, {"split": "test"}])
def test_the_digest_changes_with_what_is_learned(index, change):
    changed = PreparedIndex((dataclasses.replace(index.rows[0], **change), *index.rows[1:]))
    assert dataset_digest(changed) != dataset_digest(index)
