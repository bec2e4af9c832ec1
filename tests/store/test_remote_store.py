"""A prepared store in S3: a shard is one object, nothing is fetched in vain, and copies keep within their room."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from affekt.dataset import Clip, table_of
from affekt.errors import DataError
from affekt.media import PreparedClip
from affekt.media.contours import contours_of
from affekt.settings import MediaSettings
from affekt.storage import s3
from affekt.store.entries import Store
from affekt.store.preparing import prepare_clips
from tests.store.same_clip import same_clip


def _kept(root: str, settings: MediaSettings, clip: PreparedClip, shards: int, of: int) -> None:
    """So many shards in a remote store, each of so many clips."""
    store = Store(root, settings)
    for shard in range(shards):
        keys = [f"k{shard}-{number}" for number in range(of)]
        for key in keys:
            store.put(key, clip)
        store.pack(keys)


@dataclass(frozen=True)
class Request:
    """What was asked of S3, and how many bytes came back."""

    operation: str
    url: str
    bytes: int


@pytest.fixture
def requests_of(bucket: str) -> list[Request]:
    """All that is asked of S3 from here on."""
    seen: list[Request] = []

    def note(model: Any, http_response: Any, **_: Any) -> None:
        seen.append(Request(model.name, http_response.url, int(http_response.headers.get("Content-Length", 0))))

    s3.client().meta.events.register("after-call.s3", note)
    return seen


def test_a_remote_store_is_shared_through_the_bucket(
    bucket: str, tmp_path: Path, clip: PreparedClip, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = f"s3://{bucket}/prepared"
    _kept(root, settings, clip, 1, 2)
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "another"))
    store = Store(root, settings)

    assert same_clip(store.get("k0-1"), clip)
    assert not store.has("cd")


def test_a_shard_is_one_object_and_is_fetched_once(
    bucket: str, tmp_path: Path, clip: PreparedClip, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch,
    requests_of: list[Request],
) -> None:  # fmt: skip
    root = f"s3://{bucket}/prepared"
    _kept(root, settings, clip, 1, 40)
    objects = boto3.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert len(objects) == 1
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "another"))
    store = Store(root, settings)
    requests_of.clear()
    for number in range(40):
        assert same_clip(store.get(f"k0-{number}"), clip)

    assert len([one for one in requests_of if one.operation == "GetObject"]) <= 2  # the keys, and the shard


def test_what_a_shard_holds_is_asked_once_on_a_machine(
    bucket: str, tmp_path: Path, clip: PreparedClip, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch,
    requests_of: list[Request],
) -> None:  # fmt: skip
    root = f"s3://{bucket}/prepared"
    _kept(root, settings, clip, 5, 2)
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "another"))
    fetched = []
    for _ in range(2):
        requests_of.clear()
        assert all((store := Store(root, settings)).has(f"k{shard}-1") for shard in range(5))
        fetched.append(len([one for one in requests_of if one.operation == "GetObject"]))

    assert fetched == [5, 0]
    assert len(list((store.folder / "keys").iterdir())) == 5


def test_functionals_are_fetched_without_pictures(
    bucket: str, tmp_path: Path, clip: PreparedClip, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch,
    requests_of: list[Request],
) -> None:  # fmt: skip
    root = f"s3://{bucket}/prepared"
    large = replace(clip, faces=np.zeros((5, 64, 64, 3), np.uint8))
    _kept(root, settings, large, 1, 256)
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "another"))
    store = Store(root, settings)
    requests_of.clear()
    functionals, voice = store.functionals([f"k0-{number}" for number in range(256)])

    assert np.array_equal(functionals, np.tile(clip.functionals, (256, 1))) and voice.all()
    assert sum(one.bytes for one in requests_of if one.operation == "GetObject") <= 256 * 1024


def test_contours_are_fetched_without_pictures(
    bucket: str, tmp_path: Path, clip: PreparedClip, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch,
    requests_of: list[Request],
) -> None:  # fmt: skip
    root = f"s3://{bucket}/prepared"
    sound = np.random.default_rng(0).normal(size=(40, 25)).astype(np.float32)
    large = replace(clip, faces=np.zeros((5, 64, 64, 3), np.uint8), descriptors=sound)
    _kept(root, settings, large, 1, 256)
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "another"))
    store = Store(root, settings)
    requests_of.clear()
    contours = store.contours([f"k0-{number}" for number in range(256)])

    assert np.array_equal(contours, np.tile(contours_of(sound), (256, 1)))
    fetched = [one.bytes for one in requests_of if one.operation == "GetObject"]
    assert len(fetched) <= 2 and sum(fetched) <= 256 * 1024 * 2  # the directory with the keys, and the column


def test_copies_of_shards_take_no_more_room_than_they_may(
    bucket: str, tmp_path: Path, clip: PreparedClip, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = f"s3://{bucket}/prepared"
    large = replace(clip, faces=np.full((5, 128, 128, 3), 9, np.uint8))
    _kept(root, settings, large, 4, 2)
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "another"))
    room = 1_200_000  # a shard has half a million bytes
    narrow = replace(settings, cache_gib=room / 2**30)
    for _ in range(2):  # in the second store others make room
        store = Store(root, narrow)
        for shard in (3, 2, 1, 0):
            assert all(same_clip(store.get(f"k{shard}-{number}"), large) for number in range(2))
        copies = [path.stat().st_size for path in (store.folder / "shards").iterdir()]
        assert len(copies) == 2 and sum(copies) <= room


def test_a_shard_that_was_damaged_in_the_bucket_is_named_and_removed(
    bucket: str, tmp_path: Path, clip: PreparedClip, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = f"s3://{bucket}/prepared"
    _kept(root, settings, clip, 1, 2)
    objects = boto3.client("s3")
    (found,) = objects.list_objects_v2(Bucket=bucket)["Contents"]
    content = bytearray(objects.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
    content[200] ^= 1
    objects.put_object(Bucket=bucket, Key=found["Key"], Body=bytes(content))
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "another"))

    with pytest.raises(DataError, match="again: 2") as caught:
        Store(root, settings).get("k0-0")
    assert caught.value.code == "damaged"
    assert not Store(root, settings).has("k0-0")


def test_clips_in_s3_that_were_prepared_before_are_not_fetched(
    bucket: str, tmp_path: Path, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch, speaking: tuple[Path, ...],
    requests_of: list[Request],
) -> None:  # fmt: skip
    for name in ("a", "b"):
        s3.send(speaking[0], f"s3://{bucket}/clips/{name}.mp4")
    (tmp_path / "bad").write_bytes(b"no film")
    s3.send(tmp_path / "bad", f"s3://{bucket}/clips/bad.mp4")
    table = table_of([Clip(name, f"s3://{bucket}/clips/{name}.mp4") for name in ("a", "b", "bad")])
    first = prepare_clips(table, Store(f"s3://{bucket}/prepared", settings), workers=1, progress=False)
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "another"))
    requests_of.clear()
    second = prepare_clips(table, Store(f"s3://{bucket}/prepared", settings), workers=1, progress=False)

    assert first.decoded == 2 and second.decoded == 0 and second == first
    assert not [one for one in requests_of if one.operation != "ListObjectsV2" and "/clips/" in one.url]
    assert [one for one in requests_of if one.operation == "GetObject"]
    s3.write(f"s3://{bucket}/clips/b.mp4", b"no film either")
    assert len(prepare_clips(table, Store(f"s3://{bucket}/prepared", settings), workers=1, progress=False)) == 1


def test_a_damaged_copy_is_fetched_again(bucket: str, clip: PreparedClip, settings: MediaSettings) -> None:
    root = f"s3://{bucket}/prepared"
    _kept(root, settings, clip, 1, 2)
    store = Store(root, settings)
    (copy,) = (store.folder / "shards").iterdir()
    copy.write_bytes(copy.read_bytes()[:-1])
    store.verify()

    assert store.check("k0-1") and same_clip(store.get("k0-1"), clip)
    assert [path.stat().st_size for path in (store.folder / "shards").iterdir()] == [copy.stat().st_size]
