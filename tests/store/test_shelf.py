"""Where shards stand: what a folder of them and a bucket of them do with names, room, damage and requests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from affekt import storage
from affekt.errors import DataError
from affekt.media import PreparedClip
from affekt.storage import file_digest, s3
from affekt.store import shelf as shelves
from affekt.store.shard import Entry, write_shard
from affekt.store.shelf import LocalShelf, RemoteShelf, shard_name

Add = Callable[[LocalShelf | RemoteShelf, str], str]


@pytest.fixture
def add(tmp_path: Path, clip: PreparedClip) -> Add:
    """Put a shard with one clip of this key on a shelf; its name comes back."""

    def put(shelf: LocalShelf | RemoteShelf, key: str) -> str:
        path = tmp_path / f"made-{key}"
        write_shard(path, [Entry.of(key, clip)])
        name = shard_name(path, 1)
        shelf.add(path, name)
        return name

    return put


def test_a_name_tells_the_number_of_clips_and_the_content(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a shard")
    assert shard_name(tmp_path / "x", 17) == f"17-{file_digest(tmp_path / 'x')[:32]}.npz"


def test_a_folder_lists_its_shards_in_order_and_nothing_else(tmp_path: Path, add: Add) -> None:
    shelf = LocalShelf(tmp_path / "deep" / "shards")
    assert shelf.names() == []
    names = [add(shelf, key) for key in "abcd"]
    (shelf.folder / "1-x.npz.part").touch()
    assert shelf.names() == sorted(names)
    assert [shelf.shard(name).keys for name in names] == [["a"], ["b"], ["c"], ["d"]]
    assert not (tmp_path / "made-a").exists()


def test_the_shards_that_were_not_read_for_longest_are_closed(
    tmp_path: Path, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "MOST_OPEN", 2)
    shelf = LocalShelf(tmp_path / "shards")
    a, b, c = (add(shelf, key) for key in "abc")
    first, second = shelf.shard(a), shelf.shard(b)
    assert shelf.shard(a) is first  # read again: now b is the one that was not read for longest
    shelf.shard(c)
    assert shelf.shard(a) is first
    assert shelf.shard(b) is not second


def test_a_damaged_shard_is_put_away_and_closed(tmp_path: Path, add: Add) -> None:
    shelf = LocalShelf(tmp_path / "shards")
    names = [add(shelf, key) for key in "abc"]
    opened = shelf.shard(names[0])
    for name in names[:2]:
        path = shelf.folder / name
        path.write_bytes(path.read_bytes() + b"!")
    assert [shelf.verify(name) for name in names] == [False, False, True]
    assert shelf.names() == [names[2]]
    assert sorted(path.name for path in (tmp_path / "damaged").iterdir()) == sorted(names[:2])
    assert shelf.verify(names[0]) is False  # it is not there
    assert add(shelf, "a") == names[0] and shelf.shard(names[0]) is not opened


@pytest.fixture
def root(bucket: str) -> str:
    return f"s3://{bucket}/prepared/shards"


@pytest.fixture
def size(tmp_path: Path, clip: PreparedClip) -> int:
    """Of a shard that `add` makes."""
    write_shard(tmp_path / "measured", [Entry.of("a", clip)])
    return (tmp_path / "measured").stat().st_size


def copies(shelf: RemoteShelf, folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_a_bucket_lists_its_shards_in_order_and_nothing_else(root: str, tmp_path: Path, add: Add) -> None:
    shelf = RemoteShelf(root, tmp_path / "copies", 1 << 30)
    assert shelf.names() == []
    names = [add(shelf, key) for key in "abcd"]
    storage.write_bytes(f"{root}/notes.txt", b"x")
    assert shelf.names() == RemoteShelf(root, tmp_path / "other", 0).names() == sorted(names)
    with pytest.raises(DataError) as caught:
        RemoteShelf("s3://no-such-bucket-at-all/x", tmp_path / "other", 0).names()
    assert caught.value.code != "missing_file"


def test_copies_fill_their_room_exactly_and_the_oldest_makes_room(
    root: str, tmp_path: Path, add: Add, size: int
) -> None:
    writer = RemoteShelf(root, tmp_path / "copies", 2 * size)
    a, b = add(writer, "a"), add(writer, "b")
    assert copies(writer, tmp_path / "copies") == {a, b}  # just as much as there is room
    os.utime(tmp_path / "copies" / a, (2, 2))
    os.utime(tmp_path / "copies" / b, (1, 1))
    c = add(writer, "c")
    assert copies(writer, tmp_path / "copies") == {a, c}

    reader = RemoteShelf(root, tmp_path / "copies", 2 * size)
    assert reader.names() == sorted([a, b, c])
    assert reader.shard(a).keys == ["a"]
    assert (tmp_path / "copies" / a).stat().st_mtime > 2  # a copy that is read is young again
    os.utime(tmp_path / "copies" / a, (1, 1))
    assert reader.shard(b).keys == ["b"]
    assert copies(reader, tmp_path / "copies") == {a, b}  # this process reads a: c had to go, though it is younger
    assert reader.shard(c).keys == ["c"]
    assert copies(reader, tmp_path / "copies") == {a, b}  # no room beside what is read: fetched in stretches
    assert RemoteShelf(root, tmp_path / "copies", 2 * size).names() == sorted([a, b, c])


def test_a_room_one_byte_too_small_holds_no_copy(root: str, tmp_path: Path, add: Add, size: int) -> None:
    shelf = RemoteShelf(root, tmp_path / "copies", size - 1)
    a = add(shelf, "a")
    assert copies(shelf, tmp_path / "copies") == set() and (tmp_path / "made-a").exists()
    assert shelf.shard(a).keys == ["a"] and copies(shelf, tmp_path / "copies") == set()
    assert shelf.verify(a)


def test_columns_are_read_without_a_copy_and_from_a_copy_where_there_is_one(
    root: str, tmp_path: Path, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "MOST_OPEN", 2)
    writer = RemoteShelf(root, tmp_path / "copies", 1 << 30)
    names = [add(writer, key) for key in "abc"]
    shelf = RemoteShelf(root, tmp_path / "other", 1 << 30)
    shelf.names()
    opened = [shelf.columns(name) for name in names[:2]]
    assert [shard.keys for shard in opened] == [["a"], ["b"]]
    assert copies(shelf, tmp_path / "other") == set()
    assert shelf.columns(names[1]) is opened[1]
    shelf.columns(names[2])
    assert shelf.columns(names[1]) is opened[1] and shelf.columns(names[0]) is not opened[0]
    copied = shelf.shard(names[1])
    assert shelf.columns(names[1]) is copied is not opened[1]


def test_a_shard_that_was_damaged_on_its_way_is_no_copy(root: str, tmp_path: Path, add: Add) -> None:
    a = add(RemoteShelf(root, tmp_path / "copies", 1 << 30), "a")
    s3.write(f"{root}/{a}", b"something else")
    shelf = RemoteShelf(root, tmp_path / "other", 1 << 30)
    shelf.names()
    with pytest.raises(DataError, match="prepared again: 1") as caught:
        shelf.shard(a)
    assert (caught.value.code, caught.value.where) == ("damaged", f"{root}/{a}")
    assert copies(shelf, tmp_path / "other") == set() and shelf.names() == []


def test_a_damaged_copy_counts_as_none_and_the_object_stays(root: str, tmp_path: Path, add: Add) -> None:
    shelf = RemoteShelf(root, tmp_path / "copies", 1 << 30)
    a = add(shelf, "a")
    (tmp_path / "copies" / a).write_bytes(b"cut")
    assert shelf.verify(a) and shelf.verify("1-absent.npz")
    assert copies(shelf, tmp_path / "copies") == set()
    assert shelf.names() == [a] and shelf.shard(a).keys == ["a"]


def test_an_object_is_fetched_in_stretches_that_are_kept(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "_STRETCH", 100)
    content = bytes(number % 251 for number in range(1000))
    uri = f"s3://{bucket}/object"
    s3.write(uri, content)
    asked: list[tuple[int, int]] = []
    fetch = storage.read_range

    def noted(uri: str, first: int, count: int) -> bytes:
        asked.append((first, count))
        return fetch(uri, first, count)

    monkeypatch.setattr(storage, "read_range", noted)
    source = shelves._Stretches(uri, 1000)

    def read(first: int, count: int) -> list[tuple[int, int]]:
        asked.clear()
        assert bytes(source.read(first, count)) == content[first : first + count]
        return list(asked)

    assert read(990, 10) == [(900, 100)]  # near the end all that is left is fetched
    assert read(900, 100) == read(905, 7) == []
    assert read(899, 20) == [(899, 100)]
    assert read(0, 10) == [(0, 100)]
    assert read(0, 100) == read(99, 1) == []
    assert read(99, 2) == [(99, 100)]
    assert read(200, 300) == [(200, 300)]
    assert read(0, 10) == []
    assert read(600, 1) == [(600, 100)]  # of more than four stretches the first is let go
    assert read(0, 10) == [] and read(99, 2) == []
    assert read(990, 10) == [(900, 100)]

    small = shelves._Stretches(uri, 1000)
    small.size = 60  # of an object that is shorter than a stretch all is fetched
    asked.clear()
    assert bytes(small.read(50, 10)) == content[50:60] and asked == [(0, 60)]
