"""The prepared store: clips appear whole, are moved into shards, are read one by one, and damage is noticed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import zipfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import DataError
from affekt.media import PreparedClip
from affekt.media.pictures import FacePictures
from affekt.media.prepared import WidePictures
from affekt.settings import MediaSettings
from affekt.store import entries as storing
from affekt.store.entries import Store, content_digest
from tests.store.same_clip import same_clip


@pytest.fixture
def media_file(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"not really a film")
    return path


def _files(store: Store) -> list[str]:
    """What the store keeps on this machine, but its locks."""
    return sorted(
        path.relative_to(store.folder).as_posix().rpartition("/")[0]
        for path in store.folder.rglob("*")
        if path.is_file() and "locks" not in path.parts
    )


def _other(clip: PreparedClip, number: int) -> PreparedClip:
    """Another clip, of another length."""
    cut = {name: getattr(clip, name)[: 1 + number % 5] for name in ("faces", "present", "boxes", "times")}
    sound = np.full((number, 3), number, np.float32)
    return replace(clip, **cut, functionals=clip.functionals + number, descriptors=sound, details={"number": number})


def test_what_is_put_is_got_while_it_waits_and_from_a_shard(
    tmp_path: Path, media_file: Path, clip: PreparedClip, settings: MediaSettings
) -> None:
    store = Store(tmp_path / "store", settings)
    key = store.key(media_file)
    assert not store.has(key)

    store.put(key, clip)
    assert _files(store) == ["waiting"] and same_clip(store.get(key), clip)
    store.pack()

    assert _files(store) == ["shards"] and same_clip(store.get(key), clip)
    assert same_clip(Store(tmp_path / "store", settings).get(key), clip)


def test_clips_of_a_shard_are_read_each_by_itself(tmp_path: Path, clip: PreparedClip, settings: MediaSettings) -> None:
    store = Store(tmp_path, settings)
    clips = {f"k{number}": _other(clip, number) for number in range(7)}
    for key, one in clips.items():
        store.put(key, one)
    store.put_failure("bad", "unreadable", "is no film")
    store.pack()

    for key in reversed(clips):
        assert same_clip(store.get(key), clips[key])
    with pytest.raises(DataError, match="is no film") as caught:
        store.get("bad")
    assert caught.value.code == "unreadable" and store.describe("bad")["failure"]["code"] == "unreadable"


def test_coded_pictures_are_kept_as_they_look(tmp_path: Path, clip: PreparedClip, settings: MediaSettings) -> None:
    pictures = FacePictures.of(lambda frame: clip.faces[frame], clip.present, clip.faces.shape[1], 90)
    store = Store(tmp_path, settings)
    store.put("ab", replace(clip, faces=pictures))
    store.pack()
    faces = store.get("ab").faces

    assert np.array_equal(np.asarray(faces), np.asarray(pictures))
    assert not np.array_equal(np.asarray(faces), clip.faces)
    assert not faces[2].any() and not faces.code(2)  # the frame without a face takes no room
    assert np.array_equal(faces[1:4], np.stack([faces[1], faces[2], faces[np.int64(3)]]))
    with pytest.raises(IndexError):
        faces[5]


def test_contours_of_many_clips_are_those_of_each(tmp_path: Path, clip: PreparedClip, settings: MediaSettings) -> None:
    store = Store(tmp_path, settings)
    for number in range(5):
        store.put(f"k{number}", clip if number == 3 else _heard(clip, number))
    store.pack(["k0", "k1", "k3"])
    contours = store.contours(["k4", "k3", "k0", "k4"])

    assert contours.shape == (4, 360) and np.isnan(contours[1]).all()
    for row, number in ((0, 4), (2, 0), (3, 4)):
        assert np.array_equal(contours[row], _heard(clip, number).contours)
        assert np.array_equal(contours[row], store.get(f"k{number}").contours)


def test_a_clip_that_another_process_packed_meanwhile_is_read_from_its_own_row(
    tmp_path: Path, clip: PreparedClip, settings: MediaSettings
) -> None:
    first, second = Store(tmp_path, settings), Store(tmp_path, settings)
    keys = [f"k{number}" for number in range(3)]
    for number, key in enumerate(keys):
        first.put(key, replace(_heard(clip, number), functionals=clip.functionals + number))
    assert first.has(keys[2]) and second.has(keys[2])
    first.functionals(keys)  # it has looked which shards there are
    second.functionals(keys)
    assert Store(tmp_path, settings).pack() == 3
    assert np.array_equal(first.functionals(keys[2:])[0][0], clip.functionals + 2)
    assert np.array_equal(second.contours(keys[2:])[0], _heard(clip, 2).contours)


def _heard(clip: PreparedClip, number: int) -> PreparedClip:
    """A clip of which is heard what no other number says."""
    return replace(clip, descriptors=np.random.default_rng(number).normal(size=(30, 25)).astype(np.float32))


def test_functionals_of_many_clips_are_read_alone(tmp_path: Path, clip: PreparedClip, settings: MediaSettings) -> None:
    store = Store(tmp_path, settings)
    for number in range(5):
        store.put(f"k{number}", replace(_other(clip, number), voice=number != 3))
    store.pack(["k0", "k1", "k3"])
    functionals, voice = store.functionals(["k4", "k3", "k0"])

    expected = [clip.functionals + 4, clip.functionals + 3, clip.functionals]
    assert np.array_equal(functionals, np.stack(expected)) and voice.tolist() == [True, False, True]
    with pytest.raises(DataError) as caught:
        store.functionals(["k0", "absent"])
    assert caught.value.code == "not_prepared"


def test_shards_are_full_by_their_number_of_clips_or_of_bytes(
    tmp_path: Path, clip: PreparedClip, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "SHARD_CLIPS", 3)
    few, small, large = (Store(tmp_path / name, settings) for name in ("few", "small", "large"))
    for store in (few, small, large):
        for number in range(7):
            store.put(f"k{number}", clip)
    (size,) = {large._file(f"k{number}").stat().st_size for number in range(7)}
    assert few.pack() == 7
    monkeypatch.setattr(storing, "SHARD_BYTES", 1)
    assert small.pack() == 7
    monkeypatch.setattr(storing, "SHARD_BYTES", 2 * size + 1)
    assert large.pack() == 7

    for store in (few, large):
        assert sorted(name.partition("-")[0] for name in store.shelf.names()) == ["1", "3", "3"]
    assert [name.partition("-")[0] for name in small.shelf.names()] == ["1"] * 7


def test_packing_writes_below_the_store_alone(
    tmp_path: Path, clip: PreparedClip, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store", settings)
    store.put("k0", clip)
    monkeypatch.chdir("/proc")  # where nobody can make a file
    assert store.pack() == 1


def test_equal_clips_make_equal_shards(tmp_path: Path, clip: PreparedClip, settings: MediaSettings) -> None:
    names = []
    for folder in ("one", "two"):
        store = Store(tmp_path / folder, settings)
        for number in (2, 1):
            store.put(f"k{number}", _other(clip, number))
        store.pack()
        names.append(store.shelf.names())

    assert names[0] == names[1]


def test_a_clip_without_pictures_can_be_kept(
    tmp_path: Path, media_file: Path, clip: PreparedClip, settings: MediaSettings
) -> None:
    store = Store(tmp_path / "store", settings)
    nothing = {name: getattr(clip, name)[:0] for name in ("faces", "present", "boxes", "times")}
    store.put("ab", replace(clip, **nothing))
    store.pack()

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


LIMITS = {
    "max_bytes": 1, "max_seconds": 7.0, "max_pixels": 1, "timeout_seconds": 7.0, "max_skipped": 0.9, "cache_gib": 1.0,
}  # fmt: skip
DECIDES = {
    "face_size": 33, "face_margin": 0.31, "face_side": "longer", "picture_quality": 0,
    "detect_every": 3, "detection_height": 121,
    "sample_rate": 8001, "functionals": "other", "one_level": False, "trim_silence": False,
    "wide_size": 81, "wide_margin": 0.31, "wide_frames": 7,
}  # fmt: skip
WEIGHTS = {"detector", "detector_model"}  # one needs the other: see the tests of weights


def test_each_setting_of_the_media_is_a_limit_or_decides() -> None:
    assert {field.name for field in fields(MediaSettings)} == LIMITS.keys() | DECIDES.keys() | WEIGHTS


@pytest.mark.parametrize("name", LIMITS)
def test_a_key_follows_no_limit(settings: MediaSettings, name: str) -> None:
    assert content_digest(replace(settings, **{name: LIMITS[name]})) == content_digest(settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", DECIDES)
def test_a_key_follows_each_setting_that_decides(settings: MediaSettings, name: str) -> None:
    settings = replace(settings, wide_size=80)
    assert getattr(settings, name) != DECIDES[name]
    assert content_digest(replace(settings, **{name: DECIDES[name]})) != content_digest(settings)  # type: ignore[arg-type]


def test_without_wider_pictures_a_key_follows_no_setting_of_them(settings: MediaSettings) -> None:
    none = replace(settings, wide_size=0)
    assert content_digest(none) == content_digest(replace(settings, wide_size=None))
    assert content_digest(none) == content_digest(replace(none, wide_margin=0.7, wide_frames=3))


def test_shards_have_columns_of_wider_pictures_only_where_clips_have_them(
    tmp_path: Path, clip: PreparedClip, settings: MediaSettings
) -> None:
    pictures = np.arange(2 * 6 * 6 * 3, dtype=np.uint8).reshape(2, 6, 6, 3)
    wide = replace(clip, wide=WidePictures(np.array([1, 3]), pictures))
    none = replace(clip, wide=WidePictures(np.array([], int), pictures[:0]))
    columns = {}
    for name, clips in {"without": [clip, clip], "with": [none, wide, none, wide]}.items():
        store = Store(tmp_path / name, settings)
        for number, each in enumerate(clips):
            store.put(f"k{number}", each)
        store.pack()
        (shard,) = store.shelf.names()
        with zipfile.ZipFile(store.folder / "shards" / shard) as archive:
            columns[name] = set(archive.namelist())
        assert all(same_clip(store.get(f"k{number}"), each) for number, each in enumerate(clips))

    assert columns["with"] - columns["without"] == {"wide.npy", "wide_frames.npy", "wide_bytes.npy"}


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


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_shard_is_named_put_away_and_made_again(
    tmp_path: Path,
    clip: PreparedClip,
    settings: MediaSettings,
    damage: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Store(tmp_path, settings)
    store.put("ab", clip)
    store.pack()
    (name,) = store.shelf.names()
    shard = store.folder / "shards" / name
    content = bytearray(shard.read_bytes())
    content[200] ^= 1  # within a picture
    shard.write_bytes(content[:-9] if damage == "cut" else content)

    again = Store(tmp_path, settings)
    again.verify()

    assert not again.check("ab") and name in caplog.text
    again.put("ab", clip)
    again.pack()
    again.verify()
    assert same_clip(again.get("ab"), clip)


def test_what_waits_and_is_damaged_is_made_again(tmp_path: Path, clip: PreparedClip, settings: MediaSettings) -> None:
    store = Store(tmp_path, settings)
    for key, size in (("cut", -9), ("ab", None)):
        store.put(key, clip)
        waiting = store.folder / "waiting" / f"{key}.npz"
        waiting.write_bytes(waiting.read_bytes()[:size])

    assert store.check("ab") and not store.check("cut")
    store.pack()
    assert store.check("ab") and not store.has("cut")


def test_columns_that_are_damaged_are_an_error(tmp_path: Path, clip: PreparedClip, settings: MediaSettings) -> None:
    store = Store(tmp_path, settings)
    store.put("ab", clip)
    store.pack()
    shard = store.folder / "shards" / store.shelf.names()[0]
    shard.write_bytes(shard.read_bytes().replace(b'"black_frames"', b'"white_frames"'))

    with pytest.raises(DataError) as caught:
        Store(tmp_path, settings).get("ab")
    assert caught.value.code == "damaged"


def test_a_store_of_an_older_form_is_told_apart(
    tmp_path: Path, settings: MediaSettings, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "entries").mkdir()
    Store(tmp_path, settings)

    assert "older form" in caplog.text


def test_an_absent_entry_is_said_to_be_absent(tmp_path: Path, settings: MediaSettings) -> None:
    with pytest.raises(DataError) as caught:
        Store(tmp_path, settings).get("ab")

    assert caught.value.code == "not_prepared"


def test_processes_that_write_the_same_clips_at_once_leave_each_once(tmp_path: Path, settings: MediaSettings) -> None:
    code = f"""
import numpy as np
from affekt.media import PreparedClip
from affekt.media.pictures import FacePictures
from affekt.media.prepared import WidePictures
from affekt.store.entries import Store
from affekt.settings import MediaSettings
store = Store({str(tmp_path)!r}, {settings!r})
faces = np.full((40, 64, 64, 3), 7, np.uint8)
clip = PreparedClip(faces, np.ones(40, bool), np.zeros((40, 4), np.float32), np.zeros(40, np.float32),
                    np.zeros(88, np.float32), True)
for number in range(30):
    store.put(f"k{{number}}", clip)
    if number % 7 == 6:
        store.pack()
store.pack()
"""
    writers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]

    assert [writer.wait() for writer in writers] == [0, 0, 0]
    store = Store(tmp_path, settings)
    store.verify()
    assert all(len(store.get(f"k{number}").faces) == 40 for number in range(30))
    assert set(_files(store)) == {"shards"}


def test_many_shards_need_few_file_descriptors(
    tmp_path: Path, clip: PreparedClip, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "SHARD_CLIPS", 1)
    store = Store(tmp_path, settings)
    for number in range(60):
        store.put(f"k{number}", clip)
    store.pack()
    opened = len(list(Path("/proc/self/fd").iterdir()))
    clips = [store.get(f"k{number}") for number in range(60)]

    assert all(np.array_equal(one.faces[1], clip.faces[1]) for one in clips)
    assert len(list(Path("/proc/self/fd").iterdir())) == opened


def test_a_shard_that_has_no_room_names_the_folder(
    tmp_path: Path, clip: PreparedClip, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store", settings)
    store.put("k1", clip)

    def full(path: Path, entries: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("affekt.store.entries.write_shard", full)
    with pytest.raises(OSError, match="store"):
        store.pack()
