"""What a server keeps of its answers: numbers and words, in files of a bounded size, and never at an answer's cost."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
import pytest

from affekt.ensemble import Answer
from affekt.ensemble.records import put_records, read_records, read_table
from affekt.errors import AffektError
from affekt.media import PreparedClip
from affekt.serving.recorder import Recorder, recorder_of

NAMES = ("pitch", "loudness")
ANSWER = Answer("happy", {"happy": 0.75, "sad": 0.25}, {}, ("face", "voice"), 4, 2, ())


def clip(*, voice: bool = True) -> PreparedClip:
    boxes = np.full((4, 4), np.nan, np.float32)
    boxes[:2] = (10, 20, 30, 40)
    return PreparedClip(
        faces=np.zeros((4, 8, 8, 3), np.uint8),
        present=np.array([True, True, False, False]),
        boxes=boxes,
        times=np.arange(4, dtype=np.float32) / 25,
        functionals=np.array([120.0, 0.5], np.float32) if voice else np.zeros(2, np.float32),
        voice=voice,
        flags=() if voice else ("silent",),
        details={"seconds": 0.16, "sound_seconds": 0.16, "level": -26.0, "width": 160, "height": 80},
    )


def recorder(folder: Path, **changes) -> Recorder:
    return Recorder(NAMES, "0123456789abcdef", str(folder), 1 << 20, **changes)


def test_a_record_has_what_drift_is_told_by_and_nothing_else(tmp_path):
    kept = recorder(tmp_path)
    kept(clip(), ANSWER)
    kept(clip(voice=False), ANSWER)
    kept.close()
    found = read_records(str(tmp_path))
    assert set(found) == {
        "time", "model", "voice.pitch", "voice.loudness", "seconds", "sound_seconds", "level", "face_rate", "faces",
        "face_share", "face_pixels", "modalities", "flags", "probability.happy", "probability.sad",
    }  # fmt: skip
    first, second = found.to_dict("records")
    assert (first["voice.pitch"], first["level"], first["face_rate"], first["faces"]) == (120.0, -26.0, 0.5, 1.0)
    assert (first["face_pixels"], first["face_share"], first["modalities"]) == (40.0, 0.5, "face+voice")
    assert np.isnan(second["voice.pitch"])
    assert (second["modalities"], second["flags"], second["probability.happy"]) == ("face", "silent", 0.75)


def test_a_file_is_written_when_it_is_full_or_old(tmp_path):
    kept = recorder(tmp_path, rows=3, seconds=0.2)
    for _ in range(4):
        kept(clip(), ANSWER)
    ends = time.monotonic() + 20
    while len(list(tmp_path.glob("*.parquet"))) < 2 and time.monotonic() < ends:
        time.sleep(0.02)
    assert sorted(len(read_table(path)) for path in tmp_path.glob("*.parquet")) == [1, 3]
    kept.close()


def test_the_oldest_files_go_first_and_other_files_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    first = Path(put_records(str(tmp_path), [{"a": 1.0}], most_bytes=10**6))
    first = first.rename(first.with_name("20200101T000000-00000000.parquet"))
    second = Path(put_records(str(tmp_path), [{"a": 1.0}], most_bytes=first.stat().st_size + 1))
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", second.name}


def test_what_cannot_be_written_is_told_and_harms_no_answer(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    kept = recorder(tmp_path / "file")
    with caplog.at_level(logging.ERROR):
        kept(clip(), ANSWER)
        kept.close()
    assert "not recorded: 1 answer" in caplog.text


def test_nothing_is_kept_unless_it_is_asked_for():
    assert recorder_of(None, {}) is None


def test_a_wrong_size_is_refused():
    with pytest.raises(AffektError, match="expected a number of MiB"):
        recorder_of(None, {"AFFEKT_RECORDS": "records", "AFFEKT_RECORDS_MIB": "much"})
