"""A table that a server's answers make is that of the loaded model."""

from __future__ import annotations

import pandas as pd
import pytest

from affekt.ensemble import Ensemble
from affekt.errors import AffektError
from affekt.pipelines.cli import run
from affekt.scoring import ByServer, score_files
from affekt.scoring.by_ensemble import ByEnsemble


def test_answers_among_named_labels_are_so_by_model_and_by_server_and_say_it(
    door, clip, no_clip, tiny_ensemble, tmp_path
):
    (tmp_path / "empty.mp4").touch()
    files = [str(clip), str(no_clip), str(tmp_path / "empty.mp4"), str(tmp_path / "none.mp4")]
    known = ["sad", "happy"]
    score_files(files, str(tmp_path / "model.parquet"), ByEnsemble(Ensemble.load(tiny_ensemble), labels=known))
    command = ["score", *files, "--out", str(tmp_path / "server.parquet"), "--url", door.base, "--labels", "sad,happy"]
    assert run(command) == 0
    table = pd.read_parquet(tmp_path / "model.parquet")
    assert list(table["known_labels"].fillna("")) == ["happy+sad", "", "", ""]
    assert list(table["error_code"].fillna("")) == ["", "unreadable", "empty", "missing"]
    assert table["label"][0] in known
    assert table["probability.happy"][0] + table["probability.sad"][0] == pytest.approx(1)
    server = pd.read_parquet(tmp_path / "server.parquet")
    unlike = ["model"]  # a server tells its model with answers alone
    pd.testing.assert_frame_equal(table.drop(columns=unlike), server.drop(columns=unlike))


def test_a_label_that_no_model_knows_ends_a_scoring_before_its_first_row(door, clip, tmp_path):
    with pytest.raises(AffektError, match="did you mean happy") as caught:
        score_files([str(clip)], str(tmp_path / "s.csv"), ByServer(door.url, labels=["hapy"]))
    assert caught.value.code == "unknown_label"
    assert list(tmp_path.iterdir()) == []
