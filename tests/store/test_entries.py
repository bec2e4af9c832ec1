"""An entry of the prepared store: its key, what is kept of it, and who may make it."""

from __future__ import annotations

import fcntl
import hashlib
from dataclasses import asdict, field, fields, make_dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import DataError
from affekt.extensions import detector_spec
from affekt.media import PreparedClip
from affekt.settings import MediaSettings
from affekt.store import entries as storing
from affekt.store.entries import Store, content_digest


@pytest.fixture
def clip() -> PreparedClip:
    """Two frames, of which one has a face, and a voice."""
    return PreparedClip(
        faces=np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3),
        present=np.array([True, False]),
        boxes=np.ones((2, 4), np.float32),
        times=np.array([0.0, 0.04], np.float32),
        functionals=np.arange(88, dtype=np.float32),
        voice=True,
        flags=("short_sound", "black_frames"),
        details={"seconds": 0.1},
        descriptors=np.arange(50, dtype=np.float32).reshape(2, 25),
    )


@pytest.fixture
def store(tmp_path: Path, settings: MediaSettings) -> Store:
    return Store(tmp_path / "store", settings)


def test_a_key_is_the_files_digest_the_settings_digest_and_the_version(store: Store, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"a film")
    digest = content_digest(store.settings)
    assert len(digest) == 16 and int(digest, 16) >= 0
    content = hashlib.sha256(b"a film").hexdigest()[:32]
    assert store.key(tmp_path / "clip.mp4") == f"{content}-{digest}-{storing.VERSION}"


def test_each_later_version_of_a_detector_has_keys_of_its_own(
    settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = detector_spec(settings.detector)
    digests = []
    for version in (0, 1, 2, 3):
        monkeypatch.setattr(storing, "detector_spec", lambda name, version=version: replace(spec, version=version))
        digests.append(content_digest(settings))
    assert digests[0] == digests[1]  # the first version is not named, so that the oldest entries are found
    assert len(set(digests)) == 3
    monkeypatch.setattr(storing, "detector_spec", lambda name: spec)
    assert content_digest(replace(settings, detector=f"{settings.detector} 2")) == digests[2]  # as entries are named


def test_the_order_in_which_settings_are_declared_does_not_matter(settings: MediaSettings) -> None:
    backwards = make_dataclass("Backwards", [(item.name, item.type, field()) for item in fields(settings)][::-1])
    assert content_digest(backwards(**asdict(settings))) == content_digest(settings)


def test_all_that_was_prepared_comes_back(store: Store, clip: PreparedClip) -> None:
    store.put("abcd", clip)
    back = store.get("abcd")
    for name in ("faces", "present", "boxes", "times", "functionals", "descriptors"):
        np.testing.assert_array_equal(getattr(back, name), getattr(clip, name), strict=True)


def test_an_entry_tells_what_is_in_it(store: Store, clip: PreparedClip) -> None:
    store.put("abcd", clip)
    for _ in range(2):  # while it waits, and in a shard
        assert store.describe("abcd") == {
            "key": "abcd", "frames": 2, "frames_with_face": 1, "voice": True, "flags": ["short_sound", "black_frames"],
            "details": {"seconds": 0.1}, "side": 4, "coding": "raw", "descriptors": [2, 25],
        }  # fmt: skip
        store.pack()


def test_pictures_of_another_memory_order_are_kept_as_they_look(store: Store, clip: PreparedClip) -> None:
    store.put("abcd", replace(clip, faces=clip.faces[:, ::-1, ::-1]))
    back = np.asarray(store.get("abcd").faces)
    np.testing.assert_array_equal(back, clip.faces[:, ::-1, ::-1])


def test_what_cannot_be_prepared_is_kept_with_its_reason(store: Store) -> None:
    assert not store.has("abcd")
    store.put_failure("abcd", "unreadable", "no film at all")
    assert store.has("abcd") and store.check("abcd")
    with pytest.raises(DataError, match="no film at all") as caught:
        store.get("abcd")
    assert (caught.value.code, caught.value.where) == ("unreadable", "abcd")
    assert store.describe("abcd") == {"key": "abcd", "failure": {"code": "unreadable", "reason": "no film at all"}}


def test_who_prepares_an_entry_holds_it_until_it_is_made(store: Store) -> None:
    lock = store.folder / "locks" / "abcd"
    with store.preparing("abcd"), lock.open("wb") as second, pytest.raises(BlockingIOError):
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not lock.exists()
    with store.preparing("abcd"), store.preparing("efgh"):  # another entry is not waited for
        lock.unlink()  # and a lock that somebody took away stops nobody


def test_folders_of_a_local_store_are_its_own_and_of_a_remote_one_a_cache(
    tmp_path: Path, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    local, remote = Store(str(tmp_path / "a"), settings), Store("s3://clips/prepared", settings)
    assert (local.remote, local.folder.parent, local.root) == (False, tmp_path / "a", str(tmp_path / "a"))
    name = hashlib.sha256(b"s3://clips/prepared").hexdigest()[:16]
    assert (remote.remote, remote.folder.parent) == (True, tmp_path / "home" / "cache" / "prepared" / name)
