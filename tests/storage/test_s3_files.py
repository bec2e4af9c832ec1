"""Files in S3, against a real service over HTTP."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from affekt import patience
from affekt.errors import DataError
from affekt.storage import (
    download_folder,
    exists,
    list_entries,
    open_local,
    read_bytes,
    s3,
    upload_folder,
    write_bytes,
)
from affekt.storage.s3 import patient
from tests.registry.shared_servers import Way


def test_bytes_go_there_and_back(bucket: str) -> None:
    write_bytes(f"{bucket}/a/b.bin", b"0123456789")
    assert read_bytes(f"{bucket}/a/b.bin") == b"0123456789"
    assert read_bytes(f"{bucket}/a/b.bin", first=4) == b"0123"


def test_a_file_is_local_only_inside_the_block_and_keeps_its_ending(bucket: str) -> None:
    write_bytes(f"{bucket}/clips/one.mp4", b"film")
    with open_local(f"{bucket}/clips/one.mp4") as path:
        assert (path.name, path.read_bytes()) == ("one.mp4", b"film")
    assert not path.exists() and not path.parent.exists()


@pytest.mark.parametrize("name", [300 * "x" + ".mp4", 200 * "ä" + ".mp4", "a\0b.mp4", "a." + 300 * "x", ".."])
def test_a_key_may_be_what_no_file_can_be_called(bucket: str, name: str) -> None:
    write_bytes(f"{bucket}/clips/{name}", b"film")
    with open_local(f"{bucket}/clips/{name}") as path:
        assert path.read_bytes() == b"film"
        assert path.suffix == (".mp4" if name.endswith(".mp4") else "")


def test_a_listing_has_more_than_one_page_and_stays_below_its_folder(bucket: str, tmp_path: Path) -> None:
    for number in range(45):
        (tmp_path / f"{number:04d}").write_bytes(b"x")
    upload_folder(tmp_path, f"{bucket}/many")
    write_bytes(f"{bucket}/many-others/file", b"y")
    entries = list_entries(f"{bucket}/many")
    assert len(entries) == 45
    assert (entries[-1].path, entries[-1].uri, entries[-1].size) == ("0044", f"{bucket}/many/0044", 1)


def test_a_folder_goes_there_and_back(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "model" / "folds" / "0").mkdir(parents=True)
    (tmp_path / "model" / "model.json").write_text("{}")
    (tmp_path / "model" / "folds" / "0" / "weights").write_bytes(b"w" * 100_000)
    upload_folder(tmp_path / "model", f"{bucket}/models/7")
    back = download_folder(f"{bucket}/models/7", tmp_path / "back")
    assert [entry.path for entry in list_entries(back)] == ["folds/0/weights", "model.json"]
    assert (back / "folds" / "0" / "weights").read_bytes() == b"w" * 100_000


def test_a_key_cannot_lead_out_of_the_folder(bucket: str, s3_service: Any, tmp_path: Path) -> None:
    s3_service.put_object(Bucket="clips", Key="set/a/../../../evil", Body=b"!")
    with pytest.raises(DataError) as caught:
        download_folder(f"{bucket}/set", tmp_path / "deep" / "copy")
    assert caught.value.code == "bad_key"
    assert list((tmp_path / "deep").iterdir()) == []


def test_exists_is_about_objects_and_folders(bucket: str) -> None:
    write_bytes(f"{bucket}/set/manifest.csv", b"path,label\n")
    assert exists(f"{bucket}/set/manifest.csv")
    assert exists(f"{bucket}/set")
    assert not exists(f"{bucket}/se")
    assert not exists("s3://no-such-bucket/set")


@pytest.mark.parametrize(
    ("uri", "call", "code"),
    [
        ("s3://clips/absent.mp4", read_bytes, "missing_file"),
        ("s3://clips/absent", list_entries, "missing_file"),
        ("s3://clips/absent.mp4", lambda uri: open_local(uri).__enter__(), "missing_file"),
        ("s3://no-such-bucket/x", list_entries, "missing_bucket"),
        ("s3://no-such-bucket/x", read_bytes, "missing_bucket"),
        ("s3://no-such-bucket/x", lambda uri: write_bytes(uri, b""), "missing_bucket"),
        ("s3:///x", read_bytes, "missing_bucket"),
    ],
)
def test_what_is_missing_is_named(bucket: str, uri: str, call, code: str) -> None:
    with pytest.raises(DataError) as caught:
        call(uri)
    assert (caught.value.code, caught.value.where) == (code, uri)


def test_without_credentials_the_error_says_how_to_give_them(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(DataError, match="AWS_ACCESS_KEY_ID") as caught:
        read_bytes(f"{bucket}/x")
    assert caught.value.code == "no_credentials"


def test_a_service_that_does_not_answer_is_named(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(DataError, match="AWS_ENDPOINT_URL_S3") as caught:
        read_bytes(f"{bucket}/x")
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize(("code", "asked"), [("unreachable", 3), ("busy", 3), ("access_denied", 1)])
def test_within_a_step_a_request_is_repeated_while_the_service_is_away(monkeypatch, code, asked) -> None:
    monkeypatch.setattr(patience, "_PAUSES", (0.01,))
    tries: list[str] = []

    @patient
    def request(uri: str) -> int:
        tries.append(uri)
        if len(tries) < 3:
            raise DataError("the S3 service is away", code=code, where=uri)
        return len(tries)

    with patience.as_a_step(), pytest.raises(DataError) if asked == 1 else contextlib.nullcontext():
        assert request("s3://bucket/key") == 3
    assert len(tries) == asked


def test_a_service_without_room_is_named_at_once(bucket: str, s3_service: Any, tmp_path: Path, monkeypatch) -> None:
    way = Way(int(s3_service.meta.endpoint_url.rpartition(":")[2]))
    way.state = "full"
    write_bytes(f"{bucket}/there", b"0123")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", way.uri)
    (tmp_path / "a").write_bytes(b"0123")
    try:
        for send in (lambda: write_bytes(f"{bucket}/a", b"0123"), lambda: s3.send(tmp_path / "a", f"{bucket}/b")):
            with patience.as_a_step(), pytest.raises(DataError, match="no room left") as caught:
                send()
            assert caught.value.code == "storage_full"
        assert read_bytes(f"{bucket}/there") == b"0123"
    finally:
        way.close()


@pytest.mark.parametrize(
    "request_", [read_bytes, lambda uri: s3.read_range(uri, 1, 2), list_entries, s3.version,
                 lambda uri: open_local(uri).__enter__()],
    ids=["read", "part", "list", "version", "fetch"],
)  # fmt: skip
def test_an_answer_that_ends_amid_its_headers_is_not_taken_for_an_empty_one(
    bucket: str, s3_service: Any, monkeypatch: pytest.MonkeyPatch, request_
) -> None:
    write_bytes(f"{bucket}/a", b"0123")
    way = Way(int(s3_service.meta.endpoint_url.rpartition(":")[2]))
    way.state = "cut"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", way.uri)
    try:
        with pytest.raises(DataError) as caught:
            request_(f"{bucket}/a")
    finally:
        way.close()
    assert caught.value.code == "unreachable"
