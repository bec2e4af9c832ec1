"""An entry of the prepared store: its key, what is kept of it, and who may make it."""

from __future__ import annotations

import fcntl
import hashlib
import threading
from dataclasses import asdict, field, fields, make_dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import DataError
from affekt.extensions import detector_spec
from affekt.media import PreparedClip
from affekt.media.sound_code import Sound, encode
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
        sound=Sound(np.arange(500, dtype=np.int16)),
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


def test_a_detectors_weights_count_by_their_bytes_wherever_they_lie(settings: MediaSettings, tmp_path: Path) -> None:
    digests = []
    for name, content in (("a.onnx", b"one"), ("b.onnx", b"one"), ("c.onnx", b"another")):
        (tmp_path / name).write_bytes(content)
        digests.append(content_digest(replace(settings, detector_model=str(tmp_path / name))))
    assert digests[0] == digests[1] != digests[2] and content_digest(settings) not in digests
    with pytest.raises(DataError) as caught:
        content_digest(replace(settings, detector_model=str(tmp_path / "gone.onnx")))
    assert caught.value.code == "missing_weights"


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
            "sound": len(encode(clip.sound.samples)),
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


def test_what_moves_into_shards_is_counted_and_goes_once(store: Store, clip: PreparedClip) -> None:
    assert store.pack() == store.pack([]) == store.pack(["absent"]) == 0
    assert not store.folder.exists()  # nothing to do leaves nothing behind
    for key in ("c", "a", "b", "d"):
        store.put(key, clip)
    assert store.pack(["c", "absent", "a", "c"]) == 2
    (name,) = store.shelf.names()
    assert store.shelf.columns(name).keys == ["c", "a"]  # in the order that was asked for
    assert store.pack() == 2 and store.pack() == 0
    assert sorted(store.shelf.columns(name).keys for name in store.shelf.names()) == [["b", "d"], ["c", "a"]]
    assert all(store.has(key) and store.check(key) for key in "abcd") and not store.check("e")


def test_a_clip_that_is_in_a_shard_already_waits_no_longer(store: Store, clip: PreparedClip, tmp_path: Path) -> None:
    store.put("a", clip)
    store.pack()
    other = Store(tmp_path / "store", store.settings)
    other.put("a", clip)
    other.put("b", clip)
    assert other.pack() == 1
    assert sorted(other.shelf.columns(name).keys for name in other.shelf.names()) == [["a"], ["b"]]
    assert not list((store.folder / "waiting").iterdir())


def test_what_a_killed_process_left_of_a_shard_is_removed(store: Store, clip: PreparedClip) -> None:
    left = store.folder / ".packing-dead"
    left.mkdir(parents=True)
    (left / "shard.npz").write_bytes(b"half")
    store.put("a", clip)
    (store.folder / "waiting" / ".part.npz").write_bytes(b"half")  # of a clip that is being written
    assert store.pack() == 1
    assert sorted(path.name for path in store.folder.iterdir()) == ["locks", "shards", "waiting"]


def test_a_damaged_clip_among_others_is_left_out_and_can_be_put_again(store: Store, clip: PreparedClip) -> None:
    for key in ("a", "b"):
        store.put(key, clip)
    (store.folder / "waiting" / "a.npz").write_bytes(b"no shard")
    store.pack()
    assert (store.has("a"), store.has("b")) == (False, True)
    store.put("c", clip)
    (store.folder / "waiting" / "c.npz").write_bytes(b"no shard")
    store.pack()
    assert not store.has("c") and len(store.shelf.names()) == 1  # and no empty shard is made
    store.put("a", clip)
    store.pack()
    assert store.check("a")


def test_shards_of_other_processes_are_found_when_a_clip_is_missed(
    store: Store, clip: PreparedClip, tmp_path: Path
) -> None:
    assert not store.has("a")
    other = Store(tmp_path / "store", store.settings)
    other.put("a", clip)
    other.pack()
    assert not store.has("a")  # it has looked already
    with store.preparing("a"):  # whoever holds the clip looks again
        assert store.has("a")
    other.put("b", clip)
    other.pack()
    np.testing.assert_array_equal(store.get("b").times, clip.times)


def test_a_shard_that_is_gone_is_forgotten_and_another_copy_of_its_clips_counts(
    store: Store, clip: PreparedClip, tmp_path: Path
) -> None:
    for key in ("a", "b"):
        store.put(key, clip)
    store.pack()
    (first,) = store.shelf.names()
    part = Store(tmp_path / "elsewhere", store.settings)
    part.put("a", clip)
    part.pack()
    (second,) = part.shelf.names()
    (part.folder / "shards" / second).replace(store.folder / "shards" / second)
    again = Store(tmp_path / "store", store.settings)
    assert again.has("a") and again.has("b")
    (store.folder / "shards" / first).write_bytes(b"damaged")
    again.verify()
    assert (again.has("a"), again.has("b")) == (True, False)
    np.testing.assert_array_equal(again.get("a").functionals, clip.functionals)


def test_a_shard_that_cannot_be_read_does_not_stop_the_others(
    store: Store, clip: PreparedClip, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.put("a", clip)
    store.pack()
    (store.folder / "shards" / "1-broken.npz").write_bytes(b"no shard")
    again = Store(tmp_path / "store", store.settings)
    assert again.has("a") and not again.has("b")
    assert "1-broken.npz" in caplog.text
    caplog.clear()
    with pytest.raises(DataError):
        again.get("b")  # looks again, and says it no second time
    assert not caplog.records


def test_errors_of_the_store_name_the_folder_and_the_clip(store: Store, clip: PreparedClip) -> None:
    store.put("a", clip)
    (store.folder / "waiting" / "a.npz").write_bytes(b"no shard")
    for key, code in (("a", "damaged"), ("b", "not_prepared")):
        with pytest.raises(DataError) as caught:
            store.get(key)
        assert (caught.value.code, caught.value.where) == (code, f"{store.folder}: {key}")


def test_a_clip_in_a_shard_counts_before_one_that_waits(store: Store, clip: PreparedClip, tmp_path: Path) -> None:
    store.put("a", clip)
    store.pack()
    Store(tmp_path / "store", store.settings).put("a", replace(clip, functionals=clip.functionals + 1))
    functionals, voice = store.functionals(["a", "a"])
    np.testing.assert_array_equal(functionals, [clip.functionals, clip.functionals], strict=True)
    assert (voice.dtype, voice.tolist()) == (np.dtype(bool), [True, True])
    np.testing.assert_array_equal(store.get("a").functionals, clip.functionals)


def test_only_one_process_packs_at_a_time(store: Store, clip: PreparedClip) -> None:
    store.put("a", clip)
    store.pack()
    lock = store.folder / "locks" / "pack"
    assert lock.exists()  # it stays: who waits for it and who comes later must wait for the same file
    with lock.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        store.put("b", clip)
        thread = threading.Thread(target=store.pack)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive() and len(store.shelf.names()) == 1
    thread.join()
    assert len(store.shelf.names()) == 2
