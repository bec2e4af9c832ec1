"""Contents of objects in S3 by their version, as the store notes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from affekt.errors import DataError
from affekt.store.origins import Origins


def test_what_was_learned_is_known_to_all_later(tmp_path: Path) -> None:
    first = Origins(str(tmp_path))
    assert first.known == {}
    first.learn({"etag-1": "aa", "etag-2": "bb"})
    assert first.known == {"etag-1": "aa", "etag-2": "bb"}
    second = Origins(str(tmp_path))
    second.learn({"etag-2": "bb", "etag-3": "cc"})
    assert Origins(str(tmp_path)).known == {"etag-1": "aa", "etag-2": "bb", "etag-3": "cc"}
    written = [json.loads(path.read_bytes()) for path in (tmp_path / "origins").iterdir()]
    assert sorted(written, key=len) == [{"etag-3": "cc"}, {"etag-1": "aa", "etag-2": "bb"}]  # each once


def test_nothing_new_writes_nothing(tmp_path: Path) -> None:
    Origins(str(tmp_path)).learn({})
    assert not (tmp_path / "origins").exists()
    Origins(str(tmp_path)).learn({"etag": "aa"})
    (before,) = (tmp_path / "origins").iterdir()
    Origins(str(tmp_path)).learn({"etag": "aa"})
    assert list((tmp_path / "origins").iterdir()) == [before]


def test_the_same_findings_make_the_same_file(tmp_path: Path) -> None:
    Origins(str(tmp_path / "a")).learn({"1": "aa", "2": "bb"})
    Origins(str(tmp_path / "b")).learn({"2": "bb", "1": "aa"})
    (one,), (other,) = ((tmp_path / name / "origins").iterdir() for name in "ab")
    assert one.name == other.name and one.read_bytes() == other.read_bytes()
    assert len(one.stem) == 16 and one.suffix == ".json"


def test_other_files_beside_the_notes_are_left_alone(tmp_path: Path) -> None:
    Origins(str(tmp_path)).learn({"etag": "aa"})
    (tmp_path / "origins" / "README").write_text("not for machines")
    assert Origins(str(tmp_path)).known == {"etag": "aa"}


def test_notes_that_cannot_be_reached_are_an_error_and_not_none(bucket: str) -> None:
    assert Origins(f"s3://{bucket}/prepared").known == {}
    with pytest.raises(DataError) as caught:
        _ = Origins("s3://no-such-bucket-at-all/prepared").known
    assert caught.value.code != "missing_file"
