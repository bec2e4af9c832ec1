"""The form of a shard: a zip of plain arrays that NumPy alone can read, in an order that makes short reads do."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affekt.media import PreparedClip
from affekt.media.contours import contours_of
from affekt.media.pictures import FacePictures
from affekt.media.sound_code import Sound, decode
from affekt.store.shard import Entry, FileBytes, Shard, _File, write_shard


@pytest.fixture
def entries(clip: PreparedClip) -> list[Entry]:
    """A clip, a file that cannot be prepared, a clip of another length with sound, and one without anything."""
    cut = {name: getattr(clip, name)[:2] for name in ("faces", "present", "boxes", "times")}
    spoken = replace(clip, **cut, functionals=clip.functionals + 1, descriptors=np.ones((4, 25), np.float32))
    spoken = replace(spoken, sound=Sound(np.arange(960, dtype=np.int16)))
    none = {name: getattr(clip, name)[:0] for name in ("faces", "present", "boxes", "times")}
    silent = replace(clip, **none, functionals=np.zeros(88, np.float32), voice=False, flags=(), details={})
    return [
        Entry.of("first", clip), Entry.failed("bad", "unreadable", "is no film"),
        Entry.of("spoken", spoken), Entry.of("none", silent),
    ]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path, entries: list[Entry]) -> Path:
    write_shard(tmp_path / "shard.npz", entries)
    return tmp_path / "shard.npz"


def test_numpy_reads_a_shard_without_affekt(path: Path, clip: PreparedClip, entries: list[Entry]) -> None:
    with np.load(path, allow_pickle=False) as file:
        columns = dict(file)
    assert {name: (column.dtype.str, column.shape) for name, column in columns.items()} == {
        "pictures": ("|u1", (7 * 8 * 8 * 3,)), "descriptors": ("<f4", (4, 25)),
        "sound": ("|u1", (len(entries[2].sound),)), "boxes": ("<f4", (7, 4)),
        "times": ("<f4", (7,)), "present": ("|b1", (7,)), "picture_bytes": ("<i4", (7,)),
        "meta": ("|u1", columns["meta"].shape), "contours": ("<f4", (4, 360)), "voice": ("|b1", (4,)),
        "functionals": ("<f4", (4, 88)),
        "key": ("|S6", (4,)),
    }  # fmt: skip
    assert columns["pictures"].tobytes() == clip.faces[:].tobytes() + clip.faces[:2].tobytes()
    assert columns["picture_bytes"].tolist() == [8 * 8 * 3] * 7
    assert json.loads(columns["meta"].tobytes()) == [entry.meta for entry in entries]
    np.testing.assert_array_equal(decode(columns["sound"].tobytes()), np.arange(960))
    assert columns["key"].tolist() == [b"first", b"bad", b"spoken", b"none"]
    assert columns["voice"].tolist() == [True, False, True, False]
    np.testing.assert_array_equal(columns["functionals"][:3], [clip.functionals, [0] * 88, clip.functionals + 1])
    assert np.isnan(columns["contours"]).all(axis=1).tolist() == [True, True, False, True]
    np.testing.assert_array_equal(columns["contours"][2], contours_of(np.ones((4, 25))))
    np.testing.assert_array_equal(columns["boxes"], np.concatenate([clip.boxes, clip.boxes[:2]]))
    np.testing.assert_array_equal(columns["times"], np.concatenate([clip.times, clip.times[:2]]))
    np.testing.assert_array_equal(columns["present"], np.concatenate([clip.present, clip.present[:2]]))


def test_nothing_in_a_shard_tells_when_it_was_written_and_what_is_asked_of_all_clips_is_last(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}
    assert {member.compress_type for member in members} == {zipfile.ZIP_STORED}
    names = [member.filename.removesuffix(".npy") for member in members]
    assert names[0] == "pictures" and names[-5:] == ["meta", "contours", "voice", "functionals", "key"]
    text = np.load(path)["meta"].tobytes().decode()
    assert text == json.dumps(json.loads(text), sort_keys=True)


def test_the_entries_of_a_shard_make_the_same_shard_again(path: Path, tmp_path: Path, entries: list[Entry]) -> None:
    shard = Shard(FileBytes(path))
    write_shard(tmp_path / "again.npz", [shard.entry(row) for row in range(4)])
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()
    assert shard.keys == ["first", "bad", "spoken", "none"] and shard.meta == [entry.meta for entry in entries]
    assert shard.entry(1).meta["failure"] == {"code": "unreadable", "reason": "is no film"}
    assert (shard.entry(1).arrays, list(shard.entry(1).codes)) == ({}, [])


def test_each_clip_is_read_from_its_own_rows(path: Path, clip: PreparedClip) -> None:
    shard = Shard(FileBytes(path))
    first, spoken, none = (shard.arrays(row) for row in (0, 2, 3))
    assert set(first) == {"boxes", "times", "present", "functionals", "descriptors"}
    np.testing.assert_array_equal(first["boxes"], clip.boxes, strict=True)
    np.testing.assert_array_equal(spoken["boxes"], clip.boxes[:2], strict=True)
    np.testing.assert_array_equal(spoken["functionals"], clip.functionals + 1, strict=True)
    np.testing.assert_array_equal(spoken["descriptors"], np.ones((4, 25), np.float32), strict=True)
    assert (none["boxes"].shape, none["descriptors"].shape, first["descriptors"].shape) == ((0, 4), (0, 0), (0, 0))
    first["times"][0] = 9  # a copy, which may be written to
    assert shard.arrays(0)["times"][0] == 0
    np.testing.assert_array_equal(decode(shard.sound(2)), np.arange(960))
    assert not shard.sound(0) and not shard.sound(3)
    assert bytes(shard.code(0, 4)) == clip.faces[4].tobytes() and bytes(shard.code(2, 1)) == clip.faces[1].tobytes()


def test_coded_pictures_say_so_and_take_what_room_they_need(tmp_path: Path, clip: PreparedClip) -> None:
    pictures = FacePictures.of(lambda frame: clip.faces[frame], clip.present, clip.faces.shape[1], 90)
    entry = Entry.of("a", replace(clip, faces=pictures))
    assert (entry.meta["coding"], entry.meta["side"], entry.meta["frames"]) == ("jpeg", 8, 5)
    write_shard(tmp_path / "a.npz", [entry, entry])
    shard = Shard(FileBytes(tmp_path / "a.npz"))
    for row in (0, 1):
        assert [bytes(shard.code(row, frame)) for frame in range(5)] == [pictures.code(frame) for frame in range(5)]


def test_other_types_and_orders_of_numbers_are_kept_as_float32(tmp_path: Path, clip: PreparedClip) -> None:
    wide = replace(
        clip, boxes=np.asfortranarray(clip.boxes.astype(np.float64)), functionals=clip.functionals.astype(np.float64)
    )
    write_shard(tmp_path / "a.npz", [Entry.of("a", clip)])
    write_shard(tmp_path / "b.npz", [Entry.of("a", wide)])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("number", [0, 1])
def test_failures_alone_and_nothing_at_all_make_a_shard(tmp_path: Path, number: int) -> None:
    write_shard(tmp_path / "a.npz", [Entry.failed("bad", "unreadable", "is no film")] * number)
    shard = Shard(FileBytes(tmp_path / "a.npz"))
    assert shard.keys == ["bad"] * number and shard.column("functionals").shape == (number, 0)
    assert shard.column("boxes").shape == (0, 0) and shard.column("times").shape == (0,)
    assert shard.intact()


def test_a_flipped_bit_anywhere_in_a_column_is_noticed(path: Path) -> None:
    assert Shard(FileBytes(path)).intact()
    content = path.read_bytes()
    for name in ("pictures", "times", "key"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            info = archive.getinfo(f"{name}.npy")
        place = info.header_offset + 30 + 20 + len(info.filename) + info.file_size - 1  # its last byte
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert not Shard(FileBytes(path)).intact()


def test_a_source_is_read_like_a_file(tmp_path: Path) -> None:
    content = bytes(range(200))
    (tmp_path / "a").write_bytes(content)
    file, like = _File(FileBytes(tmp_path / "a")), io.BytesIO(content)
    assert file.seekable() and file.readable()
    for offset, whence, count in ((10, 0, 5), (5, 1, 3), (-20, 2, 8), (-4, 1, -1), (0, 2, 4), (190, 0, 50), (0, 0, 0)):
        assert file.seek(offset, whence) == like.seek(offset, whence)
        assert file.read(count) == like.read(count)
        assert file.tell() == like.tell()
    assert file.seek(7) == 7 and file.read() == content[7:]
    assert file.seek(300) == 300 and file.read() == b""
