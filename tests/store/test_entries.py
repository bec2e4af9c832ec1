"""An entry of the prepared store: its key, what lies in its folder, and each way in which it can be wrong."""

from __future__ import annotations

import fcntl
import hashlib
import json
from dataclasses import asdict, field, fields, make_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affekt.errors import DataError
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


def folder_of(store: Store, key: str) -> Path:
    return Path(store.root) / "entries" / key[:2] / key


def test_a_key_is_the_files_digest_the_settings_digest_and_the_version(store: Store, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"a film")
    digest = content_digest(store.settings)
    assert len(digest) == 16 and int(digest, 16) >= 0
    content = hashlib.sha256(b"a film").hexdigest()[:32]
    assert store.key(tmp_path / "clip.mp4") == f"{content}-{digest}-{storing.VERSION}"


def test_the_order_in_which_settings_are_declared_does_not_matter(settings: MediaSettings) -> None:
    backwards = make_dataclass("Backwards", [(item.name, item.type, field()) for item in fields(settings)][::-1])
    assert content_digest(backwards(**asdict(settings))) == content_digest(settings)


def test_all_that_was_prepared_comes_back(store: Store, clip: PreparedClip) -> None:
    store.put("abcd", clip)
    back = store.get("abcd")
    for name in ("faces", "present", "boxes", "times", "functionals", "descriptors"):
        np.testing.assert_array_equal(getattr(back, name), getattr(clip, name), strict=True)


def test_an_entry_tells_what_is_in_it_and_the_digests_of_its_files(store: Store, clip: PreparedClip) -> None:
    store.put("abcd", clip)
    folder = folder_of(store, "abcd")
    assert {path.name for path in folder.iterdir()} == {"faces.npy", "arrays.npz", "entry.json"}
    entry = store.describe("abcd")
    assert entry == json.loads((folder / "entry.json").read_text())
    files = entry.pop("files")
    assert entry == {
        "key": "abcd", "version": storing.VERSION, "frames": 2, "frames_with_face": 1, "voice": True,
        "flags": ["short_sound", "black_frames"], "details": {"seconds": 0.1},
    }  # fmt: skip
    for name in ("faces.npy", "arrays.npz"):
        content = (folder / name).read_bytes()
        assert files[name] == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert len(files) == 2


def test_two_stores_hold_the_same_bytes(tmp_path: Path, settings: MediaSettings, clip: PreparedClip) -> None:
    contents = []
    for name in ("one", "two"):
        store = Store(tmp_path / name, settings)
        store.put("abcd", replace(clip, details=dict(sorted({"b": 1, "a": 2}.items(), reverse=name == "one"))))
        contents.append({path.name: path.read_bytes() for path in folder_of(store, "abcd").iterdir()})
    assert contents[0] == contents[1]


def test_pictures_of_another_memory_order_are_kept_as_they_look(store: Store, clip: PreparedClip) -> None:
    store.put("abcd", replace(clip, faces=clip.faces[:, ::-1, ::-1]))
    back = store.get("abcd").faces
    assert back.flags.c_contiguous
    np.testing.assert_array_equal(back, clip.faces[:, ::-1, ::-1])


def test_what_cannot_be_prepared_is_kept_with_its_reason(store: Store) -> None:
    assert not store.has("abcd")
    store.put_failure("abcd", "unreadable", "no film at all")
    assert store.has("abcd") and store.check("abcd")
    with pytest.raises(DataError, match="no film at all") as caught:
        store.get("abcd")
    assert (caught.value.code, caught.value.where) == ("unreadable", str(folder_of(store, "abcd")))
    assert store.describe("abcd") == {
        "key": "abcd", "version": storing.VERSION, "files": {},
        "failure": {"code": "unreadable", "reason": "no film at all"},
    }  # fmt: skip


def lose(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_text("{}")


def other(path: Path) -> None:
    path.write_text("[]")


@pytest.mark.parametrize(
    ("name", "harm", "code", "says"),
    [
        ("faces.npy", lose, "damaged", "faces.npy or arrays.npz is missing; prepare the clips again"),
        ("arrays.npz", lose, "damaged", "faces.npy or arrays.npz is missing"),
        ("entry.json", lose, "not_prepared", "is not there; prepare the clips again"),
        ("faces.npy", cut, "damaged", "faces.npy has 223 bytes instead of 224"),
        ("arrays.npz", flip, "damaged", "arrays.npz is not what was written"),
        ("entry.json", cut, "damaged", "entry.json cannot be read"),
        ("entry.json", empty, "damaged", "entry.json cannot be read"),
        ("entry.json", other, "damaged", "entry.json cannot be read"),
    ],
)
def test_each_damage_is_named_and_mended_by_writing_again(
    store: Store, clip: PreparedClip, name: str, harm: Any, code: str, says: str
) -> None:
    store.put("abcd", clip)
    harm(folder_of(store, "abcd") / name)
    assert not store.has("abcd") and not store.check("abcd")
    with pytest.raises(DataError, match=says) as caught:
        store.get("abcd")
    assert (caught.value.code, caught.value.where) == (code, str(folder_of(store, "abcd")))
    store.put("abcd", clip)
    assert store.check("abcd")
    np.testing.assert_array_equal(store.get("abcd").faces, clip.faces)
    assert not list((Path(store.root) / "tmp").iterdir())  # nothing is left of either


def test_pictures_are_compared_byte_by_byte_in_a_check_alone(store: Store, clip: PreparedClip) -> None:
    store.put("abcd", clip)
    flip(folder_of(store, "abcd") / "faces.npy")
    assert store.has("abcd") and not store.check("abcd")


def test_an_intact_entry_is_left_as_it_is(store: Store, clip: PreparedClip) -> None:
    store.put("abcd", clip)
    before = (folder_of(store, "abcd") / "entry.json").stat().st_ino
    store.put("abcd", replace(clip, voice=False))
    assert (folder_of(store, "abcd") / "entry.json").stat().st_ino == before
    assert store.get("abcd").voice
    assert not list((Path(store.root) / "tmp").iterdir())


def test_who_prepares_an_entry_holds_it_until_it_is_made(store: Store) -> None:
    lock = Path(store.root) / "locks" / "abcd"
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
    assert (local.remote, local.folder, local.root) == (False, tmp_path / "a", str(tmp_path / "a"))
    name = hashlib.sha256(b"s3://clips/prepared").hexdigest()[:16]
    assert (remote.remote, remote.folder) == (True, tmp_path / "home" / "cache" / "prepared" / name)
