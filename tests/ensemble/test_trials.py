"""The clips that an ensemble carries: with its answers, named in its manifest, in its archive as well."""

from __future__ import annotations

import json
import shutil

import pytest

from affekt.ensemble import Ensemble
from affekt.ensemble.carried import trials_in
from affekt.ensemble.manifest import read_manifest
from affekt.ensemble.trials import add_trials
from affekt.errors import DataError
from affekt.serving.archive import build_archive
from affekt.serving.rollout import carried_trials


@pytest.fixture
def carrying(tiny_ensemble, sample_clips, tmp_path):
    """A copy of the tiny ensemble with a clip and a file that is none."""
    folder = tmp_path / "ensemble"
    shutil.copytree(tiny_ensemble, folder)
    (tmp_path / "none.mp4").write_bytes(b"this is no clip")
    add_trials(folder, [sorted(sample_clips.rglob("*.mp4"))[0], tmp_path / "none.mp4"])
    return folder


def test_an_ensemble_carries_clips_with_its_own_answers(carrying, tiny_ensemble):
    clip, none = trials_in(carrying)
    loaded = Ensemble.load(carrying)
    assert json.loads(json.dumps(loaded.predict_file(clip.clip).to_dict())) == clip.expected
    assert none.expected == {"error": "unreadable"}
    assert loaded.digest != Ensemble.load(tiny_ensemble, later=True).digest
    assert trials_in(tiny_ensemble) == []


def test_its_archive_carries_them_too(carrying, tmp_path):
    archive = build_archive(carrying, tmp_path / "store")
    names = [trial["clip"].rpartition("/")[2] for trial in carried_trials(archive / "ensemble")]
    assert names == [each.clip.name for each in trials_in(carrying)]


def test_a_clip_that_was_changed_is_refused_and_one_that_the_manifest_does_not_name_is_none(carrying):
    clip, _ = trials_in(carrying)
    expected = carrying / "trials" / "expected.json"
    said = json.loads(expected.read_text())
    manifest = read_manifest(carrying)
    clip.clip.write_bytes(b"changed")
    with pytest.raises(DataError, match="does not match its digest"):
        trials_in(carrying)
    del manifest["files"][f"trials/{clip.clip.name}"]
    assert list(said) == [clip.clip.name, "none.mp4"]
    (carrying / "ensemble.json").write_text(json.dumps(manifest))
    assert [each.clip.name for each in trials_in(carrying)] == ["none.mp4"]
