"""The prepared store: entries appear whole, are read without a copy, and damage is noticed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from affekt.errors import DataError
from affekt.media import PreparedClip
from affekt.settings import MediaSettings
from affekt.store import entries as storing
from affekt.store.entries import Store, content_digest


@pytest.fixture
def clip() -> PreparedClip:
    chance = np.random.default_rng(0)
    return PreparedClip(
        faces=chance.integers(0, 255, (5, 8, 8, 3), dtype=np.uint8),
        present=np.array([True, True, False, True, True]),
        boxes=chance.random((5, 4), dtype=np.float32),
        times=np.arange(5, dtype=np.float32) / 25,
        functionals=chance.random(88, dtype=np.float32),
        voice=True,
        flags=("black_frames",),
        details={"black_frames": 1, "seconds": 0.2},
    )


@pytest.fixture
def media_file(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"not really a film")
    return path


def _entry(store: Store, key: str) -> Path:
    return store.folder / "entries" / key[:2] / key


def test_what_is_put_is_got_and_the_faces_are_mapped_read_only(
    tmp_path: Path, media_file: Path, clip: PreparedClip, settings: MediaSettings
) -> None:
    store = Store(tmp_path / "store", settings)
    key = store.key(media_file)
    assert not store.has(key)

    store.put(key, clip)
    back = store.get(key)

    assert isinstance(back.faces, np.memmap) and not back.faces.flags.writeable
    for name in ("faces", "present", "boxes", "times", "functionals"):
        assert np.array_equal(getattr(back, name), getattr(clip, name))
    assert (back.voice, back.flags, back.details) == (clip.voice, clip.flags, clip.details)


def test_a_clip_without_pictures_can_be_kept(
    tmp_path: Path, media_file: Path, clip: PreparedClip, settings: MediaSettings
) -> None:
    store = Store(tmp_path / "store", settings)
    nothing = {name: getattr(clip, name)[:0] for name in ("faces", "present", "boxes", "times")}
    store.put("ab", replace(clip, **nothing))

    assert store.get("ab").faces.shape == (0, 8, 8, 3)


def test_the_key_follows_content_and_what_decides_it_and_no_limits(
    tmp_path: Path, media_file: Path, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Store(tmp_path, settings).key(media_file)
    copy = tmp_path / "copy.avi"
    copy.write_bytes(media_file.read_bytes())

    assert Store(tmp_path / "elsewhere", settings).key(copy) == key
    assert Store(tmp_path, replace(settings, max_seconds=7.0, max_skipped=0.9)).key(media_file) == key
    assert Store(tmp_path, replace(settings, face_margin=0.3)).key(media_file) != key
    media_file.write_bytes(b"something else")
    assert Store(tmp_path, settings).key(media_file) != key
    monkeypatch.setattr(storing, "VERSION", storing.VERSION + 1)
    assert Store(tmp_path, settings).key(copy) != key


LIMITS = {"max_bytes": 1, "max_seconds": 7.0, "max_pixels": 1, "timeout_seconds": 7.0, "max_skipped": 0.9}
DECIDES = {
    "face_size": 33, "face_margin": 0.31, "face_side": "longer", "detect_every": 3, "detection_height": 121,
    "sample_rate": 8001, "functionals": "other",
}  # fmt: skip
WEIGHTS = {"detector", "detector_model"}  # one needs the other: see the tests of weights


def test_each_setting_of_the_media_is_a_limit_or_decides() -> None:
    assert {field.name for field in fields(MediaSettings)} == LIMITS.keys() | DECIDES.keys() | WEIGHTS


@pytest.mark.parametrize("name", LIMITS)
def test_a_key_follows_no_limit(settings: MediaSettings, name: str) -> None:
    assert content_digest(replace(settings, **{name: LIMITS[name]})) == content_digest(settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", DECIDES)
def test_a_key_follows_each_setting_that_decides(settings: MediaSettings, name: str) -> None:
    assert getattr(settings, name) != DECIDES[name]
    assert content_digest(replace(settings, **{name: DECIDES[name]})) != content_digest(settings)  # type: ignore[arg-type]


def test_a_key_follows_the_detector(tmp_path: Path, settings: MediaSettings) -> None:
    (tmp_path / "weights").write_bytes(b"weights")
    other = replace(settings, detector="yunet", detector_model=str(tmp_path / "weights"))
    assert content_digest(other) != content_digest(replace(other, detector="haar")) != content_digest(settings)


def test_weights_count_by_their_bytes_and_not_by_their_place(
    tmp_path: Path, media_file: Path, settings: MediaSettings
) -> None:
    keys = []
    for name, content in (("a", b"weights"), ("b", b"weights"), ("c", b"others")):
        (tmp_path / name).write_bytes(content)
        yunet = replace(settings, detector="yunet", detector_model=str(tmp_path / name))
        keys.append(Store(tmp_path, yunet).key(media_file))

    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("name", ["faces.npy", "arrays.npz", "entry.json"])
def test_a_file_cut_short_is_noticed_at_once_and_replaced(
    tmp_path: Path, clip: PreparedClip, settings: MediaSettings, name: str
) -> None:
    store = Store(tmp_path, settings)
    store.put("ab", clip)
    damaged = _entry(store, "ab") / name
    damaged.write_bytes(damaged.read_bytes()[:-9])

    assert not store.has("ab")
    with pytest.raises(DataError) as caught:
        store.get("ab")
    assert caught.value.code == "damaged"
    store.put("ab", clip)
    assert store.check("ab")


def test_a_flipped_bit_is_found_by_a_check(tmp_path: Path, clip: PreparedClip, settings: MediaSettings) -> None:
    store = Store(tmp_path, settings)
    store.put("ab", clip)
    faces = _entry(store, "ab") / "faces.npy"
    content = bytearray(faces.read_bytes())
    content[-1] ^= 1
    faces.write_bytes(content)

    assert store.has("ab") and not store.check("ab")


def test_an_absent_entry_is_said_to_be_absent(tmp_path: Path, settings: MediaSettings) -> None:
    with pytest.raises(DataError) as caught:
        Store(tmp_path, settings).get("ab")

    assert caught.value.code == "not_prepared"


def test_processes_that_write_one_entry_at_once_leave_one_whole_entry(tmp_path: Path, settings: MediaSettings) -> None:
    code = f"""
import numpy as np
from affekt.media import PreparedClip
from affekt.store.entries import Store
from affekt.settings import MediaSettings
store = Store({str(tmp_path)!r}, {settings!r})
faces = np.full((40, 64, 64, 3), 7, np.uint8)
clip = PreparedClip(faces, np.ones(40, bool), np.zeros((40, 4), np.float32), np.zeros(40, np.float32),
                    np.zeros(88, np.float32), True)
for number in range(30):
    store.put(f"k{{number}}", clip)
"""
    writers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]

    assert [writer.wait() for writer in writers] == [0, 0, 0]
    store = Store(tmp_path, settings)
    assert all(store.check(f"k{number}") for number in range(30))
    assert not list((tmp_path / "tmp").iterdir())


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AFFEKT_HOME": str(tmp_path / "home"),
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="clips")
    yield "clips"
    server.stop()


def test_a_remote_store_is_shared_through_the_bucket(
    bucket: str, tmp_path: Path, clip: PreparedClip, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = f"s3://{bucket}/prepared"
    Store(root, settings).put("ab", clip)
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "another"))
    store = Store(root, settings)

    assert np.array_equal(store.get("ab").faces, clip.faces)
    assert not store.has("cd")


def test_an_entry_that_never_reached_the_bucket_is_sent_again(
    bucket: str, clip: PreparedClip, settings: MediaSettings
) -> None:
    store = Store(f"s3://{bucket}/prepared", settings)
    store.put("ab", clip)
    objects = boto3.client("s3")
    objects.delete_object(Bucket=bucket, Key="prepared/entries/ab/ab/entry.json")

    assert store.check("ab")
    assert objects.head_object(Bucket=bucket, Key="prepared/entries/ab/ab/entry.json")["ContentLength"] > 0


def test_a_remote_entry_lies_under_its_key_and_failures_are_shared_too(
    bucket: str, clip: PreparedClip, settings: MediaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(f"s3://{bucket}/prepared", settings)
    store.put("abcd", clip)
    store.put_failure("efgh", "unreadable", "no film at all")
    listed = boto3.client("s3").list_objects_v2(Bucket=bucket, Prefix="prepared/entries/ab/abcd/")["Contents"]
    assert {item["Key"].rpartition("/")[2] for item in listed} == {"faces.npy", "arrays.npz", "entry.json"}

    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "another"))
    other = Store(f"s3://{bucket}/prepared", settings)
    assert other.has("efgh") and other.check("abcd")
    with pytest.raises(DataError, match="no film at all"):
        other.get("efgh")


def test_a_damaged_copy_of_a_remote_entry_is_fetched_again(
    bucket: str, clip: PreparedClip, settings: MediaSettings
) -> None:
    store = Store(f"s3://{bucket}/prepared", settings)
    store.put("abcd", clip)
    (_entry(store, "abcd") / "faces.npy").unlink()
    assert store.has("abcd") and store.check("abcd")
    np.testing.assert_array_equal(store.get("abcd").faces, clip.faces)
