"""Contents are told without reading or fetching what was looked at before."""

from __future__ import annotations

import os

from affekt import storage
from affekt.storage import file_digest, s3
from affekt.store.contents import contents
from affekt.store.entries import content_name
from affekt.store.origins import Origins


def test_a_file_is_told_by_its_bytes_and_remembered(tmp_path):
    path, root = tmp_path / "a.mp4", tmp_path / "store"
    path.write_bytes(b"first")
    expected = content_name(file_digest(path))
    assert contents([str(path)], root) == {str(path): expected}
    assert contents([str(path)], root) == {str(path): expected}
    assert len(list((root / "origins").iterdir())) == 1
    (state,) = Origins(str(root)).known
    assert state.startswith("file-") and len(state) == 5 + 32  # as the notes of earlier versions have it


def test_a_file_that_was_replaced_is_read_again_though_size_and_time_are_the_same(tmp_path):
    path, root = tmp_path / "a.mp4", tmp_path / "store"
    path.write_bytes(b"first")
    before = path.stat()
    contents([str(path)], root)
    path.write_bytes(b"other")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert contents([str(path)], root)[str(path)] == content_name(file_digest(path))


def test_a_file_that_is_not_there_has_none(tmp_path):
    assert contents([str(tmp_path / "gone.mp4")], tmp_path / "store") == {str(tmp_path / "gone.mp4"): ""}


def test_an_object_is_known_by_its_listing_once_it_was_fetched(bucket, tmp_path):
    uri, root = f"s3://{bucket}/clips/a.mp4", tmp_path / "store"
    storage.write_bytes(uri, b"first")
    assert contents([uri], root) == {uri: ""}
    Origins(str(root)).learn({storage.versions([uri])[uri]: "f" * 64})
    fetched: list[str] = []
    s3.client().meta.events.register("before-call.s3.GetObject", lambda **given: fetched.append(str(given["params"])))
    assert contents([uri], root) == {uri: "f" * 32}
    assert fetched == []
    storage.read_bytes(uri)
    assert len(fetched) == 1
    storage.write_bytes(uri, b"other")
    assert contents([uri], root) == {uri: ""}
